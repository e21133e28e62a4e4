"""How long a plan takes, from sizes alone; a guide for people and for the progress bar."""

from collections.abc import Iterable

from bench.plan.runs import ModelRun, Stage

# One update on one thread of a 2023 server core at state 64, two trainings side by side.
_SECONDS_PER_UPDATE = 2e-3
_SECONDS_PER_TOKEN = 9e-6
_SECONDS_TO_START = 6.0
_REFERENCE_HIDDEN = 64


def update_seconds(run: ModelRun, length: float) -> float:
    """Return the estimated seconds of one update on batches of this source length."""
    tokens = run.recipe.batch_size * length
    growth = (run.config.hidden / _REFERENCE_HIDDEN) ** 1.5
    return _SECONDS_PER_UPDATE + _SECONDS_PER_TOKEN * tokens * growth


def stage_seconds(run: ModelRun, stage: Stage) -> float:
    """Return the estimated seconds of a stage that takes its whole budget."""
    mean_length = sum(stage.lengths) / len(stage.lengths)
    return stage.budget_updates * update_seconds(run, mean_length)


def matrix_seconds(stages: Iterable[tuple[ModelRun, Stage]], *, jobs: int) -> float:
    """Return the estimated seconds of these stages at `jobs` at a time, all at full budget."""
    listed = list(stages)
    runs = len({run.run_id for run, _ in listed})
    work = sum(stage_seconds(run, stage) for run, stage in listed) + runs * _SECONDS_TO_START
    return work / max(1, min(jobs, runs))


def describe_seconds(seconds: float) -> str:
    """Return a duration in words that a person would use."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
