"""What the claims are judged by: one effect per task and seed.

Every effect function takes the evidence and gives a table task, seed, effect, note. The effect is
NaN if it cannot be told. The note says what kind of effect it is, or is empty.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from results.claims.evidence import ALIGNED, DOT, PLAIN, UNIFORM, Evidence
from results.schema.probe_rows import CONTEXT, OCCLUSION, TRAINED
from results.schema.rows import OK
from results.stats.threshold_length import ABOVE, AT, BELOW, crossings

SOLVED_ACCURACY = 0.9
LEAST_GAP = 0.1
# Uniform weights that find nothing are as good as `seq2seq`, and by chance a little worse. Below
# this share of what attention gains, they were not trained to what `seq2seq` does.
LEAST_UNIFORM_SHARE = -0.1
AT_LEAST, DID_NOT_TRAIN = "at least", "did not train"
BOTH = "copy and reverse"

EffectFunction = Callable[[Evidence], pd.DataFrame]
SEED = ["task", "seed"]
NO_EFFECTS = pd.DataFrame(columns=[*SEED, "effect", "note"])


def _table(
    effects: "pd.Series[float]", evidence: Evidence, *models: str, encoder: str = "bi"
) -> pd.DataFrame:
    """Add NaN for each seed that has rows of all these models and no effect.

    A seed that failed has rows that say so. A seed that was not begun has none, and is left out.
    """
    begun = _rows(evidence.accuracy, *models, encoder=encoder)
    counts = begun.groupby(SEED)["model"].nunique()
    lost = counts.index[counts == len(models)].difference(effects.index)
    every = effects.reindex(effects.index.append(lost)).astype("float64")
    return every.rename_axis(SEED).rename("effect").reset_index().assign(note="")


def _rows(
    frame: pd.DataFrame, *models: str, encoder: str = "bi", cell: str = "lstm"
) -> pd.DataFrame:
    is_wanted = frame["model"].isin(models) & (frame["encoder"] == encoder)
    return frame[is_wanted & (frame["cell"] == cell)]


def _curve_rows(evidence: Evidence, *models: str) -> pd.DataFrame:
    rows = _rows(evidence.accuracy, *models)
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


def length_ratio(evidence: Evidence, *, score: str, model: str) -> pd.DataFrame:
    """Divide the length at which a model falls by half by that of `seq2seq`.

    Where the curve of the model ends above one half, or that of `seq2seq` begins below, the ratio
    is a lower bound. Other curves that do not cross one half leave it unknown.
    """
    found = crossings(_curve_rows(evidence, PLAIN, model), score, ["task", "model"])
    found = found.astype({"length": "float64"}).set_index(SEED)
    plain, other = (found[found["model"] == name] for name in (PLAIN, model))
    seeds = other.index.intersection(plain.index)
    plain, other = plain.loc[seeds], other.loc[seeds]
    is_known = other["kind"].isin([AT, ABOVE]) & plain["kind"].isin([AT, BELOW])
    ratios = (other["length"] / plain["length"])[is_known]
    bounds = seeds[is_known & ((other["kind"] != AT) | (plain["kind"] != AT))]
    return _noted(_table(ratios, evidence, PLAIN, model), bounds, AT_LEAST)


def _noted(table: pd.DataFrame, seeds: pd.Index, note: str) -> pd.DataFrame:
    return table.assign(note=np.where(pd.MultiIndex.from_frame(table[SEED]).isin(seeds), note, ""))


def capacity_slope(evidence: Evidence) -> pd.DataFrame:
    """Fit the slope of log2 L50 of `seq2seq+channel` on log2 of the channel's capacity.

    A slope of one says that the length grows as the capacity does. Curves that do not cross one
    half are left out: a bound is not a length.
    """
    rows = evidence.channel
    signal_to_noise = rows["channel_snr"].astype("float64")
    rows = rows.assign(capacity=rows["channel_numbers"] / 2 * np.log2(1 + signal_to_noise))
    found = crossings(rows, "normalised_accuracy", ["task", "config_id", "capacity"])
    slopes = []
    for seed, each in found[found["kind"] == AT].groupby(SEED):
        x, y = (np.log2(each[name].to_numpy(dtype=float)) for name in ("capacity", "length"))
        if np.ptp(x) > 0:
            slopes.append((*seed, float(np.polyfit(x, y, 1)[0]), ""))
    return pd.DataFrame(slopes, columns=NO_EFFECTS.columns)


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


def recency(
    evidence: Evidence,
    *,
    cell: str = "lstm",
    parameters: str = TRAINED,
    is_where_solved: bool = False,
) -> pd.DataFrame:
    """Measure how much more the last source position moves an output than the first does.

    Of `seq2seq` with the one-way encoder. Copy asks at output i for the source position i, reverse
    for L + 1 - i. The difference of the two effects at one i, over the difference of the two
    positions, is the slope of the effect in the source position at a fixed output. The result is
    the slope times L - 1, relative to the mean effect. Seeds are pooled over the two tasks, at the
    longest length that was probed.

    Args:
        is_where_solved: Take the longest of them at which both tasks have nine tenths of the items.
    """
    rows = _influence_of(evidence, cell=cell, measure=OCCLUSION, parameters=parameters)
    if not {"copy", "reverse"} <= {*rows["task"]}:
        return NO_EFFECTS
    plain = _rows(evidence.accuracy, PLAIN, encoder="uni", cell=cell)
    plain = plain[plain["task"].isin(["copy", "reverse"])]
    tasks_begun = plain.groupby("seed")["task"].nunique()
    slopes = {seed: math.nan for seed, count in tasks_begun.items() if count == 2}
    if is_where_solved:
        solved = plain[(plain["status"] == OK) & (plain["token_accuracy"] >= SOLVED_ACCURACY)]
        tasks_solved = solved.groupby(["seed", "length"])["task"].nunique()
        places = pd.MultiIndex.from_frame(rows[["seed", "length"]])
        rows = rows[places.isin(tasks_solved.index[tasks_solved == 2])]
    for seed, group in _longest_rows(rows, ["seed"]).groupby("seed"):
        by_task = group.pivot(index="source_item", columns="task", values="aligned_effect")
        slopes[seed] = _slope(by_task, length=int(group["length"].iloc[0]))
    found = sorted(slopes.items())
    return pd.DataFrame([(BOTH, *item, "") for item in found], columns=NO_EFFECTS.columns)


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


def context_ratio(evidence: Evidence) -> pd.DataFrame:
    """Divide the norm of d context / d x_j over the last quarter of positions by the first.

    Of trained `seq2seq` with the one-way encoder.
    """
    rows = _influence_of(evidence, cell="lstm", measure=CONTEXT, parameters=TRAINED)
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
    return _table(late / early.where(early > 0), evidence, PLAIN, encoder="uni")


def _influence_of(evidence: Evidence, *, cell: str, measure: str, parameters: str) -> pd.DataFrame:
    rows = _rows(evidence.influence, PLAIN, encoder="uni", cell=cell)
    return rows[(rows["measure"] == measure) & (rows["parameters"] == parameters)]


def _longest_rows(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return rows[rows["length"] == rows.groupby(by)["length"].transform("max")]


def lost_share(evidence: Evidence, *, model: str) -> pd.DataFrame:
    """Divide the accuracy lost with the weight on the true positions by all that can be lost.

    Masking other positions is the control. The share cannot be told where the control is hardly
    better than the best constant answer.
    """
    rows = _aligned_at_longest(evidence, model, "masked_true_accuracy", "masked_other_accuracy")
    place = ["task", "seed", "length", "config_id"]
    answered = _rows(evidence.accuracy, model)[[*place, "constant_accuracy"]]
    rows = rows.merge(answered, on=place, how="left").set_index(SEED)
    other = rows["masked_other_accuracy"]
    possible = other - rows["constant_accuracy"]
    shares = (other - rows["masked_true_accuracy"]) / possible.where(possible >= LEAST_GAP)
    return _table_of_probed(shares, evidence, model)


def kept_share(evidence: Evidence, *, column: str, model: str) -> pd.DataFrame:
    """Divide the accuracy with changed weights by that with the model's own."""
    rows = _aligned_at_longest(evidence, model, column, "intact_accuracy").set_index(SEED)
    intact = rows["intact_accuracy"]
    return _table_of_probed(rows[column] / intact.where(intact > 0), evidence, model)


def alignment_at_longest(evidence: Evidence, *, column: str, model: str) -> pd.DataFrame:
    """Take a column of alignment.csv at the longest length that has a value."""
    rows = _aligned_at_longest(evidence, model, column).set_index(SEED)
    return _table_of_probed(rows[column], evidence, model)


def _aligned_at_longest(evidence: Evidence, model: str, *columns: str) -> pd.DataFrame:
    """Keep each seed's row of alignment.csv at the longest length that has these columns."""
    rows = _rows(evidence.alignment, model)
    return _longest_rows(rows.dropna(subset=list(columns)), SEED)


def _table_of_probed(effects: "pd.Series[float]", evidence: Evidence, model: str) -> pd.DataFrame:
    return NO_EFFECTS if effects.empty else _table(effects, evidence, model)


def uniform_share(evidence: Evidence, *, score: str) -> pd.DataFrame:
    """Divide the gain of uniform weights by the gain of dot attention, at the longest length.

    The share cannot be told where attention is hardly better than `seq2seq` to begin with, or
    where uniform weights are so far below `seq2seq` that they did not train.
    """
    models = (PLAIN, UNIFORM, DOT)
    table = _wide(evidence, score, *models)
    if table.empty:
        return NO_EFFECTS
    plain, uniform, dot = (table[name] for name in models)
    gain = dot - plain
    shares = _at_longest((uniform - plain) / gain.where(gain >= LEAST_GAP))
    is_untrained = shares < LEAST_UNIFORM_SHARE
    found = _table(shares.mask(is_untrained), evidence, *models)
    return _noted(found, shares.index[is_untrained], DID_NOT_TRAIN)
