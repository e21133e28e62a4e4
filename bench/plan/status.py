"""A plan against a results folder: what is done, what failed and what is left. No torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.plan.runs import ModelRun, Stage
from results.schema.rows import FAILING_STATUSES, OK, STATUSES, AccuracyRow
from results.store.folder import LEFT, Store


@dataclass(frozen=True)
class Matrix:
    """The model runs of a plan, and how far a results folder has them."""

    runs: tuple[ModelRun, ...]
    statuses: Mapping[str, str]
    failures: Mapping[str, AccuracyRow]

    @classmethod
    def of(cls, runs: tuple[ModelRun, ...], store: Store) -> "Matrix":
        """Look up these runs in a results folder."""
        return cls(runs=runs, statuses=store.statuses(), failures=store.failures())

    def status(self, record_id: str) -> str:
        """Look up the status of a record; `left` if nothing was planned or tried yet."""
        return self.statuses.get(record_id, LEFT)

    def count_records(self) -> Counter[str]:
        """Count the records by status, zeros included."""
        counts = Counter(dict.fromkeys((*STATUSES, LEFT), 0))
        counts.update(self.status(row.record_id) for run in self.runs for row in run.planned_rows())
        return counts

    def unfinished_stages(self, runs: Sequence[ModelRun]) -> list[tuple[ModelRun, Stage]]:
        """List the stages of some runs that lack a record."""
        return [
            (run, stage)
            for run in runs
            for stage in run.stages()
            if any(self.status(stage.record_id(length)) != OK for length in stage.test_lengths)
        ]

    def runs_to_do(self, *, retries_failed: bool) -> list[ModelRun]:
        """List the runs with work left."""
        # The system killed it, perhaps for memory: that may pass. A failure of the model will not.
        final = set() if retries_failed else {*FAILING_STATUSES} - {"killed"}
        return [
            run
            for run in self.runs
            if (statuses := {self.status(row.record_id) for row in run.planned_rows()}) != {OK}
            and not statuses & final
        ]

    def attempt(self, run: ModelRun) -> int:
        """Number the next attempt at a run, counted from 1."""
        attempts = [row.attempts for row in self.failures.values() if row.run_id == run.run_id]
        return 1 + max(attempts, default=0)
