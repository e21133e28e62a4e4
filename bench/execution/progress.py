"""The progress bar of a matrix, in estimated seconds of work. Imports no torch."""

import sys
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from tqdm import tqdm

from bench.plan.cost import stage_seconds, update_seconds
from bench.plan.runs import ModelRun, Stage


class Progress:
    """A bar on standard error that moves within the stages of the children.

    It counts estimated seconds of work on one core, so that a long stage weighs more; what a
    stage did not need of its budget is added when it ends.
    """

    def __init__(self, stages: Sequence[tuple[ModelRun, Stage]]) -> None:
        self._work = {stage.stage_id: stage_seconds(run, stage) for run, stage in stages}
        self._runs: dict[str, list[Stage]] = {}
        for run, stage in stages:
            self._runs.setdefault(run.run_id, []).append(stage)
        self._done = dict.fromkeys(self._work, 0.0)
        self._lock = threading.Lock()
        self._bar: tqdm[Any] = tqdm(
            # The parts, added up in another order, may round to a little more than their sum.
            total=sum(self._work.values()) * (1 + 1e-9),
            file=sys.stderr,
            desc="training",
            bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left",
            smoothing=0.05,
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def take(self, run: ModelRun, event: Mapping[str, Any]) -> None:
        """Move the bar by an event of a run's child."""
        with self._lock:
            if "updates" in event:
                stage = self._find(run, event["stage"])
                if stage is not None:
                    mean_length = sum(stage.lengths) / len(stage.lengths)
                    self._move(stage, event["updates"] * update_seconds(run, mean_length))
                    self._bar.set_description_str(
                        f"{run.task} {run.model} seed {run.seed} length {stage.train_length}",
                        refresh=False,
                    )
            elif "record" in event:
                for stage in self._runs.get(run.run_id, ()):
                    if event["record"] in map(stage.record_id, stage.test_lengths):
                        self._move(stage, self._work[stage.stage_id])

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        with self._lock:
            self._bar.write(text, file=sys.stderr)

    def finish_run(self, run: ModelRun) -> None:
        """Count all of a run's stages as over."""
        with self._lock:
            for stage in self._runs.get(run.run_id, ()):
                self._move(stage, self._work[stage.stage_id])

    def _find(self, run: ModelRun, stage_id: str) -> Stage | None:
        stages = self._runs.get(run.run_id, ())
        return next((stage for stage in stages if stage.stage_id == stage_id), None)

    def _move(self, stage: Stage, seconds: float) -> None:
        limit = self._work[stage.stage_id]
        gained = min(seconds, limit) - self._done[stage.stage_id]
        if gained > 0:
            self._done[stage.stage_id] += gained
            self._bar.update(gained)
