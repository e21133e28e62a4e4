"""From one effect per seed to a verdict on a claim: the rule, and nothing else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.stats.intervals import mean_interval

SUPPORTED, REFUTED, INCONCLUSIVE, NOT_MEASURED = (
    "SUPPORTED",
    "REFUTED",
    "INCONCLUSIVE",
    "not measured",
)
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Finding:
    """What the seeds say about a claim.

    Attributes:
        effect: Mean over the seeds whose effect is known; NaN without one.
        low: Lower end of its 95 % t-interval; NaN below two seeds.
        high: Upper end.
        n: Seeds whose effect is known.
        bounds: How many of them are known by a bound only; then there is no interval.
        unknown: Seeds whose effect cannot be told.
        verdict: SUPPORTED, REFUTED or INCONCLUSIVE.
    """

    effect: float
    low: float
    high: float
    n: int
    bounds: int
    unknown: int
    verdict: str


def judge(
    effects: Sequence[float], *, threshold: float, is_at_least: bool, bounds: int = 0
) -> Finding:
    """Hold the effects of the seeds against a threshold.

    SUPPORTED where every seed, of at least three, lies beyond the threshold, REFUTED where every
    seed lies on the other side of it, else INCONCLUSIVE: with so few seeds no test of
    significance could be passed, so the rule is simpler and stricter.

    Args:
        effects: One per seed; NaN where it cannot be told.
        threshold: Where the claim begins to hold.
        is_at_least: Whether the claim holds from the threshold upwards, or downwards.
        bounds: How many effects are bounds, on the side of the threshold where they lie.
    """
    values = np.asarray(effects, dtype=float)
    known = values[~np.isnan(values)]
    effect, low, high = mean_interval(known)
    return Finding(
        effect=effect,
        low=math.nan if bounds else low,
        high=math.nan if bounds else high,
        n=len(known),
        bounds=bounds,
        unknown=len(values) - len(known),
        verdict=_verdict(values, threshold=threshold, is_at_least=is_at_least),
    )


def _verdict(values: np.ndarray, *, threshold: float, is_at_least: bool) -> str:
    if len(values) < FEWEST_SEEDS or np.isnan(values).any():
        return INCONCLUSIVE
    holds = values >= threshold if is_at_least else values <= threshold
    if holds.all():
        return SUPPORTED
    return INCONCLUSIVE if holds.any() else REFUTED


def overall(verdicts: Sequence[str]) -> str:
    """Return the verdict that all of them share, else INCONCLUSIVE.

    What was not measured does not count; where nothing was, neither is the whole.
    """
    measured = {verdict for verdict in verdicts if verdict != NOT_MEASURED}
    if not measured:
        return NOT_MEASURED
    return measured.pop() if len(measured) == 1 else INCONCLUSIVE
