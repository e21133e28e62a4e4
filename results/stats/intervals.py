"""Intervals of 95 %, and tests of means against a line: numbers in, numbers out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
FEWEST_FOR_BAND = 5  # Seeds. Of fewer, figures show each instead of an interval.
# Effects are differences of rounded numbers. Closer than this they are equal.
_ROUNDING = 1e-9


def t_quantile(freedom: Any) -> Any:
    """Give half the width of a t-interval in standard errors.

    Args:
        freedom: Degrees of freedom; a number or an array, NaN below one.
    """
    return stats.t.ppf((1 + CONFIDENCE) / 2, freedom)


def t_half_width(spread: Any, n: Any) -> Any:
    """Give half the width of the t-interval of a mean; NaN below two values.

    Args:
        spread: Standard deviation of the values, with n - 1; a number or an array.
        n: Number of values.
    """
    n = np.asarray(n, dtype="float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        return t_quantile(n - 1) * spread / np.sqrt(n)


def mean_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Give the mean of values and the ends of its t-interval.

    Without a value the mean is NaN. Below two values, or if one is not finite, the ends are.
    """
    known = np.asarray(values, dtype="float64")
    if not len(known):
        return math.nan, math.nan, math.nan
    mean = float(known.mean())
    if len(known) < 2 or not np.isfinite(known).all():
        return mean, math.nan, math.nan
    # Not stats.t.interval: it has no ends where all values are equal, where these are the mean.
    half = float(t_half_width(known.std(ddof=1), len(known)))
    return mean, mean - half, mean + half


def mean_p(values: Sequence[float] | np.ndarray, *, line: float) -> float:
    """Test whether the mean is on a line: the p of a two-sided t-test of one sample.

    Values without spread leave nothing to chance: p is 1 if they are on the line, else 0.

    Args:
        values: At least two, finite.
        line: The mean if there were no difference.
    """
    known = np.asarray(values, dtype="float64")
    if np.ptp(known) <= _ROUNDING:
        return float(abs(known.mean() - line) <= _ROUNDING)
    t = (known.mean() - line) / (known.std(ddof=1) / np.sqrt(len(known)))
    return float(2 * stats.t.sf(abs(t), len(known) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values, so that the chance of any false rejection among them is held.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.
    """
    adjusted = np.empty(len(p_values))
    least = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted.tolist()
