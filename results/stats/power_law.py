"""How fast a cost grows with the sequence length: tables in, tables out, nothing drawn."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from results.schema.rows import OK
from results.stats.intervals import t_quantile
from results.stats.over_seeds import check_groups

LONG_SHARE = 0.25
FEWEST_LENGTHS = 3


def shortest_fitted_length(frame: pd.DataFrame) -> int:
    """Return the length from which costs are fitted: a quarter of the longest in the table."""
    return math.ceil(LONG_SHARE * int(frame["length"].max()))


def growth(frame: pd.DataFrame, cost: str, by: Sequence[str]) -> pd.DataFrame:
    """Fit cost ~ length**exponent, by least squares of log cost on log length.

    At short lengths a constant overhead dominates and hides the growth, so the fit begins at
    `shortest_fitted_length`, the same for every group.

    Args:
        cost: Column of the cost; rows that are not ok are left out, and so are costs that are
            absent or not above zero, which have no logarithm.
        by: Columns that name a group, such as model and phase.

    Returns:
        The columns of `by`, then exponent; low and high, its 95 % t-interval; n, the lengths
        fitted. Below three lengths exponent and interval are NaN. At three the interval rests on
        one degree of freedom: it covers as often as it says, and is wide. It speaks of the
        scatter about the power, not of what another machine would measure.

    Raises:
        ResultsError: A column is absent, or a group holds several rows of one length.
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
    for names, group in table.groupby(list(by), dropna=False):
        costs = group["_cost"].to_numpy()
        lengths = group["length"].to_numpy(dtype="float64")
        is_known = np.isfinite(costs)
        found.append((*names, *_power(lengths[is_known], costs[is_known]), int(is_known.sum())))
    return pd.DataFrame(found, columns=columns)


def _power(lengths: np.ndarray, costs: np.ndarray) -> tuple[float, float, float]:
    """Return the exponent and the ends of its interval."""
    n = len(lengths)
    if n < FEWEST_LENGTHS:
        return math.nan, math.nan, math.nan
    x = np.log(lengths) - np.log(lengths).mean()
    y = np.log(costs) - np.log(costs).mean()
    exponent = float(x @ y / (x @ x))
    residual = y - exponent * x
    error = math.sqrt(residual @ residual / (n - 2) / (x @ x))
    half = float(t_quantile(n - 2)) * error
    return exponent, exponent - half, exponent + half
