"""How much a model run may take. No torch."""

from dataclasses import dataclass

from bench.plan.cost import stage_seconds
from bench.plan.runs import ModelRun

_LEAST_SECONDS = 3600.0
_FACTOR = 20.0


@dataclass(frozen=True)
class Limits:
    """How much a model run may take.

    Attributes:
        retries: How often a run that was killed is tried again.
        seconds: Time limit of a run; None for one hour, or twenty times its estimate.
    """

    retries: int = 1
    seconds: float | None = None

    def seconds_of(self, run: ModelRun) -> float:
        """Return the time limit of a run."""
        if self.seconds is not None:
            return self.seconds
        estimate = sum(stage_seconds(run, stage) for stage in run.stages())
        return max(_LEAST_SECONDS, _FACTOR * estimate)
