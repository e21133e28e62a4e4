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


@dataclass(frozen=True)
class Crossing:
    """Where a curve crosses a level."""

    # `at` a length; `above` the level up to the longest; `below` it from the shortest on;
    # `not_identified` if the curve does not fall.
    kind: str
    length: float  # The length, the longest or shortest one measured, or NaN.


def crossing(lengths: Sequence[float], values: Sequence[float], *, level: float) -> Crossing:
    """Find where a falling curve crosses a level.

    Isotonic regression makes the values fall, so that one lucky length is not a recovery. Between
    two lengths they are linear in the logarithm of the length. Nothing is extrapolated.

    Args:
        lengths: Rising, above zero.
        values: One score per length, finite.
        level: The level to cross.
    """
    x, y = np.asarray(lengths, dtype=float), np.asarray(values, dtype=float)
    # Before the regression: a curve above the level need not fall to be known to be above it.
    if (y >= level).all():
        return Crossing(ABOVE, float(x[-1]))
    falling = optimize.isotonic_regression(y, increasing=False).x
    if falling[0] - falling[-1] < LEAST_FALL:
        return Crossing(NOT_IDENTIFIED, math.nan)
    if falling[-1] >= level:
        return Crossing(ABOVE, float(x[-1]))
    if falling[0] < level:
        return Crossing(BELOW, float(x[0]))
    after = int(np.argmax(falling < level))
    share = (falling[after - 1] - level) / (falling[after - 1] - falling[after])
    ends = np.log(x[after - 1 : after + 1])
    return Crossing(AT, float(np.exp(ends[0] + share * (ends[1] - ends[0]))))


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
