"""Intervals of 95 %: numbers in, numbers out."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


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
