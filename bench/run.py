"""`python -m bench.run`: train and evaluate the matrix, and write its CSVs.

What is done already is not done again. Imports no torch: model runs execute in child processes.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging import Logger
from types import FrameType

from bench.cli.dry_run import plan_as_json, plan_as_text, request_as_json
from bench.cli.execution import DASK
from bench.cli.run_options import Request, parse_request
from bench.cli.summary import summary_table
from bench.execution.engine import Engine, LocalEngine
from bench.execution.progress import run_log
from bench.execution.provenance import write_run_file
from bench.execution.runner import Runner
from bench.plan.runs import ModelRun, plan_blocks
from bench.plan.shards import shard_of
from bench.plan.status import Matrix
from bench.throughput import measure_missing, measurement_of
from results.command_line import UsageError
from results.errors import ResultsError
from results.schema.columns import one_line
from results.store.folder import Store, open_store
from results.store.ladders import trained_otherwise

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


class Stopped(BaseException):
    """A signal asked the command to end."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.exit_code = 128 + signal_number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        request = parse_request(sys.argv[1:] if arguments is None else arguments)
        return _run(request)
    except (UsageError, ResultsError) as error:
        print(f"bench.run: {one_line(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except Stopped as stopped:
        return stopped.exit_code
    except BrokenPipeError:  # As by `--dry-run --json | head`: whoever reads has heard enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:  # Before there was anything to stop.
        return 128 + signal.SIGINT


def _run(request: Request) -> int:
    if request.is_dry_run:
        return _dry_run(request)
    try:
        return _train(request)
    except Stopped:
        print(
            f"Stopped. Everything finished is kept in {request.out}; "
            "the same command goes on from there.",
            file=sys.stderr,
        )
        raise


def _train(request: Request) -> int:
    with _signals_raise(), _engine_of(request) as engine:
        store = open_store(request.out, create=True)
        matrix, to_do = _plan(request, store)
        print(plan_as_text(request, matrix, to_do))
        store.extend_plan(row for run in matrix.runs for row in run.planned_rows())
        with run_log(request.out) as log:
            if to_do:
                write_run_file(request.out, request_as_json(request, matrix))
                log.info(f"started: {len(to_do)} of {len(matrix.runs)} model runs to do")
            _complete(request, store, matrix, to_do, engine=engine, log=log)
        for notice in store.take_notices():
            print(notice, file=sys.stderr)
    return _conclude(request, store, matrix.runs)


def _dry_run(request: Request) -> int:
    matrix, to_do = _plan(request, open_store(request.out, create=False))
    as_written = plan_as_json if request.is_json else plan_as_text
    print(as_written(request, matrix, to_do))
    return EXIT_DONE


def _plan(request: Request, store: Store) -> tuple[Matrix, Sequence[ModelRun]]:
    """Return the plan against what the folder has, and the runs to do."""
    runs = plan_blocks(request.blocks)
    if request.execution.shard is not None:
        runs = shard_of(runs, request.execution.shard)
    _require_one_ladder(request, store, runs)
    matrix = Matrix.of(runs, store)
    return matrix, matrix.runs_to_do(retries_failed=request.retries_failed)


def _complete(
    request: Request,
    store: Store,
    matrix: Matrix,
    to_do: Sequence[ModelRun],
    *,
    engine: Engine,
    log: Logger,
) -> None:
    """Do all that is left, and leave CSVs that have it, also where a signal ends it."""
    try:
        try:
            if to_do:
                runner = Runner(store, engine=engine, log=log, limits=request.execution.limits)
                runner.carry_out(matrix, to_do)
        finally:
            engine.stop()  # Before the last compilation, and before anything is timed.
        store.compile()
        if request.measures_throughput:
            for block in request.blocks:
                measure_missing(measurement_of(block), store)
    except Stopped:
        store.compile()
        raise


@contextmanager
def _engine_of(request: Request) -> Iterator[Engine]:
    """Open the engine asked for; a cluster that cannot serve is refused before anything is written.

    Raises:
        UsageError: The engine is not installed, or cannot serve the request.
    """
    execution = request.execution
    engine: Engine
    if execution.engine == DASK:
        try:
            from bench.execution.dask_engine import (
                DaskEngine,  # Dask is there only where it was asked for.
            )
        except ModuleNotFoundError as error:
            raise UsageError(
                f"--engine: dask needs {error.name}; pip install '.[cluster]' brings it"
            ) from None
        engine = DaskEngine(
            execution.scheduler,
            jobs=execution.jobs,
            device=request.blocks[0].settings.device,
            out=request.out,
        )
    else:
        engine = LocalEngine(jobs=execution.jobs)
    try:
        yield engine
    finally:
        engine.stop()


def _require_one_ladder(request: Request, store: Store, runs: Sequence[ModelRun]) -> None:
    """Refuse to put two trainings of one length into one curve.

    Raises:
        UsageError: If the folder has a length of a model at the end of another path of lengths.
    """
    row = trained_otherwise(store.plan(), (row for run in runs for row in run.planned_rows()))
    if row is not None:
        raise UsageError(
            f"--lengths: {request.out} has length {row.train_length} of {row.task}, "
            f"{row.model} after other lengths than these; choose another --out"
        )


def _conclude(request: Request, store: Store, runs: Sequence[ModelRun]) -> int:
    rows = [
        record.row
        for run in runs
        for row in run.planned_rows()
        if (record := store.read_record(row.record_id)) is not None
    ]
    planned = sum(1 for run in runs for _ in run.planned_rows())
    print()
    print(summary_table(rows))
    print()
    where = "" if str(request.out) == "results" else f" --results {request.out}"
    print(f"Figures: python -m reports.figures{where}")
    if len(rows) == planned:
        return EXIT_DONE
    failures = [row for row in store.failures().values() if row.run_id in {r.run_id for r in runs}]
    print(f"{planned - len(rows)} of {planned} records are missing:", file=sys.stderr)
    for row in failures:
        print(
            f"  {row.task}, {row.model}, seed {row.seed}, length {row.length}: "
            f"{row.status}: {row.error}",
            file=sys.stderr,
        )
    return EXIT_FAILED


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Turn an interrupt or a request to end into `Stopped`; a second one ends at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    handled = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
