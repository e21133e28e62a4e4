"""`python -m bench.run`: train and evaluate the matrix, and write its CSVs.

What is done already is not done again. Imports no torch: model runs execute in child processes.
"""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from bench.arguments import Request, parse_request
from bench.engine import ChildEnd, LocalEngine, Order
from bench.estimate import matrix_seconds, stage_seconds
from bench.matrix import Matrix
from bench.options import UsageError
from bench.plan import Block, ModelRun, plan_blocks
from bench.progress import Progress, describe_seconds
from bench.summary_table import summary_table
from bench.throughput import measure_missing, measurement_of
from results.columns import one_line
from results.errors import ResultsError
from results.schema import FAILING_STATUSES, NOT_REACHED, OK, AccuracyRow
from results.store import LEFT, Store, open_store

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
_LEAST_TIME_LIMIT_SECONDS = 3600.0
_TIME_LIMIT_FACTOR = 20.0


class Stopped(BaseException):
    """A signal asked the command to end."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
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


def _run(request: Request) -> int:
    runs = plan_blocks(request.blocks)
    store = open_store(request.out, create=not request.is_dry_run)
    _require_one_ladder(request, store, runs)
    matrix = Matrix.of(runs, store)
    to_do = matrix.runs_to_do(retries_failed=request.retries_failed)
    _print_plan(request, matrix, to_do)
    if request.is_dry_run:
        return EXIT_DONE
    store.extend_plan(row for run in runs for row in run.planned_rows())
    with _signals_raise():
        try:
            if to_do:
                _carry_out(request, store, matrix, to_do)
            store.compile()
            if request.measures_throughput:
                for block in request.blocks:
                    measure_missing(measurement_of(block), store)
        except Stopped:
            store.compile()
            print(
                f"Stopped. Everything finished is kept in {request.out}; "
                "the same command goes on from there.",
                file=sys.stderr,
            )
            raise
    for notice in store.take_notices():
        print(notice, file=sys.stderr)
    return _conclude(request, store, runs)


def _require_one_ladder(request: Request, store: Store, runs: Sequence[ModelRun]) -> None:
    """Refuse to put two trainings of one length into one curve: other rungs before it differ.

    Raises:
        UsageError: If the folder has this length of this model at the end of another path.
    """
    stages = {_point(row): row.stage_id for row in store.plan()}
    for run in runs:
        for row in run.planned_rows():
            if stages.get(_point(row), row.stage_id) != row.stage_id:
                raise UsageError(
                    f"--lengths: {request.out} has length {row.train_length} of {row.task}, "
                    f"{row.model} after other lengths than these; choose another --out"
                )


def _point(row: AccuracyRow) -> tuple[str, str, str, int, int, int]:
    train_length = 0 if row.protocol == "mixed" else row.train_length
    return (row.task, row.model, row.config_id, row.seed, train_length, row.length)


def _carry_out(request: Request, store: Store, matrix: Matrix, to_do: Sequence[ModelRun]) -> None:
    runs = {run.run_id: run for run in to_do}
    orders = [_order(run, out=request.out, attempt=matrix.attempt(run)) for run in to_do]
    engine = LocalEngine(out=request.out, jobs=request.jobs)
    with Progress(matrix.unfinished_stages(to_do)) as progress:

        def on_event(order: Order, event: Mapping[str, object]) -> None:
            progress.take(runs[order.name], event)
            if "record" in event:
                store.compile()

        try:
            for end in engine.execute(orders, on_event=on_event):
                run = runs[end.order.name]
                _record_child_end(store, run, end)
                progress.finish_run(run)
        finally:
            engine.stop()


def _order(run: ModelRun, *, out: Path, attempt: int) -> Order:
    seconds = sum(stage_seconds(run, stage) for stage in run.stages())
    return Order(
        name=run.run_id,
        module="bench.model_run",
        message={"run": run.to_json(), "out": str(out), "attempt": attempt},
        time_limit_seconds=max(_LEAST_TIME_LIMIT_SECONDS, _TIME_LIMIT_FACTOR * seconds),
    )


def _record_child_end(store: Store, run: ModelRun, end: ChildEnd) -> None:
    """Leave a row for a child that ended without a record or a failure of its own."""
    attempt = end.order.message["attempt"]
    failures = store.failures()
    for row in run.planned_rows():
        if store.read_record(row.record_id) is not None:
            continue
        failure = failures.get(row.record_id)
        if failure is not None and failure.attempts == attempt:
            return  # The child said itself what stopped it.
        status, error = _end_in_words(end)
        store.write_failure(replace(row, status=status, attempts=attempt, error=error))
        return


def _end_in_words(end: ChildEnd) -> tuple[str, str]:
    if end.is_timed_out:
        return "timed_out", f"not done after {end.order.time_limit_seconds:.0f} seconds"
    if end.exit_code < 0:
        return "killed", f"killed by {_signal_name(-end.exit_code)}"
    without = " without a record" if end.exit_code == 0 else ""
    log = f"logs/{end.order.name}.log"
    return "failed", f"exit status {end.exit_code}{without}; see {log}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # A real-time signal has no name.
        return f"signal {number}"


def _print_plan(request: Request, matrix: Matrix, to_do: Sequence[ModelRun]) -> None:
    for block in request.blocks:
        print(_describe(block))
    records = [matrix.status(stage.record_id(length)) for _, stage, length in matrix.records()]
    done = records.count(OK)
    failed = sum(status in FAILING_STATUSES for status in records)
    print(
        f"Records: {len(records)} in {len(matrix.runs)} model runs; {done} done, {failed} failed,"
        f" {records.count(NOT_REACHED)} not reached, {records.count(LEFT)} left in {request.out}"
    )
    if to_do:
        seconds = matrix_seconds(matrix.unfinished_stages(to_do), jobs=request.jobs)
        print(
            f"To do: {len(to_do)} model runs, {request.jobs} at a time;"
            f" at most about {describe_seconds(seconds)} if every stage takes its whole budget"
        )
    elif failed:
        print("To do: nothing but what failed; --retry-failed tries that again")
    else:
        print("To do: no training, all of it is done")


def _describe(block: Block) -> str:
    settings = block.settings
    lengths, sizes = settings.lengths, sorted({*settings.symbols.values()})
    alphabet = f" alphabet {', '.join(map(str, sizes))}," if sizes else ""
    return (
        f"Matrix: {', '.join(task.name for task in block.tasks)}"
        f" x {', '.join(entry.name for entry in block.models)}"
        f" x {len(settings.seeds)} {_plural('seed', len(settings.seeds))};"
        f" {len(lengths)} {_plural('length', len(lengths))}"
        f" {lengths[0]}..{lengths[-1]}, {settings.protocol},{alphabet}"
        f" {settings.cell} {settings.hidden}, encoder {settings.encoder}, {settings.device}"
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


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


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
