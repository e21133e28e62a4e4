"""Whether carried bits stop growing with the length, by a control with a larger budget.

Carried bits are what a model has learned to carry within its budget. They are called a capacity
only where four times the budget hardly moves them, where the target has more to carry, and where
they no longer grow. Tables in, tables out, nothing drawn.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.errors import ResultsError
from results.schema.rows import OK
from results.stats.intervals import mean_interval
from results.stats.over_seeds import check_groups
from results.stats.pairs import BUDGET, CURVE, pair_budgets

LEAST_BUDGET_FACTOR = 4
MOST_CHANGE = 0.1
MOST_SHARE = 0.9
LEAST_SPAN = 2


@dataclass(frozen=True)
class Plateau:
    """What the long end of a curve says.

    Attributes:
        reason: Why no plateau is fitted; empty where one is.
        bits: Mean over seeds of what each carries, on average over the lengths; NaN without one.
        low: Lower end of its 95 % t-interval.
        high: Upper end.
        n: Seeds fitted.
        lengths: Lengths fitted, rising.
    """

    reason: str = ""
    bits: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    lengths: tuple[int, ...] = ()


def budget_changes(reference: pd.DataFrame, control: pd.DataFrame) -> pd.DataFrame:
    """Return how far a larger budget moves the carried bits, at the lengths that both have.

    Args:
        reference: Rows of accuracy.csv, tested at the lengths trained for.
        control: The same with at least four times the budget.

    Returns:
        The columns of `CURVE`, length; bits and control_bits, the means of the seeds paired;
        target_bits; change, control_bits / bits - 1, NaN where there are no bits to begin with; n,
        the seeds paired; budget_updates and control_updates, the updates per stage at most.

    Raises:
        ResultsError: No row has a partner, a seed has several rows at one length, another setting
            differs, or the control's budget is too small.
    """
    for frame in (reference, control):
        check_groups(frame, "carried_bits", [*CURVE, "length"], unit="seed")
    pairs = pair_budgets(reference, control).rows
    if pairs.empty:
        raise ResultsError(_nothing_shared(reference, control))
    budgets = zip(pairs[f"{BUDGET}_a"], pairs[f"{BUDGET}_b"], strict=True)
    small, large = min(budgets, key=lambda budget: budget[1] / budget[0])
    if large < LEAST_BUDGET_FACTOR * small:
        raise ResultsError(
            f"{BUDGET}: the control needs at least {LEAST_BUDGET_FACTOR} times that of the "
            f"reference, got {large:,} and {small:,}"
        )
    table = pairs.groupby([*CURVE, "length"]).agg(
        bits=("carried_bits_a", "mean"),
        control_bits=("carried_bits_b", "mean"),
        target_bits=("target_bits_a", "mean"),
        n=("seed", "size"),
        budget_updates=(f"{BUDGET}_a", "first"),
        control_updates=(f"{BUDGET}_b", "first"),
    )
    change = table["control_bits"] / table["bits"].where(table["bits"] > 0) - 1
    table.insert(3, "change", change)
    return table.reset_index()


def plateau_of(reference: pd.DataFrame, changes: pd.DataFrame) -> Plateau:
    """Fit a constant to the long end of one curve, or say why there is none.

    Taken are the longest lengths in a row at which the control moves the bits by less than a
    tenth and carries at most nine tenths of the target: where it carries more, the target bounds
    what it can add. From the first of them from which the bits vary by less than a tenth a
    constant is fitted, if the length doubles from there on. Longer lengths that only the
    reference has count for how much the bits vary.

    Args:
        reference: Rows of the curve.
        changes: What `budget_changes` returned for it.
    """
    table = changes.sort_values("length", ignore_index=True)
    obstacles = [_obstacle(row) for row in table.to_dict("records")]
    first = max((place + 1 for place, found in enumerate(obstacles) if found), default=0)
    free = [int(length) for length in table["length"][first:]]
    if not free:
        return Plateau(reason=obstacles[-1])
    wide = [length for length in free if free[-1] >= LEAST_SPAN * length]
    if not wide:
        before = f": {obstacles[first - 1]}" if first else ""
        return Plateau(
            reason=f"from length {free[0]} to {free[-1]} is less than a doubling{before}"
        )
    return _fitted(reference, free=free, starts=wide)


def _obstacle(row: Mapping[Any, Any]) -> str:
    """Return why a length belongs to no plateau; empty where it may."""
    most = max(row["bits"], row["control_bits"])
    at = f"at length {row['length']:.0f}"
    if math.isnan(row["change"]):
        return f"no bits get through {at}"
    if abs(row["change"]) >= MOST_CHANGE:
        return f"the control moves the bits by {100 * row['change']:.0f} % {at}"
    if most > MOST_SHARE * row["target_bits"]:
        share = most / row["target_bits"]
        return f"the target bounds the bits: {share:.2f} of all get through {at}"
    return ""


def _fitted(reference: pd.DataFrame, *, free: Sequence[int], starts: Sequence[int]) -> Plateau:
    known = reference[(reference["status"] == OK) & reference["carried_bits"].notna()]
    for start in starts:
        lengths = tuple(length for length in free if length >= start)
        rows = known[known["length"] >= start]
        fitted = rows[rows["length"].isin(lengths)].groupby("seed")["carried_bits"]
        seeds = fitted.mean()[fitted.size() == len(lengths)]
        means = rows[rows["seed"].isin(seeds.index)].groupby("length")["carried_bits"].mean()
        if means.max() < (1 + MOST_CHANGE) * means.min():
            bits, low, high = mean_interval(seeds.to_numpy(dtype=float))
            if len(seeds) > 1:
                return Plateau(bits=bits, low=low, high=high, n=len(seeds), lengths=lengths)
            span = f"from length {start} to {lengths[-1]}"
            return Plateau(reason=f"one seed has no interval: {bits:.0f} bits {span}")
    if means.empty:
        return Plateau(reason=f"no seed finished at all lengths from {start} to {free[-1]}")
    span = f"between length {start} and {rows['length'].max()}"
    return Plateau(reason=f"the bits still vary from {means.min():.0f} to {means.max():.0f} {span}")


def _nothing_shared(reference: pd.DataFrame, control: pd.DataFrame) -> str:
    """Say which columns have no value in common."""
    differing = []
    for name in (*CURVE, "length", "seed"):
        there, here = (
            sorted(set(frame.loc[frame["status"] == OK, name])) for frame in (reference, control)
        )
        if not set(there) & set(here):
            differing.append(
                f"{name} {_joined(there)} in the reference, {_joined(here)} in the control"
            )
    names = ", ".join((*CURVE, "length"))
    told = "; ".join(differing) or "both have each value, never together"
    return f"no row of both has the same {names} and seed: {told}"


def _joined(values: Sequence[object]) -> str:
    return ", ".join(map(str, values)) or "none"
