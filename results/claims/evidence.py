"""The rows that claims are judged by, picked out of a folder that may hold other experiments."""

from dataclasses import dataclass

import pandas as pd

from results.stats.over_seeds import check_groups

PLAIN, UNIFORM, ALIGNED, DOT = "seq2seq", "seq2seq+uniform", "rnn-aligned", "seq2seq+dot"
ATTENTION = (DOT, "seq2seq+additive")
CHANNEL = "seq2seq+channel"
# The claims were written down for these settings alone.
PUBLISHED = {
    "protocol": "curriculum",
    "hidden": 64,
    "learning_rate": 0.004,
    "budget_updates": 7000,
}
SYMBOLS = {"copy": 16, "reverse": 16, "sort": 128}
CURVE = ["task", "model", "encoder", "cell"]
PLACE = ["config_id", "task", "model", "seed", "length"]


@dataclass(frozen=True)
class Evidence:
    """The tables that claims are judged by, tested at the length of each stage; some are empty."""

    accuracy: pd.DataFrame
    influence: pd.DataFrame  # influence.csv and alignment.csv, with the encoder and cell of each.
    alignment: pd.DataFrame
    channel: pd.DataFrame  # Rows of `seq2seq+channel` on copy.


def select(accuracy: pd.DataFrame, influence: pd.DataFrame, alignment: pd.DataFrame) -> Evidence:
    """Pick the rows of the published settings from tables as they are in a folder.

    Raises:
        ResultsError: A seed has two rows of one length, as those of two versions or devices.
    """
    own = accuracy[accuracy["length"] == accuracy["train_length"]]
    is_published = own["symbols"] == own["task"].map(SYMBOLS)
    for name, value in PUBLISHED.items():
        is_published &= own[name] == value
    published = _at_shared_lengths(own[is_published & (own["model"] != CHANNEL)])
    check_groups(published, "status", [*CURVE, "seed"], unit="length")
    return Evidence(
        published,
        _of_these(influence, published),
        _of_these(alignment, published),
        _channel_rows(own),
    )


def _at_shared_lengths(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the lengths that all seeds of a curve have a row of."""
    # Else the longest length would be another one for seeds that only another preset has.
    seeds = rows.groupby(CURVE)["seed"].transform("nunique")
    return rows[rows.groupby([*CURVE, "length"])["seed"].transform("nunique") == seeds]


def _of_these(probes: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Keep what was found of these rows; add encoder and cell, which probes lack."""
    is_own = probes["length"] == probes["train_length"]
    settings = rows[[*PLACE, "encoder", "cell"]]
    return probes[is_own].merge(settings, on=PLACE, how="inner")


def _channel_rows(own: pd.DataFrame) -> pd.DataFrame:
    rows = own[(own["model"] == CHANNEL) & (own["task"] == "copy")]
    # The experiment has longer budgets too, as a control.
    return rows[rows["budget_updates"] == rows["budget_updates"].min()]
