"""Carried bits by size of state and alphabet: rows of accuracy.csv to tables, no drawing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import Curves, facts_of, points
from results.schema.rows import OK
from results.stats.over_seeds import mean_over_seeds
from results.stats.size_scaling import SIZES, Collapse, Spread, collapse_of
from results.stats.threshold_length import ABOVE, AT, crossings

MODEL = "seq2seq"
NUMBERS_PER_UNIT = {"lstm": 2}  # h and c; every other cell has h alone.
FEWEST_SIZES = 2


@dataclass(frozen=True)
class Capacity:
    """Everything that the figure of capacity shows.

    Attributes:
        curves: Carried bits (y) by those of the target (x); the columns hidden and symbols too.
        half: hidden, symbols, seed, length, is_bound: the length at which half of the bits get
            through, or the longest one where they do in some seed. Nothing is extrapolated, so a
            size of which a seed says neither has no row.
        collapse: How far the sizes lie apart; None where nothing can be compared.
        most_per_number: Most bits carried for each number of the state, mean over seeds.
        least_shares: Least share of the bits, mean over seeds, at any size and length of the
            other models of these sizes, by model.
        budget_updates: Updates per stage at most.
    """

    curves: Curves
    half: pd.DataFrame
    collapse: Collapse | None
    most_per_number: float
    least_shares: Mapping[str, float]
    budget_updates: int


def has_sizes(accuracy: pd.DataFrame) -> bool:
    """Tell if rows of `seq2seq` have several sizes of state or alphabet in one task."""
    return bool((_sizes(accuracy) >= FEWEST_SIZES).any())


def _sizes(accuracy: pd.DataFrame) -> "pd.Series[int]":
    rows = accuracy[accuracy["model"] == MODEL]
    return rows.drop_duplicates(["task", *SIZES]).groupby("task").size()


def capacity_of(accuracy: pd.DataFrame) -> Capacity:
    """Turn rows at the lengths trained for into bits by size.

    Args:
        accuracy: Rows of one protocol; of its tasks, the one with the most sizes is taken.
    """
    of_task = accuracy[accuracy["task"] == _sizes(accuracy).idxmax()]
    of_task = of_task.assign(carried_share=of_task["carried_bits"] / of_task["target_bits"])
    rows, others = of_task[of_task["model"] == MODEL], of_task[of_task["model"] != MODEL]
    facts = facts_of(rows)
    numbers = rows["hidden"] * NUMBERS_PER_UNIT.get(facts.cell, 1)
    rows = rows.assign(
        bits_per_number=rows["carried_bits"] / numbers,
        target_per_number=rows["target_bits"] / numbers,
    )
    finished = rows[(rows["status"] == OK) & rows["carried_bits"].notna()]
    lines = rows["hidden"].astype(str) + "/" + rows["symbols"].astype(str)
    bits = {"x": rows["target_bits"], "y": rows["carried_bits"], "line": lines}
    table = points(rows, seeds=facts.seeds, row="bits", column="bits", **bits)
    per_number = mean_over_seeds(rows, "bits_per_number", [*SIZES, "length"])
    shares = mean_over_seeds(others, "carried_share", ["model", *SIZES, "length"])
    least = shares.dropna(subset="mean").groupby("model")["mean"]
    return Capacity(
        Curves(table.join(rows[SIZES]), facts),
        half=_half_lengths(finished),
        collapse=collapse_of(finished, x="target_per_number", y="bits_per_number"),
        most_per_number=float(per_number["mean"].max()),
        least_shares={str(model): float(means.min()) for model, means in least},
        budget_updates=int(rows["budget_updates"].iloc[0]),
    )


def _half_lengths(finished: pd.DataFrame) -> pd.DataFrame:
    each = crossings(finished, "carried_share", SIZES)
    size = [each[name] for name in SIZES]
    is_known = each["kind"].isin([AT, ABOVE]).groupby(size).transform("all")
    is_bound = (each["kind"] == ABOVE).groupby(size).transform("any")
    return each.assign(is_bound=is_bound)[is_known].reset_index(drop=True)


def collapse_lines(collapse: Collapse | None) -> list[str]:
    """Say how far the curves of several sizes lie apart; no line where none are compared."""
    if collapse is None:
        return []
    return [
        f"At {collapse.load:.2g} bits of the target per number of the state, {collapse.sizes} "
        f"sizes differ by a factor of {_factor(collapse.all)}: states at one alphabet by "
        f"{_factor(collapse.states)}, alphabets at one state by {_factor(collapse.alphabets)}; "
        f"n = {counted(collapse.n, 'seed')}."
    ]


def _factor(spread: Spread) -> str:
    if math.isnan(spread.ratio):
        return "an unknown factor"
    if math.isnan(spread.low):
        return f"{spread.ratio:.2f}"
    return f"{spread.ratio:.2f} ({spread.low:.2f} to {spread.high:.2f})"
