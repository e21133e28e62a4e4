"""Carries out the model runs of a plan in a results folder, until nothing is left that may pass.

Several runners may work on one folder: one waits for a run that another one holds, and takes it
over when that one dies. Imports no torch.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from logging import Logger
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.execution.engine import ChildEnd, ChildOrder, Engine, exit_in_words
from bench.execution.progress import progress_bar, say_in_file
from bench.execution.worker_main import RESULTS_REFUSED
from bench.plan.cost import Limits
from bench.plan.runs import ModelRun
from bench.plan.status import Matrix
from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from results.store.folder import Store, open_store

WAIT_SECONDS = 2.0
_MAY_PASS = "killed"


class Runner:
    """Carries out model runs that are in the plan of a results folder."""

    def __init__(self, store: Store, *, engine: Engine, log: Logger, limits: Limits) -> None:
        self._store = store
        self._engine = engine
        self._log = log
        self._limits = limits
        self._has_waited = False
        self._refusals: dict[str, str] = {}

    def carry_out(self, matrix: Matrix, to_do: Sequence[ModelRun]) -> None:
        """Leave a record or a failure for every stage of some runs.

        Args:
            matrix: How far the folder has the plan.
            to_do: The runs, in the order in which they are started.

        Raises:
            ResultsError: The results folder is gone or cannot be written, or the engine is lost.
        """
        runs = {run.run_id: run for run in to_do}
        last = {run.run_id: matrix.attempt(run) + self._limits.retries for run in to_do}
        left = {run.run_id: len(_missing_rows(self._store, run)) for run in to_do}
        bar = progress_bar(sum(left.values()), "training", unit="record")

        def count(run_id: str, records: int) -> None:
            with bar.get_lock():  # Children are listened to in threads.
                left[run_id] -= records
                bar.update(records)

        def on_event(order: ChildOrder, event: Mapping[str, Any]) -> None:
            count(order.name, "record" in event)
            self._take_event(order, runs[order.name], event)

        ended = 0
        with bar:
            orders = [self._order(run, attempt=matrix.attempt(run)) for run in to_do]
            while orders:
                again = []
                for end in self._engine.execute(orders, on_event=on_event):
                    run = runs[end.order.name]
                    attempt = self._take_end(run, end, last_attempt=last[run.run_id])
                    if attempt is None:  # What failed, or was done elsewhere, is no longer left.
                        count(run.run_id, left[run.run_id])
                        ended += 1
                        say_in_file(
                            f"{ended} of {len(runs)} model runs ended: {self._how_ended(run)}"
                        )
                    else:
                        again.append((end, self._order(run, attempt=attempt)))
                orders = [order for _, order in again]
                if again and all(end.is_elsewhere for end, _ in again):
                    self._wait(len(again), bar)

    def _wait(self, runs: int, bar: "tqdm[Any]") -> None:
        """Give those who hold the runs that are left some time."""
        if not self._has_waited:
            notice = (
                f"Waiting for {runs} model runs that another command carries out in this folder"
            )
            bar.write(notice, file=sys.stderr)
            self._log.info(notice)
        self._has_waited = True
        time.sleep(WAIT_SECONDS)

    def _order(self, run: ModelRun, *, attempt: int) -> ChildOrder:
        out = str(self._store.root.resolve())
        return ChildOrder(
            name=run.run_id,
            module="bench.training.model_run",
            message={"run": run.to_json(), "out": out, "attempt": attempt},
            out=out,
            time_limit_seconds=self._limits.seconds_of(run),
            is_needed="bench.execution.runner:is_needed",
        )

    def _take_event(self, order: ChildOrder, run: ModelRun, event: Mapping[str, Any]) -> None:
        attempt = order.message["attempt"]
        if "begun" in event:
            self._log.info(f"{describe(run)}: begun as {event['begun']} (attempt {attempt})")
        elif "record" in event:
            if record := self._store.read_record(event["record"]):
                self._log.info(f"{describe(run)}, {_describe_record(record.row)}")
            self._store.compile()  # The CSVs are as new as the records, whatever happens next.
        elif "failure" in event and (failure := self._store.failures().get(event["failure"])):
            what = f"length {failure.length}: {failure.status}: {failure.error}"
            self._log.info(f"{describe(run)}, {what} (attempt {failure.attempts})")
        elif "refused" in event:
            self._refusals[order.name] = event["refused"]

    def _take_end(self, run: ModelRun, end: ChildEnd, *, last_attempt: int) -> int | None:
        """Leave a row for how an order ended; return the next attempt, None where it is over."""
        attempt: int = end.order.message["attempt"]
        if end.exit_code is not None:
            self._record_child_end(run, end)
        missing = _missing_rows(self._store, run)
        if not missing:
            return None
        failure = _latest(self._store.failures(), missing)
        if end.is_elsewhere and (failure is None or failure.attempts < attempt):
            return attempt
        if failure is None or failure.status != _MAY_PASS or failure.attempts >= last_attempt:
            return None
        self._log.info(f"{describe(run)}: {failure.error}; it is tried again")
        return failure.attempts + 1

    def _how_ended(self, run: ModelRun) -> str:
        missing = _missing_rows(self._store, run)
        if not missing:
            return f"{describe(run)}: done"
        failure = _latest(self._store.failures(), missing)
        what = "" if failure is None else f": length {failure.length}: {failure.status}"
        return f"{describe(run)}: {len(missing)} records are missing{what}"

    def _record_child_end(self, run: ModelRun, end: ChildEnd) -> None:
        """Leave a row for a child that ended without a record or a failure of its own."""
        if end.exit_code == RESULTS_REFUSED:
            raise ResultsError(self._refusals.get(run.run_id, f"{self._store.root}: not writable"))
        attempt = end.order.message["attempt"]
        for row in _missing_rows(self._store, run)[:1]:
            failure = self._store.failures().get(row.record_id)
            if failure is not None and failure.attempts == attempt:
                return  # The child said itself what stopped it.
            status, error = end_in_words(end)
            failure = replace(row, status=status, attempts=attempt, error=error)
            self._store.write_failure(failure)
            self._log.info(f"{describe(run)}: {status}: {error} (attempt {attempt})")


def is_needed(message: Mapping[str, Any]) -> bool:
    """Whether a run still lacks a record, and was not tried as often by another runner."""
    run = ModelRun.from_json(message["run"])
    store = open_store(Path(message["out"]), create=False)
    missing = _missing_rows(store, run)
    failure = _latest(store.failures(), missing)
    return bool(missing) and (failure is None or failure.attempts < message["attempt"])


def describe(run: ModelRun) -> str:
    """Name a run by task, model, seed and id."""
    return f"{run.task} {run.model} seed {run.seed} ({run.run_id})"


def _missing_rows(store: Store, run: ModelRun) -> list[AccuracyRow]:
    return [row for row in run.planned_rows() if store.read_record(row.record_id) is None]


def _latest(failures: Mapping[str, AccuracyRow], rows: Sequence[AccuracyRow]) -> AccuracyRow | None:
    """Find the failure of these rows that was tried most often."""
    found = [failures[row.record_id] for row in rows if row.record_id in failures]
    return max(found, key=lambda row: row.attempts, default=None)


def _describe_record(row: AccuracyRow) -> str:
    right = "" if row.token_accuracy is None else f", {row.token_accuracy:.3f} of the items right"
    return (
        f"trained to {row.train_length}, tested at {row.length}: {row.stopped_because} after "
        f"{row.stage_updates} updates and {row.train_seconds or 0.0:.1f} seconds{right}"
    )


def end_in_words(end: ChildEnd) -> tuple[str, str]:
    """Name the status and the error of a child that left neither."""
    if end.is_timed_out:
        return "timed_out", f"not done after {end.order.time_limit_seconds:.0f} seconds"
    code = end.exit_code or 0
    if code < 0:
        return _MAY_PASS, exit_in_words(code)
    without = " without a record" if code == 0 else ""
    return "failed", f"{exit_in_words(code)}{without}; see logs/{end.order.name}.log"
