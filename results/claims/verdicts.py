"""From one effect per seed to a verdict on a claim."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.stats.intervals import mean_interval

SUPPORTED, REFUTED, INCONCLUSIVE = "SUPPORTED", "REFUTED", "INCONCLUSIVE"
NOT_MEASURED = "not measured"
FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Finding:
    """What the seeds say about a claim; NaN where it is not known."""

    effect: float  # Mean over the seeds whose effect is known.
    low: float  # 95 % t-interval; needs two seeds, and none known from one side only.
    high: float
    n: int  # Seeds whose effect is known,
    bounds: int  # of them from one side only.
    unknown: int  # Seeds whose effect cannot be told.
    verdict: str


def judge(
    effects: Sequence[float], *, threshold: float, is_at_least: bool, bounds: int = 0
) -> Finding:
    """Hold the effects of the seeds against a threshold.

    SUPPORTED if every seed, of at least three, reaches the threshold; REFUTED if none does; else
    INCONCLUSIVE. A test of significance cannot be passed with so few seeds. This rule is simpler,
    and stricter.

    Args:
        effects: One per seed; NaN if it cannot be told.
        threshold: Where the claim begins to hold, upwards if `is_at_least`, else downwards.
        bounds: How many effects are bounds, on the side of the threshold where they are.
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
    """Give the verdict that all of them share, else INCONCLUSIVE; skip what was not measured."""
    measured = {verdict for verdict in verdicts if verdict != NOT_MEASURED}
    if not measured:
        return NOT_MEASURED
    return measured.pop() if len(measured) == 1 else INCONCLUSIVE
