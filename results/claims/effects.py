"""What the claims are judged by: one effect per task and seed.

Every effect function takes the evidence and gives a table task, seed, effect, is_bound. The effect
is NaN if it cannot be told. is_bound is true if it is known from one side only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.schema.probe_rows import CONTEXT, OCCLUSION, TRAINED
from results.schema.rows import OK
from results.stats.threshold_length import ABOVE, AT, BELOW, crossings

PLAIN, UNIFORM, ALIGNED = "seq2seq", "seq2seq+uniform", "rnn-aligned"
ATTENTION = ("seq2seq+dot", "seq2seq+additive")
SOLVED_ACCURACY = 0.9
LEAST_GAP = 0.1
BOTH = "copy and reverse"


@dataclass(frozen=True)
class Evidence:
    """The tables that claims are judged by; empty where a folder has none."""

    accuracy: pd.DataFrame  # accuracy.csv, the rows tested at the length of their stage.
    influence: pd.DataFrame  # influence.csv and alignment.csv, with the encoder of each row.
    alignment: pd.DataFrame


EffectFunction = Callable[[Evidence], pd.DataFrame]
SEED = ["task", "seed"]
NO_EFFECTS = pd.DataFrame(columns=[*SEED, "effect", "is_bound"])


def _table(
    effects: "pd.Series[float]", evidence: Evidence, *models: str, encoder: str = "bi"
) -> pd.DataFrame:
    """Add NaN for each seed that has rows of all these models and no effect.

    A seed that failed has rows that say so. A seed that was not begun has none, and is left out.
    """
    accuracy = evidence.accuracy
    begun = accuracy[(accuracy["encoder"] == encoder) & accuracy["model"].isin(models)]
    counts = begun.groupby(SEED)["model"].nunique()
    lost = counts.index[counts == len(models)].difference(effects.index)
    every = effects.reindex(effects.index.append(lost)).astype("float64")
    return every.rename_axis(SEED).rename("effect").reset_index().assign(is_bound=False)


def _curve_rows(evidence: Evidence, *models: str, encoder: str = "bi") -> pd.DataFrame:
    frame = evidence.accuracy
    rows = frame[frame["model"].isin(models) & (frame["encoder"] == encoder)]
    forced, constant = rows["teacher_forced_token_accuracy"], rows["constant_accuracy"]
    return rows.assign(
        carried_share=rows["carried_bits"] / rows["target_bits"],
        normalised_forced_accuracy=(forced - constant) / (1 - constant),
    )


def _wide(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    """Arrange a score by (task, seed, length), one column for each model.

    Only lengths that all models have a row of; NaN where a model did not finish.
    """
    rows = _curve_rows(evidence, *models)
    point = [*SEED, "length"]
    table = rows.assign(score=rows[score].where(rows["status"] == OK))
    is_begun = table.groupby(point)["model"].transform("nunique") == len(models)
    wide = table[is_begun].pivot(index=point, columns="model", values="score")
    return wide.reindex(columns=list(models)).sort_index()


def _at_longest(values: "pd.Series[float]") -> "pd.Series[float]":
    """Take each seed's value at its longest length, even if that is NaN."""
    # Not .last(), which would pass over a length at which the seed failed.
    return values.groupby(level=SEED).agg(lambda group: group.iloc[-1])


def length_ratio(evidence: Evidence, *, score: str, model: str, decisive: float) -> pd.DataFrame:
    """Divide the length at which a model falls by half by that of `seq2seq`.

    A curve that does not cross one half within the lengths measured bounds the ratio on one side.
    The bound takes the ratio's place if it settles on which side of `decisive` the ratio is.
    Otherwise the ratio cannot be told.
    """
    found = crossings(_curve_rows(evidence, PLAIN, model), score, ["task", "model"])
    lengths = found["length"].astype("float64")
    ranges = found.assign(
        shortest=lengths.where(found["kind"].isin([AT, ABOVE]), 0.0),
        longest=lengths.where(found["kind"].isin([AT, BELOW]), math.inf),
    ).set_index(SEED)
    plain, other = (ranges[ranges["model"] == name] for name in (PLAIN, model))
    seeds = other.index.intersection(plain.index)
    least = other.loc[seeds, "shortest"] / plain.loc[seeds, "longest"]
    most = other.loc[seeds, "longest"] / plain.loc[seeds, "shortest"]
    is_settled = (least == most) | (least >= decisive)
    ratios = least.where(is_settled, most.where(most < decisive))
    table = _table(ratios, evidence, PLAIN, model)
    bounds = seeds[(least != most) & ratios.notna()]
    return table.assign(is_bound=pd.MultiIndex.from_frame(table[SEED]).isin(bounds))


def early_effects(evidence: Evidence) -> pd.DataFrame:
    """Take the largest effect of an input on an earlier output of `rnn-aligned`."""
    rows = evidence.influence
    if rows.empty:
        return NO_EFFECTS
    rows = rows[(rows["model"] == ALIGNED) & (rows["measure"] != CONTEXT)]
    return _table(rows.groupby(SEED)["largest_early_effect"].max(), evidence, ALIGNED)


def above_ceiling(evidence: Evidence) -> pd.DataFrame:
    """Measure by how many standard errors `rnn-aligned` exceeds its causal ceiling, at most."""
    rows = _curve_rows(evidence, ALIGNED)
    rows = rows[(rows["status"] == OK) & rows["causal_ceiling_accuracy"].notna()]
    ceiling = rows["causal_ceiling_accuracy"]
    items = (rows["test_sequences"] * rows["length"]).astype("float64")
    # Where the ceiling is 1 nothing can be above it, and nothing is left to chance.
    excess = (rows["token_accuracy"] - ceiling) / np.sqrt(ceiling * (1 - ceiling) / items)
    each = rows.assign(excess=excess.where(ceiling < 1, 0.0))
    return _table(each.groupby(SEED)["excess"].max(), evidence, ALIGNED)


def accuracy_gap(evidence: Evidence, *, is_where_solved: bool) -> pd.DataFrame:
    """Subtract the accuracy of `rnn-aligned` from that of `seq2seq`, at the longest length.

    Args:
        is_where_solved: Take the longest length at which `seq2seq` has nine tenths of the items.
    """
    table = _wide(evidence, "token_accuracy", PLAIN, ALIGNED)
    if table.empty:
        return NO_EFFECTS
    gaps = table[PLAIN] - table[ALIGNED]
    if is_where_solved:
        gaps = gaps[table[PLAIN] >= SOLVED_ACCURACY]
    return _table(_at_longest(gaps), evidence, PLAIN, ALIGNED)


def recency(evidence: Evidence, *, encoder: str) -> pd.DataFrame:
    """Measure how much more the last source position moves an output than the first does.

    Copy asks at output i for the source position i, reverse for L + 1 - i. The difference of the
    two effects at one i, over the difference of the two positions, is the slope of the effect in
    the source position at a fixed output. The result is the slope times L - 1, relative to the mean
    effect. Seeds are pooled over the two tasks, at the longest length that was probed.
    """
    rows = _influence_of(evidence, encoder=encoder, measure=OCCLUSION)
    if not {"copy", "reverse"} <= {*rows["task"]}:
        return NO_EFFECTS
    plain = _curve_rows(evidence, PLAIN, encoder=encoder)
    plain = plain[plain["task"].isin(["copy", "reverse"])]
    tasks_begun = plain.groupby("seed")["task"].nunique()
    slopes = {seed: math.nan for seed, count in tasks_begun.items() if count == 2}
    for seed, group in _longest_rows(rows, ["seed"]).groupby("seed"):
        by_task = group.pivot(index="source_item", columns="task", values="aligned_effect")
        slopes[seed] = _slope(by_task, length=int(group["length"].iloc[0]))
    found = sorted(slopes.items())
    return pd.DataFrame([(BOTH, *item, False) for item in found], columns=NO_EFFECTS.columns)


def _slope(by_task: pd.DataFrame, *, length: int) -> float:
    if not {"copy", "reverse"} <= {*by_task.columns}:
        return math.nan
    copied, reversed_ = by_task["copy"].dropna(), by_task["reverse"].dropna()
    outputs = np.array([i for i in copied.index if length + 1 - i in reversed_.index])
    at_copy = copied.loc[outputs].to_numpy(dtype=float)
    at_reverse = reversed_.loc[length + 1 - outputs].to_numpy(dtype=float)
    distance = 2 * outputs - length - 1
    mean = (at_copy.mean() + at_reverse.mean()) / 2
    if mean <= 0:
        return math.nan
    slope = (distance * (at_copy - at_reverse)).sum() / (distance**2).sum()
    return float(slope * (length - 1) / mean)


def context_ratio(evidence: Evidence, *, encoder: str) -> pd.DataFrame:
    """Divide the norm of d context / d x_j over the last quarter of positions by the first."""
    rows = _influence_of(evidence, encoder=encoder, measure=CONTEXT)
    if rows.empty:
        return NO_EFFECTS
    rows = _longest_rows(rows, SEED)
    late, early = (
        rows[is_in_quarter].groupby(SEED)["effect"].mean()
        for is_in_quarter in (
            rows["source_item"] > 0.75 * rows["length"],
            rows["source_item"] <= 0.25 * rows["length"],
        )
    )
    return _table(late / early.where(early > 0), evidence, PLAIN, encoder=encoder)


def _influence_of(evidence: Evidence, *, encoder: str, measure: str) -> pd.DataFrame:
    """Keep the influence on trained `seq2seq`."""
    rows = evidence.influence
    if rows.empty:
        return rows
    is_wanted = (rows["model"] == PLAIN) & (rows["encoder"] == encoder)
    is_wanted &= (rows["measure"] == measure) & (rows["parameters"] == TRAINED)
    return rows[is_wanted]


def _longest_rows(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return rows[rows["length"] == rows.groupby(by)["length"].transform("max")]


def alignment_at_longest(evidence: Evidence, *, column: str, model: str) -> pd.DataFrame:
    """Take a column of alignment.csv at the longest length that has a value."""
    rows = evidence.alignment
    if rows.empty:
        return NO_EFFECTS
    rows = rows[(rows["model"] == model) & (rows["encoder"] == "bi") & rows[column].notna()]
    last = rows.sort_values("length").groupby(SEED)[column].last()
    return _table(last, evidence, model)


def uniform_share(evidence: Evidence, *, score: str) -> pd.DataFrame:
    """Divide the gain of uniform weights by the gain of dot attention, at the longest length.

    The share cannot be told where attention is hardly better than `seq2seq` to begin with.
    """
    models = (PLAIN, UNIFORM, ATTENTION[0])
    table = _wide(evidence, score, *models)
    if table.empty:
        return NO_EFFECTS
    plain, uniform, dot = (table[name] for name in models)
    gain = dot - plain
    shares = (uniform - plain) / gain.where(gain >= LEAST_GAP)
    return _table(_at_longest(shares), evidence, *models)
