"""One line for each seed that is done. Imports no pandas, so that a resume stays quick."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean

from bench.plan.cost import describe_seconds
from bench.plan.runs import ModelRun
from results.schema.rows import AccuracyRow


class SeedSummary:
    """Says how a seed went when the last of its runs is over.

    Args:
        plan: All runs of the plan.
        to_do: Those that are to be carried out.
        rows_of: Gives the rows of the records that a run has.
        say: Receives the line.
    """

    def __init__(
        self,
        plan: Sequence[ModelRun],
        *,
        to_do: Sequence[ModelRun],
        rows_of: Callable[[ModelRun], Sequence[AccuracyRow]],
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._left = Counter(run.seed for run in to_do)
        self._rows_of = rows_of
        self._say = say
        self._began = time.monotonic()

    def finish(self, run: ModelRun) -> None:
        """Take a run that is over."""
        self._left[run.seed] -= 1
        if self._left[run.seed] > 0:
            return
        runs = [each for each in self._plan if each.seed == run.seed]
        rows = [row for each in runs for row in self._rows_of(each)]
        planned = sum(1 for each in runs for _ in each.planned_rows())
        elapsed = describe_seconds(time.monotonic() - self._began)
        self._say(
            f"seed {run.seed}: {len(rows)} of {planned} records after {elapsed}{_accuracies(rows)}"
        )


def _accuracies(rows: Sequence[AccuracyRow]) -> str:
    """Return the accuracy of each model at the longest length, mean over tasks and settings."""
    longest = max((row.length for row in rows if row.length == row.train_length), default=None)
    scores: dict[str, list[float]] = {}
    for row in rows:
        if row.length == row.train_length == longest and row.token_accuracy is not None:
            scores.setdefault(row.model, []).append(row.token_accuracy)
    if not scores:
        return ""
    models = ", ".join(f"{model} {fmean(each):.3f}" for model, each in sorted(scores.items()))
    return f"; token accuracy at length {longest}: {models}"
