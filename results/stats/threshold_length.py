"""Find the length at which a score falls through a level, such as L50: tables in, tables out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from results.schema.rows import OK
from results.stats.intervals import mean_interval
from results.stats.over_seeds import check_groups

AT, ABOVE, BELOW, NOT_IDENTIFIED = "at", "above", "below", "not_identified"
# A curve that falls by less between its ends is flat or rising, and crosses by noise.
LEAST_FALL = 0.05
# Means of scores are rounded; a score that is the level itself must not be below it for that.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Crossing:
    """Where a curve crosses a level."""

    kind: str  # One of the four that `crossing` defines.
    length: float  # The length, the longest or shortest one measured, or NaN.


def crossing(lengths: Sequence[float], values: Sequence[float], *, level: float) -> Crossing:
    """Find where a falling curve crosses a level.

    Isotonic regression makes the values fall, so that one lucky length is not a recovery. The
    fitted curve falls if its ends differ by `LEAST_FALL` at least. A curve is

    * `above` if the fitted curve nowhere is below the level, and falls or begins at or above it;
    * `below` if the fitted curve falls, and is below the level everywhere;
    * `at` a length if the fitted curve falls through the level. Between two lengths it is linear
      in the logarithm of the length. Nothing is extrapolated;
    * `not_identified` otherwise: it is flat below the level, or rises.

    Args:
        lengths: Rising, above zero.
        values: One score per length, finite.
        level: The level to cross.
    """
    x, y = np.asarray(lengths, dtype=float), np.asarray(values, dtype=float)
    falling = optimize.isotonic_regression(y, increasing=False).x
    is_below = falling < level - _ROUNDING
    falls = falling[0] - falling[-1] >= LEAST_FALL - _ROUNDING
    if not is_below.any() and (falls or y[0] >= level - _ROUNDING):
        return Crossing(ABOVE, float(x[-1]))
    if not falls:
        return Crossing(NOT_IDENTIFIED, math.nan)
    if is_below.all():
        return Crossing(BELOW, float(x[0]))
    after = int(np.argmax(is_below))
    share = (falling[after - 1] - level) / (falling[after - 1] - falling[after])
    ends = np.log(x[after - 1 : after + 1])
    return Crossing(AT, float(np.exp(ends[0] + max(share, 0.0) * (ends[1] - ends[0]))))


def crossings(
    frame: pd.DataFrame, value: str, by: Sequence[str], *, level: float = 0.5
) -> pd.DataFrame:
    """Find where each seed's column `value` crosses a level; rows without a value are left out.

    Args:
        by: Columns that name a curve, such as task and model; without the seed.

    Returns:
        The columns of `by`, seed; kind; length.
    """
    names = [*by, "seed"]
    check_groups(frame, value, names, unit="length")
    is_known = (frame["status"] == OK) & frame[value].notna()
    found = []
    for group, rows in frame[is_known].sort_values("length").groupby(names, dropna=False):
        each = crossing(list(rows["length"]), list(rows[value]), level=level)
        found.append((*group, each.kind, each.length))
    return pd.DataFrame(found, columns=[*names, "kind", "length"])


def mean_crossing(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Average `crossings` over seeds: geometric mean, with a t-interval of the logarithm.

    Returns:
        The columns of `by`, then length, low, high; n, the seeds; above, below, not_identified:
        the number of seeds of that kind. With one of them there is no mean, because a bound is not
        a value. Below two seeds there is no interval.
    """
    columns = [*by, "length", "low", "high", "n", ABOVE, BELOW, NOT_IDENTIFIED]
    found = []
    for group, rows in table.groupby(list(by), dropna=False):
        counts = [int((rows["kind"] == kind).sum()) for kind in (ABOVE, BELOW, NOT_IDENTIFIED)]
        logs = [] if any(counts) else np.log(rows["length"].to_numpy(dtype=float))
        ends = (math.exp(end) for end in mean_interval(logs))
        found.append((*group, *ends, len(rows), *counts))
    return pd.DataFrame(found, columns=columns)
