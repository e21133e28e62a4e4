"""How long a plan takes, from sizes alone, and how long a model run may take. No torch."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.plan.runs import ModelRun, Stage
from models import MODELS

# Measured on one thread of a 2023 server core at state 64, two trainings side by side.
_SECONDS_PER_UPDATE = 2e-3
_SECONDS_PER_TOKEN = 9e-6
_SECONDS_TO_START = 6.0
_MEASURED_HIDDEN = 64

_LEAST_LIMIT_SECONDS = 3600.0
_LIMIT_PER_ESTIMATE = 20.0


def update_seconds(run: ModelRun, length: float) -> float:
    """Estimate the seconds of one update on batches of this source length."""
    tokens = run.recipe.batch_size * length
    growth = (run.config.hidden / _MEASURED_HIDDEN) ** 1.5
    layers = run.config.layers or 1
    # A user's model is taken to cost as much as ours: nothing is known of it before it runs.
    cost = MODELS[run.model].relative_cost if run.model in MODELS else 1.0
    return cost * (_SECONDS_PER_UPDATE + _SECONDS_PER_TOKEN * tokens * growth * layers)


def stage_seconds(run: ModelRun, stage: Stage) -> float:
    """Estimate the seconds of a stage that takes its whole budget."""
    mean_length = sum(stage.lengths) / len(stage.lengths)
    return stage.budget_updates * update_seconds(run, mean_length)


def matrix_seconds(stages: Iterable[tuple[ModelRun, Stage]], *, jobs: int) -> float:
    """Estimate the seconds of these stages, `jobs` runs at a time, all at full budget."""
    listed = list(stages)
    runs = len({run.run_id for run, _ in listed})
    work = sum(stage_seconds(run, stage) for run, stage in listed) + runs * _SECONDS_TO_START
    return work / max(1, min(jobs, runs))


def describe_seconds(seconds: float) -> str:
    """Say a duration as a person would."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


@dataclass(frozen=True)
class Limits:
    """How much a model run may take.

    Attributes:
        retries: How often a killed run is tried again.
        seconds: Time limit of a run; None takes an hour, or twenty times its estimate.
    """

    retries: int = 1
    seconds: float | None = None

    def seconds_of(self, run: ModelRun) -> float:
        """Look up or estimate the time limit of a run."""
        if self.seconds is not None:
            return self.seconds
        estimate = sum(stage_seconds(run, stage) for stage in run.stages())
        # The estimate is of another machine. The limit is there to end a hang, not a slow run.
        return max(_LEAST_LIMIT_SECONDS, _LIMIT_PER_ESTIMATE * estimate)
