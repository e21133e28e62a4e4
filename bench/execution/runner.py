"""Carries out the model runs of a plan in a results folder, until nothing is left that may pass.

Several runners may work on one folder: a run that another one holds is waited for, and taken over
when that one dies. Imports no torch.
"""

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.execution.engine import Engine
from bench.execution.progress import Progress
from bench.execution.run_log import RunLog
from bench.execution.seed_summary import SeedSummary
from bench.execution.worker import RESULTS_REFUSED, ChildEnd, Order
from bench.plan.cost import Limits, describe_seconds
from bench.plan.runs import ModelRun
from bench.plan.status import Matrix
from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from results.store.folder import Store, open_store

WAIT_SECONDS = 2.0
_MAY_PASS = "killed"


class Runner:
    """Carries out model runs.

    Args:
        store: The results folder, whose plan has all of the runs.
        engine: What executes them.
        log: Receives a line for all that happens.
        limits: How much a run may take.
    """

    def __init__(self, store: Store, *, engine: Engine, log: RunLog, limits: Limits) -> None:
        self._store = store
        self._engine = engine
        self._log = log
        self._limits = limits
        self._is_waiting = False
        self._refusals: dict[str, str] = {}

    def carry_out(self, matrix: Matrix, to_do: Sequence[ModelRun], *, progress: Progress) -> None:
        """Leave a record or a failure for every stage of some runs.

        Args:
            matrix: All runs of the plan, and how far the folder had them.
            to_do: The runs, in the order in which they are started.
            progress: The bar to move.

        Raises:
            ResultsError: The results folder is gone or cannot be written, or the engine is lost.
        """
        runs = {run.run_id: run for run in to_do}
        first = {run.run_id: matrix.attempt(run) for run in to_do}
        say = partial(self._say, progress)
        summary = SeedSummary(matrix.runs, to_do=to_do, rows_of=self._rows, say=say)
        orders = [self._order(run, attempt=first[run.run_id]) for run in to_do]

        def on_event(order: Order, event: Mapping[str, Any]) -> None:
            run = runs[order.name]
            progress.take(run, event)
            self._log_event(run, order.message["attempt"], event)
            if "record" in event:
                self._store.compile()
            elif "refused" in event:
                self._refusals[order.name] = event["refused"]

        while orders:
            left = []
            for end in self._engine.execute(orders, on_event=on_event):
                run = runs[end.order.name]
                last = first[run.run_id] + self._limits.retries
                attempt = self._take(run, end, last_attempt=last)
                if attempt is None:
                    progress.finish_run(run)
                    summary.finish(run)
                else:
                    left.append((end, self._order(run, attempt=attempt)))
            orders = [order for _, order in left]
            if left and all(end.is_elsewhere for end, _ in left):
                self._wait(len(left), say)

    def _wait(self, count: int, say: Callable[[str], None]) -> None:
        """Give those who hold the runs that are left some time."""
        if not self._is_waiting:
            say(f"Waiting for {count} model runs that another command carries out in this folder.")
        self._is_waiting = True
        time.sleep(WAIT_SECONDS)

    def _order(self, run: ModelRun, *, attempt: int) -> Order:
        out = str(self._store.root.resolve())
        return Order(
            name=run.run_id,
            module="bench.training.model_run",
            message={"run": run.to_json(), "out": out, "attempt": attempt},
            out=out,
            time_limit_seconds=self._limits.seconds_of(run),
            is_needed="bench.execution.runner:is_needed",
        )

    def _take(self, run: ModelRun, end: ChildEnd, *, last_attempt: int) -> int | None:
        """Leave a row for how an order ended; return the next attempt, None where it is over."""
        attempt: int = end.order.message["attempt"]
        if end.exit_code is not None:
            self._record_child_end(run, end)
        missing = [row for row in run.planned_rows() if not self._has_record(row)]
        if not missing:
            return None
        failure = _latest(self._store.failures(), missing)
        if end.is_elsewhere and (failure is None or failure.attempts < attempt):
            return attempt
        if failure is None or failure.status != _MAY_PASS or failure.attempts >= last_attempt:
            return None
        self._log.write(f"{describe(run)}: {failure.error}; it is tried again")
        return failure.attempts + 1

    def _record_child_end(self, run: ModelRun, end: ChildEnd) -> None:
        """Leave a row for a child that ended without a record or a failure of its own.

        Raises:
            ResultsError: The results folder refused what the child wrote.
        """
        if end.exit_code == RESULTS_REFUSED:
            raise ResultsError(self._refusals.get(run.run_id, f"{self._store.root}: not writable"))
        attempt = end.order.message["attempt"]
        failures = self._store.failures()
        for row in run.planned_rows():
            if self._has_record(row):
                continue
            failure = failures.get(row.record_id)
            if failure is not None and failure.attempts == attempt:
                return  # The child said itself what stopped it.
            status, error = _end_in_words(end)
            self._store.write_failure(replace(row, status=status, attempts=attempt, error=error))
            self._log.write(f"{describe(run)}: {status}: {error} (attempt {attempt})")
            return

    def _log_event(self, run: ModelRun, attempt: int, event: Mapping[str, Any]) -> None:
        if "begun" in event:
            self._log.write(f"{describe(run)}: begun as {event['begun']} (attempt {attempt})")
        elif "record" in event and (record := self._store.read_record(event["record"])):
            self._log.write(f"{describe(run)}, {_describe_record(record.row)}")
        elif "failure" in event and (failure := self._store.failures().get(event["failure"])):
            self._log.write(
                f"{describe(run)}, length {failure.length}: {failure.status}: {failure.error} "
                f"(attempt {failure.attempts})"
            )

    def _say(self, progress: Progress, text: str) -> None:
        progress.say(text)
        self._log.write(text)

    def _has_record(self, row: AccuracyRow) -> bool:
        return self._store.read_record(row.record_id) is not None

    def _rows(self, run: ModelRun) -> list[AccuracyRow]:
        records = (self._store.read_record(row.record_id) for row in run.planned_rows())
        return [record.row for record in records if record is not None]


def is_needed(message: Mapping[str, Any]) -> bool:
    """Return whether the run of an order still lacks a record, and nobody has tried it as often.

    Args:
        message: What the child of the order would read.
    """
    run = ModelRun.from_json(message["run"])
    store = open_store(Path(message["out"]), create=False)
    missing = [row for row in run.planned_rows() if store.read_record(row.record_id) is None]
    if not missing:
        return False
    failure = _latest(store.failures(), missing)
    return failure is None or failure.attempts < message["attempt"]


def describe(run: ModelRun) -> str:
    """Return a run in words, with its id."""
    return f"{run.task} {run.model} seed {run.seed} ({run.run_id})"


def _latest(failures: Mapping[str, AccuracyRow], rows: Sequence[AccuracyRow]) -> AccuracyRow | None:
    """Return the failure of these rows that was tried most often."""
    found = [failures[row.record_id] for row in rows if row.record_id in failures]
    return max(found, key=lambda row: row.attempts, default=None)


def _describe_record(row: AccuracyRow) -> str:
    right = "" if row.token_accuracy is None else f", {row.token_accuracy:.3f} of the items right"
    trained = describe_seconds(row.train_seconds or 0.0)
    return (
        f"trained to {row.train_length}, tested at {row.length}: {row.stopped_because} after "
        f"{row.stage_updates} updates and {trained}{right}"
    )


def _end_in_words(end: ChildEnd) -> tuple[str, str]:
    if end.is_timed_out:
        return "timed_out", f"not done after {end.order.time_limit_seconds:.0f} seconds"
    code = end.exit_code or 0
    if code < 0:
        return _MAY_PASS, f"killed by {_signal_name(-code)}"
    without = " without a record" if code == 0 else ""
    log = f"logs/{end.order.name}.log"
    return "failed", f"exit status {code}{without}; see {log}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # A real-time signal has no name.
        return f"signal {number}"
