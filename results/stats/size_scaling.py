"""Whether the curves of several sizes are one curve: tables in, numbers out, nothing drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.stats.intervals import mean_interval
from results.stats.plateau import MOST_SHARE

STATE, ALPHABET = "hidden", "symbols"
SIZES = [STATE, ALPHABET]
MOST_SPREAD = 1.1


@dataclass(frozen=True)
class Spread:
    """How far apart sizes lie: the highest value by the lowest, geometric mean over seeds.

    Attributes:
        ratio: At least 1; NaN where there is nothing to compare.
        low: Lower end of its 95 % t-interval, of the logarithm; NaN below two seeds.
        high: Upper end.
    """

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Collapse:
    """How the curves of several sizes compare at one load.

    Attributes:
        load: Bits of the target per number of the state.
        shares: Lowest and highest share of them that is carried, mean over seeds.
        sizes: How many sizes are compared.
        n: Seeds that have a value for all of them.
        all: Spread over all sizes.
        states: The widest spread over states with one alphabet.
        alphabets: The widest spread over alphabets with one state.
    """

    load: float
    shares: tuple[float, float]
    sizes: int
    n: int
    all: Spread
    states: Spread
    alphabets: Spread

    @property
    def is_close(self) -> bool:
        """Whether the sizes differ by less than a tenth."""
        return self.all.ratio < MOST_SPREAD

    @property
    def is_one_curve(self) -> bool:
        """Whether they are close though none follows the target, which would hold them together."""
        return self.is_close and self.shares[1] <= MOST_SHARE


def collapse_of(rows: pd.DataFrame, *, x: str, y: str) -> Collapse | None:
    """Compare curves at the largest load that every state and every alphabet reaches.

    Curves that are still bound by the target agree whatever limits them, so the load is as large
    as it can be while each state, and each alphabet, has at least one curve that reaches it.
    Between two lengths the curves are interpolated linearly; nothing is extrapolated.

    Args:
        rows: hidden, symbols, seed, and the columns of `x` and `y`; only rows that finished.
        x: Column of the load.
        y: Column that is compared, above zero where it is known.

    Returns:
        None where fewer than two sizes reach a common load in one seed.
    """
    if rows.empty:
        return None
    reach = rows.groupby(SIZES)[x].max()
    load = float(min(reach.groupby(name).max().min() for name in SIZES))
    values = {
        names: np.interp(load, curve[x].to_numpy(float), curve[y].to_numpy(float))
        for names, curve in rows.sort_values(x).groupby(["seed", *SIZES])
        if curve[x].iloc[0] <= load <= curve[x].iloc[-1] and (curve[y] > 0).all()
    }
    if not values:
        return None
    table = pd.Series(values).rename_axis(["seed", *SIZES]).unstack(SIZES).dropna()
    if table.empty or table.shape[1] < 2:
        return None
    means = table.mean() / load
    return Collapse(
        load=load,
        shares=(float(means.min()), float(means.max())),
        sizes=table.shape[1],
        n=len(table),
        all=_spread(table, []),
        states=_spread(table, [ALPHABET]),
        alphabets=_spread(table, [STATE]),
    )


def _spread(table: pd.DataFrame, same: Sequence[str]) -> Spread:
    """Return the widest ratio between sizes that have these columns in common."""
    by_size = table.map(math.log).T
    groups = [group for _, group in by_size.groupby(list(same))] if same else [by_size]
    widths = [group.max() - group.min() for group in groups if len(group) > 1]
    if not widths:
        return Spread(math.nan, math.nan, math.nan)
    widest = pd.concat(widths, axis=1).max(axis=1)
    return Spread(*(math.exp(end) for end in mean_interval(widest.to_numpy(dtype=float))))
