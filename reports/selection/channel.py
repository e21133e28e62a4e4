"""Rows of models with a channel of known capacity, and rows that differ in their budget alone."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.selection.curves import Facts, facts_of
from results.schema.rows import OK, SETTING_COLUMNS
from results.stats.intervals import mean_interval
from results.stats.threshold_length import crossings

NOISE, SIGNS, CONTROL = "seq2seq+channel", "seq2seq+signs", "seq2seq+dot+channel"
MODELS = (NOISE, SIGNS, CONTROL)
# From here on the target has so many more bits than the channel that the channel is the limit.
FULL_LOAD = 4.0
BUDGET = "budget_updates"


@dataclass(frozen=True)
class Channel:
    """What the figure shows.

    Attributes:
        points: model, capacity, build (how it is made), budget_updates, seed, length,
            token_accuracy, load (bits of the target over the capacity), share (bits carried over
            the capacity).
        facts: For the caption.
        least_budget: Updates per stage at most, of the curves over the length.
    """

    points: pd.DataFrame
    facts: Facts
    least_budget: int


def with_channel(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of models with a channel."""
    return accuracy[accuracy["model"].isin(MODELS) & accuracy["channel_numbers"].notna()]


def channel_of(rows: pd.DataFrame) -> Channel:
    """Turn rows with a channel, tested at the lengths trained for, into what is drawn."""
    numbers, snr = rows["channel_numbers"].astype(float), rows["channel_snr"].astype(float)
    # The control has no capacity of its own, since its memory passes beside the channel.
    capacity: "pd.Series[float]" = numbers / 2 * np.log2(1 + snr)
    capacity = capacity.where(rows["model"] != SIGNS, numbers)
    table = rows.assign(
        capacity=capacity.round(6),
        build=["signs" if math.isnan(ratio) else f"SNR {ratio:g}" for ratio in snr],
        load=rows["target_bits"] / capacity,
        share=rows["carried_bits"] / capacity,
    )
    names = ["model", "capacity", "build", "budget_updates", "seed", "length", "token_accuracy"]
    finished = table[table["status"] == OK]
    return Channel(
        points=finished[[*names, "load", "share"]].reset_index(drop=True),
        facts=facts_of(rows),
        least_budget=int(rows["budget_updates"].min()),
    )


def efficiency(channel: Channel) -> pd.DataFrame:
    """Compute the share of its capacity that a channel carries where the target has far more.

    Returns:
        model, capacity, build, budget_updates, share, low, high (95 % t-interval), n. The share of
        a seed is the mean over its lengths with a load of `FULL_LOAD` or more.
    """
    by = ["model", "capacity", "build", "budget_updates"]
    points = channel.points
    full = points[(points["load"] >= FULL_LOAD) & (points["model"] != CONTROL)]
    each = full.groupby([*by, "seed"])["share"].mean()
    found = [
        (*key, *mean_interval(shares.to_numpy(dtype=float)), len(shares))
        for key, shares in each.groupby(by)
    ]
    return pd.DataFrame(found, columns=[*by, "share", "low", "high", "n"])


def with_budgets(own: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each model and task that was trained in nothing but several budgets."""
    same = ["task", "model", *(name for name in SETTING_COLUMNS if name != BUDGET)]
    return own[own.groupby(same, dropna=False)[BUDGET].transform("nunique") > 1]


def half_lengths(rows: pd.DataFrame) -> pd.DataFrame:
    """Find where half of the items are lost.

    Returns:
        task, model, budget_updates, seed, length and kind, as `crossings` gives them.
    """
    finished = rows[rows["status"] == OK]
    return crossings(finished, "normalised_accuracy", ["task", "model", BUDGET])
