"""The length at which a score falls through a level: L50, L90. Tables in, tables out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from results.errors import ResultsError
from results.schema.rows import OK
from results.stats.intervals import mean_interval
from results.stats.over_seeds import check_groups

AT, ABOVE, BELOW, NOT_IDENTIFIED = "at", "above", "below", "not_identified"
KINDS = (AT, ABOVE, BELOW, NOT_IDENTIFIED)
LEAST_FALL = 0.05


@dataclass(frozen=True)
class Crossing:
    """Where a curve crosses a level.

    Attributes:
        kind: `at` a length; `above` the level up to the longest length measured; `below` it
            from the shortest on; `not_identified` where the curve does not fall.
        length: The length, or the longest or shortest one measured; NaN where not identified.
    """

    kind: str
    length: float


def crossing(lengths: Sequence[float], values: Sequence[float], *, level: float) -> Crossing:
    """Return where a falling curve crosses a level.

    The values are made falling by isotonic regression, so that one lucky length does not count
    as a recovery, then interpolated linearly in the logarithm of the length. Nothing is
    extrapolated.

    Args:
        lengths: Rising, above zero.
        values: One score per length, finite.
        level: The level to cross.

    Raises:
        ResultsError: There are no lengths, they do not rise, or a value is missing.
    """
    x, y = np.asarray(lengths, dtype=float), np.asarray(values, dtype=float)
    if not len(x) or len(x) != len(y) or not np.isfinite(y).all():
        raise ResultsError(f"values: one for each of {len(x)} lengths is needed")
    if (x <= 0).any() or (np.diff(x) <= 0).any():
        raise ResultsError("lengths: must rise from above 0")
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
    """Find the crossing of every seed.

    Args:
        value: Column of the score; rows without one are left out.
        by: Columns that name a curve, such as task and model; without the seed.

    Returns:
        The columns of `by`, seed; kind; length.

    Raises:
        ResultsError: A column is absent, or a curve holds several rows of one length.
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
    """Average the crossings of seeds: the geometric mean, with a t-interval on the logarithm.

    Args:
        table: What `crossings` returned.
        by: Columns that name a curve.

    Returns:
        The columns of `by`, then length, low, high; n, the seeds; above, below, not_identified:
        how many seeds are of that kind. Where one is, there is no mean and no interval, for a
        bound is no value; below two seeds there is no interval.
    """
    columns = [*by, "length", "low", "high", "n", ABOVE, BELOW, NOT_IDENTIFIED]
    found = []
    for group, rows in table.groupby(list(by), dropna=False):
        counts = [int((rows["kind"] == kind).sum()) for kind in (ABOVE, BELOW, NOT_IDENTIFIED)]
        logs = [] if any(counts) else np.log(rows["length"].to_numpy(dtype=float))
        ends = (math.exp(end) for end in mean_interval(logs))
        found.append((*group, *ends, len(rows), *counts))
    return pd.DataFrame(found, columns=columns)
