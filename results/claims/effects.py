"""What the claims are judged by: effects, one per task and seed. Tables in, tables out.

Every function returns a table task, seed, effect; NaN where the effect of a seed cannot be told.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.schema.probe_rows import CONTEXT, OCCLUSION, TRAINED
from results.schema.rows import OK
from results.stats.threshold_length import ABOVE, BELOW, NOT_IDENTIFIED, crossings

PLAIN, UNIFORM, ALIGNED = "seq2seq", "seq2seq+uniform", "rnn-aligned"
ATTENTION = ("seq2seq+dot", "seq2seq+additive")
SOLVED_ACCURACY = 0.9
LEAST_GAP = 0.1
BOTH = "copy and reverse"
_COLUMNS = ["task", "seed", "effect"]


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


def _table(
    rows: Sequence[tuple[Any, Any, float]], evidence: Evidence, *models: str, encoder: str = "bi"
) -> pd.DataFrame:
    """Return the effects, and NaN for each seed whose rows of these models yield none.

    A seed that failed has rows that say so; one that was not begun has none, and is left out.
    """
    accuracy = evidence.accuracy
    begun = accuracy[(accuracy["encoder"] == encoder) & accuracy["model"].isin(models)]
    counts = begun.groupby(["task", "seed"])["model"].nunique()
    known = {(task, seed) for task, seed, _ in rows}
    missing = [
        (*names, math.nan)  # type: ignore[misc]
        for names, count in counts.items()
        if count == len(models) and names not in known
    ]
    return pd.DataFrame([*rows, *missing], columns=_COLUMNS)


def _not_measured() -> pd.DataFrame:
    return pd.DataFrame(columns=_COLUMNS)


def _curve_rows(evidence: Evidence, *models: str, encoder: str = "bi") -> pd.DataFrame:
    frame = evidence.accuracy
    rows = frame[frame["model"].isin(models) & (frame["encoder"] == encoder)]
    room = 1 - rows["constant_accuracy"]
    return rows.assign(
        carried_share=rows["carried_bits"] / rows["target_bits"],
        normalised_forced_accuracy=(
            rows["teacher_forced_token_accuracy"] - rows["constant_accuracy"]
        )
        / room,
    )


def _wide(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    """Return a score by (task, seed, length), one column for each model.

    Lengths that all of the models have a row of; NaN where it did not finish.
    """
    rows = _curve_rows(evidence, *models)
    point = ["task", "seed", "length"]
    table = rows.assign(score=rows[score].where(rows["status"] == OK))
    is_begun = table.groupby(point)["model"].transform("nunique") == len(models)
    wide = table[is_begun].pivot(index=point, columns="model", values="score")
    return wide.reindex(columns=list(models)).sort_index()


def length_ratio(score: str, model: str, *, decisive: float) -> Effects:
    """Return how many times longer a sequence attention holds by half than `seq2seq` does.

    A curve that does not cross one half within the lengths measured bounds the ratio on one side.
    The bound stands for the ratio where it settles on which side of `decisive` the ratio is, and
    is marked in the column is_bound; else the ratio cannot be told.
    """

    def ratio(ends: tuple[float, float], plain: tuple[float, float]) -> tuple[float, bool]:
        least = ends[0] / plain[1]
        most = ends[1] / plain[0] if plain[0] > 0 else math.inf
        if least == most or least >= decisive:
            return least, least != most
        return (most, True) if most < decisive else (math.nan, False)

    def effects(evidence: Evidence) -> pd.DataFrame:
        found = crossings(_curve_rows(evidence, PLAIN, model), score, ["task", "model"])
        ranges = {
            (task, seed, name): _range(kind, length)
            for task, name, seed, kind, length in found.itertuples(index=False)
        }
        ratios = {
            (task, seed): ratio(ends, ranges[task, seed, PLAIN])
            for (task, seed, name), ends in ranges.items()
            if name == model and (task, seed, PLAIN) in ranges
        }
        rows = [(*names, value) for names, (value, _) in ratios.items()]
        table = _table(rows, evidence, PLAIN, model)
        names = zip(table["task"], table["seed"], strict=True)
        return table.assign(is_bound=[ratios.get(each, (math.nan, False))[1] for each in names])

    return effects


def _range(kind: str, length: float) -> tuple[float, float]:
    """Return between which lengths a curve crosses."""
    ends = {ABOVE: (length, math.inf), BELOW: (0.0, length), NOT_IDENTIFIED: (0.0, math.inf)}
    return ends.get(kind, (length, length))


def early_effects(evidence: Evidence) -> pd.DataFrame:
    """Return the largest effect of an input on an earlier output of `rnn-aligned`."""
    rows = evidence.influence
    if rows.empty:
        return _not_measured()
    is_wanted = (rows["model"] == ALIGNED) & (rows["measure"] != CONTEXT)
    largest = rows[is_wanted].groupby(["task", "seed"])["largest_early_effect"].max()
    return _table(_items(largest), evidence, ALIGNED)


def above_ceiling(evidence: Evidence) -> pd.DataFrame:
    """Return how far `rnn-aligned` is above its causal ceiling, at most, in standard errors."""
    rows = _curve_rows(evidence, ALIGNED)
    rows = rows[(rows["status"] == OK) & rows["causal_ceiling_accuracy"].notna()]
    ceiling = rows["causal_ceiling_accuracy"]
    items = (rows["test_sequences"] * rows["length"]).astype("float64")
    # Where the ceiling is 1 nothing can be above it, and nothing is left to chance.
    excess = (rows["token_accuracy"] - ceiling) / np.sqrt(ceiling * (1 - ceiling) / items)
    each = rows.assign(excess=excess.where(ceiling < 1, 0.0))
    most = each.groupby(["task", "seed"])["excess"].max()
    return _table(_items(most), evidence, ALIGNED)


def accuracy_gap(*, where: str) -> Effects:
    """Return accuracy of `seq2seq` less that of `rnn-aligned`.

    Args:
        where: `solved`, the longest length with nine tenths of the items right by `seq2seq`, or
            `longest`.
    """

    def effects(evidence: Evidence) -> pd.DataFrame:
        table = _wide(evidence, "token_accuracy", PLAIN, ALIGNED)
        if table.empty:
            return _not_measured()
        gaps = table[PLAIN] - table[ALIGNED]
        if where == "solved":
            gaps = gaps[table[PLAIN] >= SOLVED_ACCURACY]
        return _table(_items(_at_longest(gaps)), evidence, PLAIN, ALIGNED)

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
        slopes = {}
        for seed, group in rows.groupby("seed"):
            length = int(group["length"].max())
            at_length = group[group["length"] == length]
            by_task = {
                task: each.set_index("source_item")["aligned_effect"]
                for task, each in at_length.groupby("task")
            }
            has_both = {"copy", "reverse"} <= {*by_task}
            slopes[seed] = _slope(by_task, length=length) if has_both else math.nan
        if not {"copy", "reverse"} <= {*rows["task"]}:
            return _not_measured()
        plain = _curve_rows(evidence, PLAIN, encoder=encoder)
        both = plain[plain["task"].isin(["copy", "reverse"])].groupby("seed")["task"].nunique() == 2
        missing = dict.fromkeys(both.index[both], math.nan)
        found = sorted((missing | slopes).items())
        return pd.DataFrame([(BOTH, *item) for item in found], columns=_COLUMNS)

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
        return _table(found, evidence, PLAIN, encoder=encoder) if found else _not_measured()

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
            return _not_measured()
        is_wanted = (rows["model"] == model) & (rows["encoder"] == "bi") & rows[column].notna()
        rows = rows[is_wanted].sort_values("length")
        last = rows.groupby(["task", "seed"])[column].last()
        return _table(_items(last), evidence, model)

    return effects


def uniform_share(score: str) -> Effects:
    """Return (uniform - seq2seq) / (attention - seq2seq) at the longest length.

    It cannot be told where attention is no better than `seq2seq` to begin with.
    """
    dot = ATTENTION[0]

    def effects(evidence: Evidence) -> pd.DataFrame:
        table = _wide(evidence, score, PLAIN, UNIFORM, dot)
        if table.empty:
            return _not_measured()
        gain = table[dot] - table[PLAIN]
        share = (table[UNIFORM] - table[PLAIN]) / gain.where(gain >= LEAST_GAP)
        return _table(_items(_at_longest(share)), evidence, PLAIN, UNIFORM, dot)

    return effects


def _at_longest(values: "pd.Series[float]") -> "pd.Series[float]":
    """Return the value of each (task, seed) at the longest length that it has, even if NaN."""
    return values.groupby(level=["task", "seed"]).agg(lambda group: group.iloc[-1])


def _items(values: "pd.Series[float]") -> list[tuple[Any, Any, float]]:
    return [(*names, value) for names, value in values.items()]  # type: ignore[misc]
