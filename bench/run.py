"""`python -m bench.run`: train and evaluate the matrix, and write its CSVs.

What is done already is not done again. Imports no torch: model runs execute in child processes.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from logging import Logger
from types import FrameType

from bench.cli.dry_run import plan_as_json, plan_as_text, request_as_json
from bench.cli.run_options import DASK, Request, build_parser, read_request
from bench.cli.summary import (
    failure_lines,
    few_lines,
    missing_lines,
    report_of,
    summary_table,
)
from bench.execution.engine import Engine, LocalEngine
from bench.execution.progress import run_log
from bench.execution.provenance import write_run_file
from bench.execution.runner import Runner
from bench.plan.runs import ModelRun, plan_blocks
from bench.plan.shards import shard_of
from bench.plan.status import Matrix
from bench.probe import probe_folder
from bench.throughput import measure_missing, measurement_of
from results.command_line import DONE, FAILED, UsageError, run_command
from results.errors import ResultsError
from results.schema.rows import OK, AccuracyRow
from results.store.folder import Plan, Store, coded_otherwise, open_store, trained_otherwise
from results.wording import shown_command
from tasks import TASKS

# A terminal is closed, a scheduler warns that the time is nearly up, or a limit of it is reached.
_ENDING = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


class Stopped(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    return run_command(build_parser(), arguments, lambda given: _run(read_request(given)))


def _run(request: Request) -> int:
    if request.is_dry_run:
        _, matrix, to_do = _plan(request, open_store(request.out, create=False))
        print((plan_as_json if request.is_json else plan_as_text)(request, matrix, to_do))
        return DONE
    try:
        return _train(request)
    except Stopped as stopped:
        with suppress(OSError):  # The terminal may be gone.
            print(
                f"Stopped. Everything finished is kept in {request.out}; "
                "the same command goes on from there.",
                file=sys.stderr,
            )
        return stopped.exit_status


def _train(request: Request) -> int:
    # The engine first: a cluster that cannot serve is refused before anything is written.
    with _signals_raise(), _engine_of(request) as engine:
        store = open_store(request.out, create=True)
        rows, matrix, to_do = _plan(request, store)
        print(plan_as_text(request, matrix, to_do))
        # Of all shards: a merge says then which of them are missing.
        # Asked again under the lock: another command may have planned something else meanwhile.
        store.extend_plan(rows, require=lambda present: _require_fitting(request, present, rows))
        with run_log(request.out) as log:
            if to_do:
                write_run_file(request.out, request_as_json(request, matrix))
                log.info(f"started: {len(to_do)} of {len(matrix.runs)} model runs to do")
            failures = _complete(request, store, matrix, to_do, engine=engine, log=log)
        for notice in store.take_notices():
            print(notice, file=sys.stderr)
        # A terminal that closes meanwhile ends this too, and with the same status.
        if request.has_probes and to_do:
            _probe(request)
        status = _conclude(request, store, matrix)
    if failures:
        said = f"{len(failures)} measurements of the throughput failed:"
        print(said, *few_lines(failures), sep="\n", file=sys.stderr)
    return FAILED if failures else status


def _plan(
    request: Request, store: Store
) -> tuple[Sequence[AccuracyRow], Matrix, Sequence[ModelRun]]:
    """Hold the plan against the folder: its rows, the runs of this shard, and those to do."""
    runs = plan_blocks(request.blocks)
    rows = [row for run in runs for row in run.planned_rows()]
    _require_fitting(request, store.plan(), rows)
    own = runs if request.shard is None else shard_of(runs, request.shard)
    matrix = Matrix.of(own, store)
    return rows, matrix, matrix.runs_to_do(retries_failed=request.retries_failed)


def _require_fitting(request: Request, present: Plan, rows: Sequence[AccuracyRow]) -> None:
    """Refuse rows that would be in one curve with rows of another training, or of other code."""
    row = coded_otherwise(present, rows, suite_tasks=TASKS)
    if row is not None:
        raise UsageError(
            f"--models: {request.out} has rows of an earlier version of the code of {row.task}, "
            f"{row.model}; choose another --out, or undo the edit"
        )
    # Two trainings of one length, after other lengths before it, do not belong in one curve.
    row = trained_otherwise(present, rows)
    if row is not None:
        raise UsageError(
            f"--lengths: {request.out} has length {row.train_length} of {row.task}, "
            f"{row.model} after other lengths than these; choose another --out"
        )


def _complete(
    request: Request,
    store: Store,
    matrix: Matrix,
    to_do: Sequence[ModelRun],
    *,
    engine: Engine,
    log: Logger,
) -> list[str]:
    """Run what is missing and write the CSVs, also after a signal.

    Returns:
        What of the throughput could not be measured, a line each.
    """
    failures: list[str] = []
    try:
        try:
            if to_do:
                runner = Runner(store, engine=engine, log=log, limits=request.limits)
                runner.carry_out(matrix, to_do)
        finally:
            engine.stop()  # Before the last compilation, and before anything is timed.
        store.compile()
        if request.measures_throughput:
            for block in request.blocks:
                failures += failure_lines(measure_missing(measurement_of(block), store))
    except Stopped:
        store.compile()
        raise
    return failures


@contextmanager
def _engine_of(request: Request) -> Iterator[Engine]:
    engine: Engine
    if request.engine == DASK:
        try:  # Dask is installed only where it was asked for.
            from bench.execution.dask_engine import DaskEngine
        except ModuleNotFoundError as error:
            raise UsageError(
                f"--engine: dask needs {error.name}; pip install '.[cluster]' brings it"
            ) from None
        device = request.blocks[0].settings.device
        engine = DaskEngine(request.scheduler, jobs=request.jobs, device=device, out=request.out)
    else:
        engine = LocalEngine(jobs=request.jobs)
    try:
        yield engine
    finally:
        engine.stop()


def _conclude(request: Request, store: Store, matrix: Matrix) -> int:
    planned = [row for run in matrix.runs for row in run.planned_rows()]
    read = (store.read_record(row.record_id) for row in planned)
    rows = {record.row.record_id: record.row for record in read if record is not None}
    has_trained = len(rows) > matrix.count_records()[OK]
    # Of a finished matrix they take seconds again, and are there already.
    has_reports = has_trained and request.has_reports
    table = _report_of(request, "reports.models") if has_reports else None
    print(f"\n{table or summary_table([*rows.values()])}\n")
    where = [] if str(request.out) == "results" else ["--results", request.out]
    print(f"Figures: {shown_command('reports.figures', *where)}")
    if page := _report_of(request, "reports.page") if has_reports else None:
        print(page)
    if len(rows) == len(planned):
        return DONE
    print(*missing_lines(planned, rows, store.failures()), sep="\n", file=sys.stderr)
    return FAILED


def _probe(request: Request) -> None:
    """Look into the trained models; if that cannot be, say why, and that is all."""
    try:
        probe_folder(request.out, lengths=(), jobs=request.jobs)
    except (UsageError, ResultsError) as error:
        print(f"not probed: {error}", file=sys.stderr)


def _report_of(request: Request, command: str) -> str | None:
    """Let a command of `reports` describe the folder; if it cannot, say why, and that is all."""
    try:
        return report_of(command, request.out)
    except ResultsError as error:
        print(error, file=sys.stderr)
        return None


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Turn a signal to end into `Stopped`; a second one ends at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in handled:
            # A closing terminal may say so twice, where a person who says it twice insists.
            signal.signal(each, signal.SIG_IGN if each in _ENDING else signal.SIG_DFL)
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # Python gives signals to the main thread alone.
        return
    # `nohup` has them ignored, and a caller may have handlers of its own.
    free = (number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL)
    handled = (signal.SIGINT, signal.SIGTERM, *free)
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
