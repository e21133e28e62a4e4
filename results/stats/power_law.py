"""Fit how fast a cost grows with the sequence length: tables in, tables out."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from results.schema.rows import OK
from results.stats.intervals import t_quantile
from results.stats.over_seeds import check_groups

# Below, a constant overhead is most of the time.
LONG_SHARE, LEAST_LENGTH = 0.25, 50
FEWEST_LENGTHS = 3


def shortest_fitted_length(frame: pd.DataFrame) -> int:
    """Give the length from which costs are fitted: a quarter of the longest, 50 at least."""
    return max(LEAST_LENGTH, math.ceil(LONG_SHARE * int(frame["length"].max())))


def growth(frame: pd.DataFrame, cost: str, by: Sequence[str]) -> pd.DataFrame:
    """Fit cost ~ length**exponent, by least squares of log cost on log length.

    At short lengths a constant overhead hides the growth. So the fit begins at
    `shortest_fitted_length`, the same for every group.

    Args:
        cost: Column of the cost; rows that are not ok, or have no cost above 0, are left out.
        by: Columns that name a group, such as model and phase.

    Returns:
        The columns of `by`, then exponent; low and high, its 95 % t-interval; n, the lengths
        fitted. Below three lengths exponent and interval are NaN. The interval is about the scatter
        around the power, not about what another machine would measure.
    """
    check_groups(frame, cost, by, unit="length")
    columns = [*by, "exponent", "low", "high", "n"]
    if frame.empty:
        return pd.DataFrame(columns=columns)
    values = frame[cost].astype("float64")
    is_fitted = (frame["status"] == OK) & (values > 0)
    is_fitted &= frame["length"] >= shortest_fitted_length(frame)
    table = frame[[*by, "length"]].assign(_cost=values.where(is_fitted))
    found = []
    # Groups without a cost that can be fitted stay in the table, with n = 0.
    for names, group in table.groupby(list(by), dropna=False):
        known = group.dropna(subset="_cost")
        lengths, costs = known["length"].to_numpy(dtype="float64"), known["_cost"].to_numpy()
        found.append((*names, *_power(lengths, costs), len(known)))
    return pd.DataFrame(found, columns=columns)


def _power(lengths: np.ndarray, costs: np.ndarray) -> tuple[float, float, float]:
    """Give the exponent and the ends of its interval."""
    if len(lengths) < FEWEST_LENGTHS:
        return math.nan, math.nan, math.nan
    # Not stats.linregress: it has no interval where all costs are equal, as memory may be.
    x = np.log(lengths) - np.log(lengths).mean()
    y = np.log(costs) - np.log(costs).mean()
    exponent = float(x @ y / (x @ x))
    residual = y - exponent * x
    freedom = len(lengths) - 2
    half = float(t_quantile(freedom)) * math.sqrt(residual @ residual / freedom / (x @ x))
    return exponent, exponent - half, exponent + half
