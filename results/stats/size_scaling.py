"""Ask whether the curves of several sizes are one curve: tables in, numbers out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.stats.intervals import mean_interval

STATE, ALPHABET = "hidden", "symbols"
SIZES = [STATE, ALPHABET]


@dataclass(frozen=True)
class Spread:
    """The highest value of all sizes by the lowest, geometric mean over seeds.

    NaN if nothing can be compared. The 95 % t-interval, low to high, is of the logarithm.
    """

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Collapse:
    """How the curves of several sizes compare at one load."""

    load: float  # Bits of the target per number of the state.
    sizes: int
    n: int  # Seeds that have a value for all sizes.
    all: Spread
    states: Spread  # The widest over states with one alphabet.
    alphabets: Spread  # The widest over alphabets with one state.


def collapse_of(rows: pd.DataFrame, *, x: str, y: str) -> Collapse | None:
    """Compare curves at the largest load that every state and every alphabet reaches.

    Curves that follow the target agree whatever limits them. So the load is the largest one at
    which each state, and each alphabet, has at least one curve. Between two lengths the curves are
    interpolated linearly. Nothing is extrapolated.

    Args:
        rows: hidden, symbols, seed, and the columns of `x` and `y`; only rows that finished.
        x: Column of the load.
        y: Column to compare; a curve with a value of 0 or less is left out.

    Returns:
        None if fewer than two sizes reach a common load in one seed.
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
    return Collapse(
        load=load,
        sizes=table.shape[1],
        n=len(table),
        all=_spread(table, []),
        states=_spread(table, [ALPHABET]),
        alphabets=_spread(table, [STATE]),
    )


def _spread(table: pd.DataFrame, same: Sequence[str]) -> Spread:
    """Take the widest ratio between sizes that have these columns in common."""
    by_size = table.map(math.log).T
    groups = [group for _, group in by_size.groupby(list(same))] if same else [by_size]
    widths = [group.max() - group.min() for group in groups if len(group) > 1]
    if not widths:
        return Spread(math.nan, math.nan, math.nan)
    widest = pd.concat(widths, axis=1).max(axis=1)
    return Spread(*(math.exp(end) for end in mean_interval(widest.to_numpy(dtype=float))))
