"""Intervals of 95 %: numbers in, numbers out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


def t_quantile(freedom: Any) -> Any:
    """Return how many standard errors half a t-interval is wide.

    Args:
        freedom: Degrees of freedom; a number or an array, NaN below one.
    """
    return stats.t.ppf((1 + CONFIDENCE) / 2, freedom)


def t_half_width(spread: Any, n: Any) -> Any:
    """Return half the width of the t-interval of a mean; NaN below two values.

    Args:
        spread: Standard deviation of the values, with n - 1; a number or an array.
        n: Number of values.
    """
    n = np.asarray(n, dtype="float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        return t_quantile(n - 1) * spread / np.sqrt(n)


def mean_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Return the mean of values and the ends of its t-interval.

    The mean is NaN without a value; the ends are below two values, or where one is not finite.
    """
    known = np.asarray(values, dtype="float64")
    if not len(known):
        return math.nan, math.nan, math.nan
    mean = float(known.mean())
    if len(known) < 2 or not np.isfinite(known).all():
        return mean, math.nan, math.nan
    half = float(t_half_width(known.std(ddof=1), len(known)))
    return mean, mean - half, mean + half


def wilson_interval(solved: Any, n: Any) -> tuple[Any, Any]:
    """Return the ends of the 95 % Wilson score interval, without continuity correction.

    Args:
        solved: Number of successes; a number or an array.
        n: Number of trials, at least 1.

    Source: Wilson 1927; method 3 of Newcombe 1998, Statistics in Medicine 17, 857-872.
    """
    z = stats.norm.ppf((1 + CONFIDENCE) / 2)
    share = solved / n
    middle = share + z**2 / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return np.clip((middle - half) / scale, 0.0, 1.0), np.clip((middle + half) / scale, 0.0, 1.0)
