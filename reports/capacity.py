"""Carried bits by size of state and alphabet: rows of accuracy.csv to tables, no drawing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from results.crossing import crossings, mean_crossing
from results.schema import OK
from results.summary import mean_over_seeds

MODEL = "seq2seq"
SIZES = ["hidden", "symbols"]
NUMBERS_PER_UNIT = {"lstm": 2}  # h and c; every other cell has h alone.
FEWEST_SIZES = 2


@dataclass(frozen=True)
class Capacity:
    """Everything that the figure of capacity shows.

    Attributes:
        bits: hidden, symbols, length, mean, low, high, n, failed; numbers, of the state;
            target_bits; bits_per_number; target_per_number.
        half: hidden, symbols, length, low, high, n, above, below, not_identified: the length at
            which half of the bits come through; numbers; half_bits, the bits of that length.
        task: Name of the task.
        cell: Recurrent cell.
        encoder: `bi` or `uni`.
        seeds: Number of seeds.
        budget_updates: Updates per stage at most.
    """

    bits: pd.DataFrame
    half: pd.DataFrame
    task: str
    cell: str
    encoder: str
    seeds: int
    budget_updates: int


def has_sizes(accuracy: pd.DataFrame) -> bool:
    """Return whether the rows hold `seq2seq` at several sizes of state or alphabet in one task."""
    rows = accuracy[accuracy["model"] == MODEL]
    sizes = rows.drop_duplicates(["task", *SIZES]).groupby("task").size()
    return bool((sizes >= FEWEST_SIZES).any())


def capacity_of(accuracy: pd.DataFrame) -> Capacity:
    """Turn rows at the lengths trained for into bits by size.

    Args:
        accuracy: Rows of one protocol; of its tasks, the one with the most sizes is taken.
    """
    rows = accuracy[accuracy["model"] == MODEL]
    sizes = rows.drop_duplicates(["task", *SIZES]).groupby("task").size()
    rows = rows[rows["task"] == sizes.idxmax()]
    bits = mean_over_seeds(rows, "carried_bits", [*SIZES, "length"])
    cell = str(rows["cell"].iloc[0])
    bits["numbers"] = bits["hidden"] * NUMBERS_PER_UNIT.get(cell, 1)
    targets = rows.groupby([*SIZES, "length"])["target_bits"].first().reset_index()
    bits = bits.merge(targets, on=[*SIZES, "length"])
    bits["bits_per_number"] = bits["mean"] / bits["numbers"]
    bits["target_per_number"] = bits["target_bits"] / bits["numbers"]
    return Capacity(
        bits=bits,
        half=_half_lengths(rows, numbers_per_unit=NUMBERS_PER_UNIT.get(cell, 1)),
        task=str(rows["task"].iloc[0]),
        cell=cell,
        encoder=str(rows["encoder"].iloc[0]),
        seeds=int(rows["seed"].nunique()),
        budget_updates=int(rows["budget_updates"].iloc[0]),
    )


def _half_lengths(rows: pd.DataFrame, *, numbers_per_unit: int) -> pd.DataFrame:
    share = rows.assign(carried_share=rows["carried_bits"] / rows["target_bits"])
    share = share[share["status"] == OK]
    half = mean_crossing(crossings(share, "carried_share", SIZES), SIZES)
    half["numbers"] = half["hidden"] * numbers_per_unit
    half["half_bits"] = half["length"] * half["symbols"].map(math.log2)
    return half


def in_order(values: Iterable[int]) -> list[int]:
    """Return the different sizes, rising."""
    return sorted({int(value) for value in values})
