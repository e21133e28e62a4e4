"""From one effect per seed to a verdict on a claim."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.stats.intervals import holm, mean_interval, mean_p

HOLDS, SMALLER = "HOLDS", "SMALLER THAN SAID"
ABSENT, NOT_RESOLVED = "ABSENT OR OPPOSITE", "NOT RESOLVED"
FEWEST_SEEDS = 3
LEVEL = 0.05


@dataclass(frozen=True)
class Estimate:
    """The mean of the seeds whose effect is known, with its 95 % t-interval; NaN if not known."""

    mean: float  # Geometric for a ratio.
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Case:
    """What one primary measure found on one task, and the two lines that it is held against."""

    effects: Sequence[float]  # One per seed; NaN if it cannot be told.
    none: float  # No effect.
    asked: float  # The least effect that the words of the claim ask for; may be below `none`.
    is_ratio: bool = False  # A ratio is tested by its logarithm.
    bounds: int = 0  # Effects that are lower bounds; only where `asked` is above `none`.
    untrained: int = 0  # Seeds without an effect because a control did not train.


@dataclass(frozen=True)
class Verdict:
    """How a case is judged."""

    verdict: str
    reason: str  # Why it is not resolved; else empty.
    p: float  # NaN if nothing could be tested.
    p_holm: float


def estimate(effects: Sequence[float], *, is_ratio: bool = False) -> Estimate:
    """Average the effects that are known; `is_ratio` averages their logarithms."""
    known = _scaled(effects, is_ratio=is_ratio)
    known = known[~np.isnan(known)]
    mean, low, high = mean_interval(known)
    if is_ratio:
        mean, low, high = 2.0**mean, 2.0**low, 2.0**high
    return Estimate(mean, low, high, len(known))


def _scaled(effects: Sequence[float], *, is_ratio: bool) -> np.ndarray:
    values = np.asarray(effects, dtype="float64")
    return np.log2(np.where(values > 0, values, math.nan)) if is_ratio else values


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Judge the primary measures of the whole list together.

    The mean says which verdict is possible. Beyond the asked line it is HOLDS, and the seeds are
    tested against that line. Between the lines it is SMALLER THAN SAID, and they are tested
    against both. On the other side of no effect it is ABSENT OR OPPOSITE, and they are tested
    against no effect. The verdict is given where p, adjusted by Holm over all cases, is at most
    .05. All else is NOT RESOLVED. A case that cannot be tested counts with a p of 1.
    """
    tested = [_tested(case) for case in cases]
    adjusted = holm([1.0 if math.isnan(p) else p for _, _, p in tested])
    verdicts = []
    for (region, reason, p), p_holm in zip(tested, adjusted, strict=True):
        is_resolved = not reason and p_holm <= LEVEL
        verdicts.append(
            Verdict(
                verdict=region if is_resolved else NOT_RESOLVED,
                reason="" if is_resolved else reason or "p is above .05 once Holm adjusts it",
                p=p,
                p_holm=math.nan if math.isnan(p) else p_holm,
            )
        )
    return verdicts


def _tested(case: Case) -> tuple[str, str, float]:
    """Give the verdict that is possible, why it is not given, and p."""
    values = _scaled(case.effects, is_ratio=case.is_ratio)
    none, asked = _scaled([case.none, case.asked], is_ratio=case.is_ratio)
    unknown = int(np.isnan(values).sum())
    if case.untrained:
        return NOT_RESOLVED, f"control did not train: {case.untrained} of {len(values)}", math.nan
    if unknown:
        return NOT_RESOLVED, f"seeds that cannot be told: {unknown} of {len(values)}", math.nan
    if len(values) < FEWEST_SEEDS:
        return NOT_RESOLVED, f"fewer than {FEWEST_SEEDS} seeds", math.nan
    from_none = mean_p(values, line=none), "no effect"
    from_asked = mean_p(values, line=asked), "the effect asked for"
    sign = math.copysign(1.0, asked - none)
    mean = float(values.mean())
    if sign * (mean - asked) > 0:
        region, tests = HOLDS, [from_asked]
    elif case.bounds:
        # The effect is at least this large. How much larger is not known.
        return NOT_RESOLVED, "lower bounds do not reach the effect asked for", math.nan
    elif sign * (mean - none) > 0:
        region, tests = SMALLER, [from_none, from_asked]
    else:
        region, tests = ABSENT, [from_none]
    crossed = [words for p, words in tests if p > LEVEL]
    reason = f"not told apart from {' and '.join(crossed)}" if crossed else ""
    return region, reason, max(p for p, _ in tests)
