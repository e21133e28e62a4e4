"""What the claims are judged by: effects, one per task and seed. Tables in, tables out.

Every function returns a table task, seed, effect; NaN where the effect of a seed cannot be told.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.crossing import ABOVE, BELOW, NOT_IDENTIFIED, crossings
from results.probe_schema import CONTEXT, OCCLUSION, TRAINED
from results.schema import OK

PLAIN, UNIFORM, ALIGNED = "seq2seq", "seq2seq+uniform", "rnn-aligned"
ATTENTION = ("seq2seq+dot", "seq2seq+additive")
SOLVED_ACCURACY = 0.9
LEAST_GAP = 0.1


@dataclass(frozen=True)
class Evidence:
    """The tables that claims are judged by; empty where a folder has none.

    Attributes:
        accuracy: accuracy.csv, the rows tested at the length of their stage.
        influence: influence.csv with the encoder of each row.
        alignment: alignment.csv.
    """

    accuracy: pd.DataFrame
    influence: pd.DataFrame
    alignment: pd.DataFrame


Effects = Callable[[Evidence], pd.DataFrame]


def _table(rows: Sequence[tuple[Any, Any, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["task", "seed", "effect"])


def _curve_rows(evidence: Evidence, *models: str, encoder: str = "bi") -> pd.DataFrame:
    frame = evidence.accuracy
    is_wanted = frame["model"].isin(models) & (frame["encoder"] == encoder)
    rows = frame[is_wanted & (frame["status"] == OK)]
    room = 1 - rows["constant_accuracy"]
    return rows.assign(
        carried_share=rows["carried_bits"] / rows["target_bits"],
        normalised_forced_accuracy=(
            rows["teacher_forced_token_accuracy"] - rows["constant_accuracy"]
        )
        / room,
    )


def _wide(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    """Return a score by (task, seed, length), one column for each model; only complete rows."""
    rows = _curve_rows(evidence, *models).dropna(subset=score)
    table = rows.pivot(index=["task", "seed", "length"], columns="model", values=score)
    return table.reindex(columns=list(models)).dropna().sort_index()


def length_ratio(score: str, model: str, *, decisive: float) -> Effects:
    """Return how many times longer a sequence attention holds by half than `seq2seq` does.

    Where attention holds to the longest length, the ratio is a lower bound, and says nothing where
    it is below `decisive`. Nor can it be told where `seq2seq` holds to the longest length too, or
    either curve does not fall.
    """

    def ratio(each: "pd.Series[Any]") -> float:
        kinds, lengths = each["kind"], each["length"]
        if kinds[PLAIN] in (ABOVE, NOT_IDENTIFIED) or kinds[model] in (BELOW, NOT_IDENTIFIED):
            return math.nan
        found = float(lengths[model] / lengths[PLAIN])
        is_bound = kinds[model] == ABOVE or kinds[PLAIN] == BELOW
        return math.nan if is_bound and found < decisive else found

    def effects(evidence: Evidence) -> pd.DataFrame:
        rows = _curve_rows(evidence, PLAIN, model)
        found = crossings(rows, score, ["task", "model"])
        if {PLAIN, model} - {*found["model"]}:
            return _table([])
        curves = found.pivot(index=["task", "seed"], columns="model", values=["kind", "length"])
        both = curves.dropna(subset=[("kind", PLAIN), ("kind", model)])
        return _table([(*names, ratio(each)) for names, each in both.iterrows()])  # type: ignore[misc]

    return effects


def early_effects(evidence: Evidence) -> pd.DataFrame:
    """Return the largest effect of an input on an earlier output of `rnn-aligned`."""
    rows = evidence.influence
    if rows.empty:
        return _table([])
    rows = rows[(rows["model"] == ALIGNED) & (rows["measure"] != CONTEXT)]
    largest = rows.groupby(["task", "seed"])["largest_early_effect"].max()
    return largest.rename("effect").reset_index()


def accuracy_gap(*, where: str) -> Effects:
    """Return accuracy of `seq2seq` less that of `rnn-aligned`.

    Args:
        where: `solved`, the longest length with nine tenths of the items right by `seq2seq`, or
            `longest`.
    """

    def effects(evidence: Evidence) -> pd.DataFrame:
        table = _wide(evidence, "token_accuracy", PLAIN, ALIGNED)
        rows = []
        for (task, seed), group in table.groupby(level=["task", "seed"]):
            if where == "solved":
                group = group[group[PLAIN] >= SOLVED_ACCURACY]
            gap = group[PLAIN] - group[ALIGNED]
            rows.append((task, seed, gap.iloc[-1] if len(gap) else math.nan))
        return _table(rows)

    return effects


def recency(encoder: str) -> Effects:
    """Return how much more the last source position moves an output than the first does.

    Copy asks at output i for the source position i, reverse for L + 1 - i. The difference of the
    two effects at one i, over the difference of the two positions, is the slope of the effect in
    the source position at fixed output index; times L - 1, and relative to the mean effect. Seeds
    are pooled over the two tasks, at the longest length that was probed.
    """

    def effects(evidence: Evidence) -> pd.DataFrame:
        rows = _influence_of(evidence, PLAIN, encoder=encoder, measure=OCCLUSION)
        if rows.empty:
            return _table([])
        found = []
        for seed, group in rows.groupby("seed"):
            length = int(group["length"].max())
            at_length = group[group["length"] == length]
            by_task = {
                task: each.set_index("source_item")["aligned_effect"]
                for task, each in at_length.groupby("task")
            }
            if {"copy", "reverse"} <= {*by_task}:
                found.append(("copy and reverse", seed, _slope(by_task, length=length)))
        return _table(found)

    return effects


def _slope(by_task: Mapping[Any, "pd.Series[float]"], *, length: int) -> float:
    copied, reversed_ = by_task["copy"], by_task["reverse"]
    outputs = np.array([i for i in copied.index if length + 1 - i in reversed_.index])
    at_copy = copied.loc[outputs].to_numpy(dtype=float)
    at_reverse = reversed_.loc[length + 1 - outputs].to_numpy(dtype=float)
    distance = 2 * outputs - length - 1
    mean = (at_copy.mean() + at_reverse.mean()) / 2
    if mean <= 0:
        return math.nan
    slope = (distance * (at_copy - at_reverse)).sum() / (distance**2).sum()
    return float(slope * (length - 1) / mean)


def context_ratio(encoder: str) -> Effects:
    """Return the norm of d context / d x_j over the last quarter of positions, by the first."""

    def effects(evidence: Evidence) -> pd.DataFrame:
        rows = _influence_of(evidence, PLAIN, encoder=encoder, measure=CONTEXT)
        found = []
        for (task, seed), group in rows.groupby(["task", "seed"]):
            length = group["length"].max()
            at_length = group[group["length"] == length]
            late = at_length[at_length["source_item"] > 0.75 * length]["effect"].mean()
            early = at_length[at_length["source_item"] <= 0.25 * length]["effect"].mean()
            found.append((task, seed, late / early if early > 0 else math.nan))
        return _table(found)

    return effects


def _influence_of(evidence: Evidence, model: str, *, encoder: str, measure: str) -> pd.DataFrame:
    rows = evidence.influence
    if rows.empty:
        return pd.DataFrame(columns=["task", "seed", "length", "source_item", "effect"])
    is_wanted = (rows["model"] == model) & (rows["encoder"] == encoder)
    is_wanted &= (rows["measure"] == measure) & (rows["parameters"] == TRAINED)
    return rows[is_wanted]


def alignment_at_longest(column: str, model: str) -> Effects:
    """Return a column of alignment.csv at the longest length where it is known."""

    def effects(evidence: Evidence) -> pd.DataFrame:
        rows = evidence.alignment
        if rows.empty:
            return _table([])
        is_wanted = (rows["model"] == model) & (rows["encoder"] == "bi") & rows[column].notna()
        rows = rows[is_wanted].sort_values("length")
        last = rows.groupby(["task", "seed"])[column].last()
        return last.rename("effect").reset_index()

    return effects


def uniform_share(score: str) -> Effects:
    """Return (uniform - seq2seq) / (attention - seq2seq) at the longest length.

    It cannot be told where attention is no better than `seq2seq` to begin with.
    """
    dot = ATTENTION[0]

    def effects(evidence: Evidence) -> pd.DataFrame:
        table = _wide(evidence, score, PLAIN, UNIFORM, dot)
        rows = []
        for (task, seed), group in table.groupby(level=["task", "seed"]):
            last = group.iloc[-1]
            gain = last[dot] - last[PLAIN]
            share = (last[UNIFORM] - last[PLAIN]) / gain if gain >= LEAST_GAP else math.nan
            rows.append((task, seed, share))
        return _table(rows)

    return effects
