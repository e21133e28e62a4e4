"""Carried bits by size of state and alphabet: rows of accuracy.csv to tables, no drawing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.schema.rows import OK
from results.stats.over_seeds import mean_over_seeds
from results.stats.size_scaling import SIZES, Collapse, collapse_of
from results.stats.threshold_length import ABOVE, BELOW, NOT_IDENTIFIED, crossings, mean_crossing

MODEL = "seq2seq"
NUMBERS_PER_UNIT = {"lstm": 2}  # h and c; every other cell has h alone.
FEWEST_SIZES = 2
BITS_PER_NUMBER = 32


@dataclass(frozen=True)
class Capacity:
    """Everything that the figure of capacity shows.

    Attributes:
        bits: hidden, symbols, length, mean, low, high, n, failed; numbers, of the state;
            target_bits; bits_per_number; target_per_number.
        half: hidden, symbols, length, low, high, n, above, below, not_identified: the length at
            which half of the bits get through, for every size, without it where it is not known;
            least_length, which it exceeds, where some seed's curve stays above one half.
        collapse: How far the sizes lie apart; None where nothing can be compared.
        least_shares: Least share of the bits, mean over seeds, at any size and length of the
            other models of these sizes, by model.
        task: Name of the task.
        cell: Recurrent cell.
        encoder: `bi` or `uni`.
        seeds: Number of seeds.
        budget_updates: Updates per stage at most.
    """

    bits: pd.DataFrame
    half: pd.DataFrame
    collapse: Collapse | None
    least_shares: Mapping[str, float]
    task: str
    cell: str
    encoder: str
    seeds: int
    budget_updates: int


def counting_bound_bits(numbers: int) -> int:
    """Return the most bits that a state of 32-bit numbers can carry, however it is trained.

    A state S of N such numbers takes at most 2^(32 N) values. Of the target Y the decoder knows
    what S tells: its answers' probabilities q(y | S) are one distribution for each value. As a
    cross-entropy is never below the entropy, carried bits = H(Y) - E[-log2 q(Y | S)] <=
    H(Y) - H(Y | S) = I(Y; S) <= H(S) <= 32 N. In the same way greedy decoding has one answer
    for each value: of V^L equally likely targets at most 2^(32 N) are ever answered right.

    In the spirit of Jelassi et al. 2024, arXiv:2402.01032: a state of fixed size limits copying.
    """
    return BITS_PER_NUMBER * numbers


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
    task, cell = str(sizes.idxmax()), str(rows["cell"].iloc[0])
    rows = _with_scale(rows[rows["task"] == task], per_unit=NUMBERS_PER_UNIT.get(cell, 1))
    bits = mean_over_seeds(rows, "carried_bits", [*SIZES, "length"])
    scale = ["numbers", "target_bits", "target_per_number"]
    bits = bits.merge(
        rows.groupby([*SIZES, "length"])[scale].first().reset_index(), on=[*SIZES, "length"]
    )
    bits["bits_per_number"] = bits["mean"] / bits["numbers"]
    finished = rows[(rows["status"] == OK) & rows["carried_bits"].notna()]
    others = accuracy[(accuracy["task"] == task) & (accuracy["model"] != MODEL)]
    return Capacity(
        bits=bits,
        half=_half_lengths(finished, sizes=rows[SIZES].drop_duplicates()),
        collapse=collapse_of(finished, x="target_per_number", y="bits_per_number"),
        least_shares=_least_shares(others),
        task=task,
        cell=cell,
        encoder=str(rows["encoder"].iloc[0]),
        seeds=int(rows["seed"].nunique()),
        budget_updates=int(rows["budget_updates"].iloc[0]),
    )


def _with_scale(rows: pd.DataFrame, *, per_unit: int) -> pd.DataFrame:
    """Add the numbers of the state, and the bits of each row for each of them."""
    numbers = rows["hidden"] * per_unit
    return rows.assign(
        numbers=numbers,
        bits_per_number=rows["carried_bits"] / numbers,
        target_per_number=rows["target_bits"] / numbers,
        carried_share=rows["carried_bits"] / rows["target_bits"],
    )


def _half_lengths(finished: pd.DataFrame, *, sizes: pd.DataFrame) -> pd.DataFrame:
    """Return where half of the bits get through; a row for each size, finished or not."""
    each = crossings(finished, "carried_share", SIZES)
    half = sizes.merge(mean_crossing(each, SIZES), on=SIZES, how="left").sort_values(SIZES)
    counts = ["n", ABOVE, BELOW, NOT_IDENTIFIED]
    half[counts] = half[counts].fillna(0).astype(int)
    logs = each.assign(least_length=np.log(each["length"].astype(float)))
    least = logs.groupby(SIZES)["least_length"].mean().reset_index()
    half = half.merge(least, on=SIZES, how="left")
    is_bound = (half[ABOVE] > 0) & (half[[BELOW, NOT_IDENTIFIED]] == 0).all(axis=1)
    return half.assign(least_length=np.exp(half["least_length"].where(is_bound)))


def _least_shares(rows: pd.DataFrame) -> dict[str, float]:
    shares = rows.assign(carried_share=rows["carried_bits"] / rows["target_bits"])
    means = mean_over_seeds(shares, "carried_share", ["model", *SIZES, "length"])
    least = means.dropna(subset="mean").groupby("model")["mean"].min()
    return {str(model): float(share) for model, share in least.items()}


def in_order(values: Iterable[int]) -> list[int]:
    """Return the different sizes, rising."""
    return sorted({int(value) for value in values})
