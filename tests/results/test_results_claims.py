import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from claim_rows import (
    FAILS,
    FLOOR,
    FORCED_SCORE,
    HOLDS,
    World,
    alignment_row,
    context_rows,
    curve,
    evidence_of,
    occlusion_rows,
    probes_of,
    rows_in,
    scored_row,
    stopped,
)
from result_rows import failed

from results import claim_effects
from results.claim_effects import (
    Effects,
    Evidence,
    above_ceiling,
    accuracy_gap,
    alignment_at_longest,
    context_ratio,
    early_effects,
    length_ratio,
    recency,
    uniform_share,
)
from results.claims import CLAIMS, MEASURES, PROBE_COMMAND, SCORES, TRAIN_COMMAND, Measure
from results.probe_schema import CONTEXT, GRADIENT, INITIAL, ProbeRow
from results.schema import OK, AccuracyRow, planned
from results.verdicts import INCONCLUSIVE, NOT_MEASURED, REFUTED, SUPPORTED, judge

DOT, ADDITIVE, UNIFORM, PLAIN = "seq2seq+dot", "seq2seq+additive", "seq2seq+uniform", "seq2seq"
ALIGNED = "rnn-aligned"
NAN = math.nan
AT_20 = (1.0, 0.5, 0.3, 0.2, 0.1)
AT_80 = (1.0, 1.0, 0.9, 0.5, 0.1)
ALWAYS = (1.0, 1.0, 1.0, 1.0, 0.9)
NEVER = (0.4, 0.3, 0.2, 0.1, 0.1)
RISING = (0.2, 0.3, 0.3, 0.35, 0.4)


def found(effects: Effects, evidence: Evidence) -> dict[tuple[str, int], float]:
    table = effects(evidence)
    assert list(table.columns) == ["task", "seed", "effect"]
    return {(row.task, row.seed): float(row.effect) for row in table.itertuples()}


def one(effects: Effects, rows: Sequence[AccuracyRow], probes: Sequence[ProbeRow] = ()) -> float:
    effect = list(found(effects, evidence_of(rows, probes)).values())
    assert len(effect) == 1
    return effect[0]


def bounded(effects: Effects, evidence: Evidence) -> dict[tuple[str, int], tuple[float, bool]]:
    """Return each ratio, and whether it is a bound."""
    table = effects(evidence)
    assert list(table.columns) == ["task", "seed", "effect", "is_bound"]
    return {
        (row.task, row.seed): (float(row.effect), bool(row.is_bound)) for row in table.itertuples()
    }


def one_bounded(effects: Effects, rows: Sequence[AccuracyRow]) -> tuple[float, bool]:
    (ratio,) = bounded(effects, evidence_of(rows)).values()
    return ratio


# Curves without and with attention, the ratio, whether it is a bound. Half lengths stand at
# measured lengths: 20, 80; beyond the last; before 10; none. None is a length that failed.
Curve = tuple[float | None, ...]
RATIOS: dict[str, tuple[Curve, Curve, float, bool]] = {
    "both known": (AT_20, AT_80, 4.0, False),
    "equal": (AT_80, AT_80, 1.0, False),
    "attention worse": (AT_80, AT_20, 0.25, False),
    "bound beyond the threshold": (AT_20, ALWAYS, 8.0, True),
    "bound just beyond the threshold": (
        (1.0, 1.0, 0.9, 0.45, 0.1),
        ALWAYS,
        160 / (40 * 2 ** (8 / 9)),
        True,
    ),
    "bound below the threshold": ((1.0, 1.0, 1.0, 1.0, 0.2), ALWAYS, NAN, False),
    "bound from below beyond it": (NEVER, AT_80, 8.0, True),
    "bound from below below it": (NEVER, (1.0, 0.4, 0.3, 0.2, 0.1), NAN, False),
    "two bounds": (NEVER, ALWAYS, 16.0, True),
    "both hold throughout": (ALWAYS, ALWAYS, NAN, False),
    "neither holds": (NEVER, NEVER, NAN, False),
    "attention never holds": (AT_20, NEVER, 0.5, True),
    "plain holds throughout": (ALWAYS, AT_20, 0.125, True),
    "plain holds throughout, attention nearly": (ALWAYS, AT_80, 0.5, True),
    "two bounds that refute": (ALWAYS, NEVER, 0.0625, True),
    "plain holds as far as it got": ((1.0, 1.0, None, None, None), AT_80, NAN, False),
    "plain holds as far as it got, attention just below twice that": (
        (1.0, 1.0, None, None, None),
        (1.0, 1.0, 0.49, 0.2, 0.1),
        2 ** (50 / 51),
        True,
    ),
    "attention holds as far as it got": (AT_20, (1.0, 1.0, 1.0, 1.0, None), 4.0, True),
    "attention holds as far as plain does": (AT_80, (1.0, 1.0, 1.0, 1.0, None), NAN, False),
    "plain does not fall": (RISING, ALWAYS, NAN, False),
    "plain does not fall, attention does": (RISING, AT_20, NAN, False),
    "attention does not fall": (AT_20, RISING, NAN, False),
    "attention does not fall, plain holds": (ALWAYS, RISING, NAN, False),
}


def check_ratio(name: str, effects: Effects) -> None:
    plain, attention, ratio, is_bound = RATIOS[name]
    rows = [*curve(PLAIN, plain), *curve(DOT, attention)]
    effect, is_found_bound = one_bounded(effects, rows)
    assert effect == pytest.approx(ratio, nan_ok=True)
    assert is_found_bound == is_bound


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("name", RATIOS)
def test_the_ratio_of_half_lengths_is_known_by_hand(name: str, score: str) -> None:
    check_ratio(name, length_ratio(score, DOT, decisive=2.0))


def changed(effects: Effects, change: Callable[[Any], Any]) -> Effects:
    def twin(evidence: Evidence) -> pd.DataFrame:
        table = effects(evidence)
        return table.assign(effect=change(table["effect"].astype("float64")))

    return twin


def bits_ratio(*, decisive: float) -> Effects:
    return length_ratio("carried_share", DOT, decisive=decisive)


def marked(mark: Callable[[pd.DataFrame], Any]) -> Effects:
    """Return the ratios with marks of another kind."""

    def twin(evidence: Evidence) -> pd.DataFrame:
        table = bits_ratio(decisive=2.0)(evidence)
        return table.assign(is_bound=mark(table))

    return twin


def supporting_bounds_alone(evidence: Evidence) -> pd.DataFrame:
    table = bits_ratio(decisive=2.0)(evidence)
    is_refuting = table["is_bound"] & (table["effect"] < 2.0)
    return table.assign(
        effect=table["effect"].mask(is_refuting), is_bound=table["is_bound"] & ~is_refuting
    )


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("both known", changed(bits_ratio(decisive=2.0), lambda x: 1 / x)),
        ("bound beyond the threshold", bits_ratio(decisive=math.inf)),
        ("bound just beyond the threshold", bits_ratio(decisive=2.2)),
        ("bound below the threshold", bits_ratio(decisive=1.0)),
        ("bound from below below it", bits_ratio(decisive=1.0)),
        ("two bounds", bits_ratio(decisive=math.inf)),
        ("plain does not fall", changed(bits_ratio(decisive=2.0), lambda x: x.fillna(9.0))),
        ("attention never holds", supporting_bounds_alone),
        ("attention never holds", bits_ratio(decisive=0.4)),
        ("plain holds throughout", supporting_bounds_alone),
        ("plain holds throughout", bits_ratio(decisive=0.1)),
        ("two bounds that refute", supporting_bounds_alone),
        ("plain holds as far as it got", bits_ratio(decisive=5.0)),
        (
            "plain holds as far as it got, attention just below twice that",
            bits_ratio(decisive=1.9),
        ),
        ("attention holds as far as plain does", bits_ratio(decisive=0.9)),
        ("bound beyond the threshold", marked(lambda table: False)),
        ("attention never holds", marked(lambda table: False)),
        ("plain holds throughout", marked(lambda table: table["effect"] >= 2.0)),
        ("both known", marked(lambda table: True)),
        ("both hold throughout", marked(lambda table: table["effect"].isna())),
        (
            "both known",
            lambda evidence: bits_ratio(decisive=2.0)(evidence).drop(columns="is_bound"),
        ),
    ],
)
def test_another_ratio_is_rejected(name: str, twin: Effects) -> None:
    check_ratio(name, bits_ratio(decisive=2.0))
    with pytest.raises(AssertionError):
        check_ratio(name, twin)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("bound below the threshold", "ABOVE"),
        ("both hold throughout", "ABOVE"),
        ("plain holds throughout", "ABOVE"),
        ("attention never holds", "BELOW"),
        ("neither holds", "BELOW"),
    ],
)
def test_a_ratio_that_overlooks_censoring_is_rejected(
    name: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, part, "overlooked")
    with pytest.raises(AssertionError):
        check_ratio(name, bits_ratio(decisive=2.0))


def scored_apart(score: str) -> list[AccuracyRow]:
    """Return rows in which attention is better by one score alone."""
    changes = []
    for length, better, worse in zip((10, 20, 40, 80, 160), AT_80, AT_20, strict=True):
        row, other = scored_row(DOT, length, worse), scored_row(DOT, length, better)
        columns = {
            "carried_share": ("carried_bits",),
            "normalised_accuracy": ("normalised_accuracy", "token_accuracy"),
            FORCED_SCORE: ("teacher_forced_token_accuracy",),
        }[score]
        changes.append(dataclasses.replace(row, **{name: getattr(other, name) for name in columns}))
    return [*curve(PLAIN, AT_20), *changes]


def check_reads_its_score(score: str, make: Callable[[str], Effects]) -> None:
    for other in SCORES:
        ratio, is_bound = one_bounded(make(score), scored_apart(other))
        assert ratio == pytest.approx(4.0 if other == score else 1.0)
        assert not is_bound


@pytest.mark.parametrize("score", SCORES)
def test_a_ratio_is_of_its_own_score(score: str) -> None:
    check_reads_its_score(score, lambda name: length_ratio(name, DOT, decisive=2.0))
    other = next(name for name in SCORES if name != score)
    with pytest.raises(AssertionError):
        check_reads_its_score(score, lambda name: length_ratio(other, DOT, decisive=2.0))


def test_seeds_and_tasks_are_paired_and_other_encoders_are_no_part() -> None:
    rows = [
        *curve(PLAIN, AT_20),
        *curve(DOT, AT_80),
        *curve(PLAIN, AT_80, seed=1),
        *curve(DOT, AT_20, seed=1),
        *curve(PLAIN, AT_20, task="sort"),
        *curve(DOT, ALWAYS, task="sort"),
        *curve(PLAIN, NEVER, encoder="uni"),
        *curve(DOT, NEVER, encoder="uni"),
        *curve(ADDITIVE, NEVER),
    ]
    assert bounded(bits_ratio(decisive=2.0), evidence_of(rows)) == {
        ("copy", 0): (pytest.approx(4.0), False),
        ("copy", 1): (pytest.approx(0.25), False),
        ("sort", 0): (pytest.approx(8.0), True),
    }


@pytest.mark.parametrize(
    "rows",
    [
        [],
        curve(PLAIN, AT_20),
        curve(DOT, AT_80),
        [*curve(PLAIN, AT_20, encoder="uni"), *curve(DOT, AT_80, encoder="uni")],
        [*curve(PLAIN, AT_20), *curve(DOT, AT_80, seed=1)],
        [*curve(PLAIN, AT_20), *curve(DOT, AT_80, task="sort")],
    ],
)
def test_a_model_without_rows_is_no_evidence(rows: Sequence[AccuracyRow]) -> None:
    for score in ("carried_share", FORCED_SCORE):
        assert length_ratio(score, DOT, decisive=2.0)(evidence_of(rows)).empty
        assert uniform_share(score)(evidence_of(rows)).empty
    for where in ("solved", "longest"):
        assert accuracy_gap(where=where)(evidence_of(rows)).empty


WITHOUT_SCORES: list[list[AccuracyRow]] = [
    [failed(row) for row in curve(DOT, AT_80)],
    stopped(curve(DOT, AT_80)),
    [planned(row) for row in curve(DOT, AT_80)],
    curve(DOT, AT_80, carried_bits=None, teacher_forced_token_accuracy=None),
]


def check_without_scores(rows: Sequence[AccuracyRow], make: Callable[[str], Effects]) -> None:
    """Raise AssertionError unless an effect that needs scores of these rows cannot be told."""
    both = [*curve(PLAIN, AT_20), *curve(UNIFORM, AT_20), *rows]
    for score in ("carried_share", FORCED_SCORE):
        table = make(score)(evidence_of(both))
        assert [(each.task, each.seed) for each in table.itertuples()] == [("copy", 0)]
        assert table["effect"].isna().all()
        assert not table.get("is_bound", pd.Series([False])).any()


def without_unknown(effects: Effects) -> Effects:
    return lambda evidence: effects(evidence).dropna(subset="effect")


@pytest.mark.parametrize("rows", WITHOUT_SCORES)
@pytest.mark.parametrize(
    "make", [lambda score: length_ratio(score, DOT, decisive=2.0), uniform_share]
)
def test_a_model_whose_rows_have_no_scores_is_not_left_out(
    rows: Sequence[AccuracyRow], make: Callable[[str], Effects]
) -> None:
    check_without_scores(rows, make)
    for twin in (
        lambda score: without_unknown(make(score)),
        lambda score: changed(make(score), lambda effect: effect.fillna(0.0)),
    ):
        with pytest.raises(AssertionError):
            check_without_scores(rows, twin)


def stage(model: str, *, length: int = 160, **changes: Any) -> AccuracyRow:
    return scored_row(model, length, 0.5, **changes)


def check_early(effects: Effects) -> None:
    probes = [
        *occlusion_rows(stage("rnn-aligned"), lambda i, j: 1.0, early=0.1),
        *occlusion_rows(stage("rnn-aligned", length=10), lambda i, j: 1.0, early=0.3),
        *occlusion_rows(
            stage("rnn-aligned", seed=1), lambda i, j: 1.0, early=0.2, parameters=INITIAL
        ),
        *occlusion_rows(
            stage("rnn-aligned", seed=1), lambda i, j: 1.0, early=0.1, measure=GRADIENT
        ),
        *occlusion_rows(stage("rnn-aligned", seed=2), lambda i, j: 1.0, early=0.0),
        *context_rows(stage("rnn-aligned", seed=2), lambda j: 1.0),
        *occlusion_rows(stage("rnn-aligned", seed=2), lambda i, j: 9.0, early=9.0, measure=CONTEXT),
        *occlusion_rows(stage("seq2seq", seed=2), lambda i, j: 9.0, early=9.0),
    ]
    assert found(effects, evidence_of([stage("rnn-aligned")], probes)) == {
        ("copy", 0): 0.3,
        ("copy", 1): 0.2,
        ("copy", 2): 0.0,
    }


def test_the_largest_early_effect_is_found_wherever_it_was_measured() -> None:
    check_early(early_effects)
    assert early_effects(evidence_of([])).empty


@pytest.mark.parametrize(
    ("part", "broken"), [("ALIGNED", PLAIN), ("CONTEXT", GRADIENT), ("CONTEXT", "occlusion")]
)
def test_early_effects_of_other_rows_are_rejected(
    part: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, part, broken)
    with pytest.raises(AssertionError):
        check_early(early_effects)


def ceiling_row(
    length: int, accuracy: float, *, ceiling: float | None = 0.5, **changes: Any
) -> AccuracyRow:
    """Return a row of ten test sequences: half right of 100 items have a standard error of .05."""
    values = {
        "model": ALIGNED,
        "token_accuracy": accuracy,
        "causal_ceiling_accuracy": ceiling,
        "test_sequences": 10,
    }
    values |= changes
    return scored_row(values.pop("model"), length, 0.0, **values)


def reverse_ceiling(length: int) -> float:
    return 1.0 if length == 1 else 0.5


# Rows of one seed, and by how many standard errors they are above the ceiling.
EXCESSES: dict[str, tuple[list[AccuracyRow], float]] = {
    "above": ([ceiling_row(10, 0.6)], 2.0),
    "below": ([ceiling_row(10, 0.4)], -2.0),
    "at": ([ceiling_row(10, 0.5)], 0.0),
    "of four times the items": ([ceiling_row(40, 0.6)], 4.0),
    "of sixteen times the sequences": ([ceiling_row(10, 0.6, test_sequences=160)], 8.0),
    "another ceiling": ([ceiling_row(10, 0.9, ceiling=0.8)], 2.5),
    "largest first": ([ceiling_row(10, 0.7), ceiling_row(40, 0.5)], 4.0),
    "largest last": ([ceiling_row(10, 0.6), ceiling_row(40, 0.6)], 4.0),
    "below, the nearest": ([ceiling_row(10, 0.45), ceiling_row(40, 0.4)], -1.0),
    "a ceiling of 1": ([ceiling_row(10, 0.3, ceiling=1.0)], 0.0),
    "a ceiling of 1, all right": ([ceiling_row(10, 1.0, ceiling=1.0)], 0.0),
    "a ceiling of 1 at one length, below": (
        [ceiling_row(length, 0.3, ceiling=reverse_ceiling(length)) for length in (1, 10)],
        0.0,
    ),
    "a ceiling of 1 at one length, above": (
        [ceiling_row(length, 0.6, ceiling=reverse_ceiling(length)) for length in (1, 10)],
        2.0,
    ),
    "one length failed": ([ceiling_row(10, 0.6), failed(ceiling_row(40, 0.9))], 2.0),
    "one length without a ceiling": (
        [ceiling_row(10, 0.6), ceiling_row(40, 0.9, ceiling=None)],
        2.0,
    ),
    "every length failed": ([failed(ceiling_row(10, 0.6)), failed(ceiling_row(40, 0.9))], NAN),
    "never begun to score": (stopped([ceiling_row(10, 0.6), ceiling_row(40, 0.9)]), NAN),
    "no ceiling known": ([ceiling_row(10, 0.9, ceiling=None)], NAN),
    "teacher forcing": ([ceiling_row(10, 0.5, teacher_forced_token_accuracy=0.9)], 0.0),
    "other models": (
        [
            ceiling_row(10, 0.6),
            ceiling_row(10, 0.9, model=DOT),
            ceiling_row(10, 0.9, encoder="uni"),
        ],
        2.0,
    ),
}


def check_excess(name: str, effects: Effects) -> None:
    rows, excess = EXCESSES[name]
    effect = one(effects, rows)
    assert effect == pytest.approx(excess, abs=1e-9, nan_ok=True)
    # No minus before a zero: it would be printed.
    assert effect != 0 or math.copysign(1, effect) == 1


@pytest.mark.parametrize("name", EXCESSES)
def test_what_is_above_the_ceiling_is_known_by_hand(name: str) -> None:
    check_excess(name, above_ceiling)


def above_ceiling_by(
    error: Callable[[pd.DataFrame], Any],
    *,
    most: str = "max",
    score: str = "token_accuracy",
    model: str = ALIGNED,
) -> Effects:
    """Return the excess over the ceiling in other units, of other rows, or not the largest."""

    def effects(evidence: Evidence) -> pd.DataFrame:
        rows = evidence.accuracy
        rows = rows[(rows["model"] == model) & (rows["encoder"] == "bi")]
        excess = (rows[score] - rows["causal_ceiling_accuracy"]) / error(rows)
        groups = rows.assign(effect=excess).groupby(["task", "seed"])["effect"]
        return groups.agg(most).reset_index()

    return effects


def items_of(rows: pd.DataFrame) -> Any:
    return (rows["test_sequences"] * rows["length"]).astype("float64")


def ceiling_error(rows: pd.DataFrame) -> Any:
    ceiling = rows["causal_ceiling_accuracy"]
    return np.sqrt(ceiling * (1 - ceiling) / items_of(rows))


def least_error(rows: pd.DataFrame) -> Any:
    return ceiling_error(rows).clip(lower=1e-9)


def infinite_error(rows: pd.DataFrame) -> Any:
    return ceiling_error(rows).where(rows["causal_ceiling_accuracy"] < 1, math.inf)


def accuracy_error(rows: pd.DataFrame) -> Any:
    return np.sqrt(rows["token_accuracy"] * (1 - rows["token_accuracy"]) / items_of(rows))


def sequence_error(rows: pd.DataFrame) -> Any:
    return ceiling_error(rows) * np.sqrt(rows["length"].astype("float64"))


def widest_error(rows: pd.DataFrame) -> Any:
    return 0.5 / np.sqrt(items_of(rows))


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("above", changed(above_ceiling, lambda effect: -effect)),
        ("below", changed(above_ceiling, lambda effect: effect.clip(lower=0))),
        ("above", above_ceiling_by(accuracy_error)),
        ("of four times the items", above_ceiling_by(sequence_error)),
        ("another ceiling", above_ceiling_by(widest_error)),
        ("largest first", above_ceiling_by(ceiling_error, most="last")),
        ("largest last", above_ceiling_by(ceiling_error, most="first")),
        ("largest first", above_ceiling_by(ceiling_error, most="mean")),
        ("below, the nearest", above_ceiling_by(ceiling_error, most="min")),
        ("a ceiling of 1", above_ceiling_by(ceiling_error)),
        ("a ceiling of 1", above_ceiling_by(least_error)),
        ("a ceiling of 1", above_ceiling_by(infinite_error)),
        ("a ceiling of 1, all right", above_ceiling_by(ceiling_error)),
        ("a ceiling of 1 at one length, below", above_ceiling_by(ceiling_error)),
        ("every length failed", without_unknown(above_ceiling)),
        ("every length failed", changed(above_ceiling, lambda effect: effect.fillna(0.0))),
        ("never begun to score", without_unknown(above_ceiling)),
        (
            "teacher forcing",
            above_ceiling_by(ceiling_error, score="teacher_forced_token_accuracy"),
        ),
        ("other models", above_ceiling_by(ceiling_error, model=DOT)),
    ],
)
def test_another_excess_is_rejected(name: str, twin: Effects) -> None:
    with pytest.raises(AssertionError):
        check_excess(name, twin)


def test_the_twins_of_the_excess_are_right_elsewhere() -> None:
    for name in ("above", "below", "of four times the items", "largest last", "other models"):
        check_excess(name, above_ceiling_by(ceiling_error))
    check_excess("a ceiling of 1 at one length, above", above_ceiling_by(infinite_error))


def check_excess_of_seeds(effects: Effects) -> None:
    rows = [
        ceiling_row(10, 0.6),
        ceiling_row(10, 0.4, seed=1),
        failed(ceiling_row(10, 0.4, seed=2)),
        ceiling_row(10, 0.7, task="sort"),
        ceiling_row(10, 0.7, seed=3, encoder="uni"),
        ceiling_row(10, 0.7, seed=4, model=DOT),
    ]
    excesses = found(effects, evidence_of(rows))
    assert math.isnan(excesses.pop(("copy", 2)))
    assert excesses == {
        ("copy", 0): pytest.approx(2.0),
        ("copy", 1): pytest.approx(-2.0),
        ("sort", 0): pytest.approx(4.0),
    }


def test_what_is_above_the_ceiling_is_told_by_task_and_seed() -> None:
    check_excess_of_seeds(above_ceiling)
    assert above_ceiling(evidence_of([])).empty
    assert above_ceiling(evidence_of(curve(PLAIN, AT_20))).empty
    with pytest.raises((AssertionError, KeyError)):
        check_excess_of_seeds(without_unknown(above_ceiling))


def check_gaps(make: Callable[..., Effects]) -> None:
    # A share s is an accuracy of 0.2 + 0.8 s: nine tenths are right from s = 0.875 on.
    rows = [
        *curve(PLAIN, (1.0, 0.9, 0.875, 0.8, 0.5)),
        *curve("rnn-aligned", (0.9, 0.6, 0.5, 0.4, 0.4)),
        *curve(PLAIN, (0.8, 0.5, 0.4, 0.3, 0.2), seed=1),
        *curve("rnn-aligned", (0.4, 0.4, 0.4, 0.4, 0.4), seed=1),
    ]
    room = 1 - FLOOR
    evidence = evidence_of(rows)
    solved, longest = found(make(where="solved"), evidence), found(make(where="longest"), evidence)
    assert {*solved} == {*longest} == {("copy", 0), ("copy", 1)}
    assert solved[("copy", 0)] == pytest.approx(0.375 * room)
    assert math.isnan(solved[("copy", 1)])
    assert longest[("copy", 0)] == pytest.approx(0.1 * room)
    assert longest[("copy", 1)] == pytest.approx(-0.2 * room)


def test_gaps_of_accuracy_are_known_by_hand() -> None:
    check_gaps(accuracy_gap)


def gap_the_other_way(*, where: str) -> Effects:
    return changed(accuracy_gap(where=where), lambda effect: -effect)


def gap_at_the_longest(*, where: str) -> Effects:
    return accuracy_gap(where="longest")


def gap_of_solved_alone(*, where: str) -> Effects:
    return changed(accuracy_gap(where=where), lambda effect: effect.fillna(0.0))


@pytest.mark.parametrize("twin", [gap_the_other_way, gap_at_the_longest, gap_of_solved_alone])
def test_another_gap_is_rejected(twin: Callable[..., Effects]) -> None:
    with pytest.raises(AssertionError):
        check_gaps(twin)


@pytest.mark.parametrize(
    ("part", "broken"),
    [("SOLVED_ACCURACY", 0.95), ("SOLVED_ACCURACY", 0.5), ("ALIGNED", DOT)],
)
def test_a_gap_at_another_length_is_rejected(
    part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, part, broken)
    with pytest.raises(AssertionError):
        check_gaps(accuracy_gap)


Gap = Callable[..., Effects]
PARTIAL = (1.0, 1.0, 1.0, 1.0, None)
# Curves of plain and aligned, how many lengths of each have rows, and the gaps: at the longest
# length that plain solves, and at the longest.
UNFINISHED: dict[str, tuple[Curve, int, Curve, int, float, float]] = {
    "both finished": (ALWAYS, 5, AT_20, 5, 0.8, 0.8),
    "plain failed at the longest": (PARTIAL, 5, AT_20, 5, 0.8, NAN),
    "aligned failed at the longest": (ALWAYS, 5, PARTIAL, 5, NAN, NAN),
    "both failed there": (PARTIAL, 5, PARTIAL, 5, 0.0, NAN),
    "plain has no row there": (ALWAYS, 4, AT_20, 5, 0.8, 0.8),
    "aligned has no row there": (ALWAYS, 5, AT_20, 3, 0.7, 0.7),
    "one failed where the other has no row": (PARTIAL, 5, AT_20, 4, 0.8, 0.8),
    "failed before the longest": ((1.0, 1.0, 1.0, None, 0.5), 5, AT_20, 5, 0.7, 0.4),
    "aligned failed where plain solves last": (AT_80, 5, (0.5, 0.3, None, 0.2, 0.1), 5, NAN, 0.0),
}


def check_unfinished(name: str, make: Gap) -> None:
    plain, plain_count, aligned, count, solved, longest = UNFINISHED[name]
    rows = [*curve(PLAIN, plain)[:plain_count], *curve(ALIGNED, aligned)[:count]]
    for where, gap in (("solved", solved), ("longest", longest)):
        expected = pytest.approx(gap * (1 - FLOOR), abs=1e-9, nan_ok=True)
        assert one(make(where=where), rows) == expected


@pytest.mark.parametrize("name", UNFINISHED)
def test_the_longest_length_is_one_that_both_began(name: str) -> None:
    check_unfinished(name, accuracy_gap)


Wide = Callable[..., pd.DataFrame]


def finished_lengths_alone(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    return WIDE(evidence, score, *models).dropna()


def lengths_of_any_model(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    frame = evidence.accuracy
    rows = frame[frame["model"].isin(models)]
    return rows.pivot(index=["task", "seed", "length"], columns="model", values=score)


WIDE: Wide = claim_effects._wide


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("plain failed at the longest", finished_lengths_alone),
        ("aligned failed at the longest", finished_lengths_alone),
        ("both failed there", finished_lengths_alone),
        ("aligned failed where plain solves last", finished_lengths_alone),
        ("plain has no row there", lengths_of_any_model),
        ("aligned has no row there", lengths_of_any_model),
        ("one failed where the other has no row", lengths_of_any_model),
    ],
)
def test_a_longest_length_of_other_rows_is_rejected(
    name: str, twin: Wide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, "_wide", twin)
    check_unfinished("both finished", accuracy_gap)
    with pytest.raises(AssertionError):
        check_unfinished(name, accuracy_gap)


def test_a_longest_length_that_skips_what_is_missing_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        claim_effects, "_at_longest", lambda values: values.groupby(level=["task", "seed"]).last()
    )
    for name in ("plain failed at the longest", "aligned failed where plain solves last"):
        with pytest.raises(AssertionError):
            check_unfinished(name, accuracy_gap)


LENGTH = 40
Planted = Callable[[int, int], float]


def planted(
    effect: Planted,
    *,
    length: int = LENGTH,
    positions: Sequence[int] | None = None,
    encoder: str = "bi",
    seed: int = 0,
) -> list[ProbeRow]:
    return [
        row
        for task in ("copy", "reverse")
        for row in occlusion_rows(
            stage(PLAIN, task=task, length=length, encoder=encoder, seed=seed),
            effect,
            positions=positions,
        )
    ]


def slope_of(effect: float, *, start: float, length: int = LENGTH) -> float:
    """Return the recency of `start + effect * position`, whose mean is that of its ends."""
    return effect * (length - 1) / (start + effect * (length + 1) / 2)


SPREAD = (1, 3, 10, 20, 21, 31, 38, 40)
RECENCIES: dict[str, tuple[Planted, float]] = {
    "none": (lambda output, source: 2.0, 0.0),
    "of the output alone, falling": (lambda output, source: 5.0 - 0.1 * output, 0.0),
    "of the output alone, rising": (lambda output, source: 0.1 * output**2, 0.0),
    "of the source alone": (
        lambda output, source: 1.0 + 0.25 * source,
        slope_of(0.25, start=1.0),
    ),
    "falling with the source": (
        lambda output, source: 9.0 - 0.2 * source,
        slope_of(-0.2, start=9.0),
    ),
    "of both": (
        lambda output, source: 10.0 + 0.25 * source - 0.1 * (output - 20.5),
        slope_of(0.25, start=10.0),
    ),
}


def check_recency(name: str, effects: Effects) -> None:
    effect, expected = RECENCIES[name]
    for positions in (None, SPREAD):
        probes = planted(effect, positions=positions)
        assert one(effects, [stage(PLAIN)], probes) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", RECENCIES)
def test_a_planted_recency_is_found_apart_from_the_effect_of_the_output(name: str) -> None:
    check_recency(name, recency("bi"))


def recency_of(task: str) -> Effects:
    """Return last less first position of one task, which takes early answers for early items."""

    def effects(evidence: Evidence) -> pd.DataFrame:
        rows = evidence.influence
        rows = rows[rows["task"] == task].sort_values("source_item")
        each = rows["aligned_effect"]
        difference = (each.iloc[-1] - each.iloc[0]) / each.mean()
        return pd.DataFrame([(task, 0, difference)], columns=["task", "seed", "effect"])

    return effects


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("of the output alone, falling", recency_of("copy")),
        ("of the output alone, falling", recency_of("reverse")),
        ("of the output alone, rising", recency_of("copy")),
        ("of both", recency_of("copy")),
        ("of the source alone", changed(recency("bi"), lambda effect: -effect)),
        ("of the source alone", changed(recency("bi"), lambda effect: effect / (LENGTH - 1))),
    ],
)
def test_a_recency_that_is_confounded_is_rejected(name: str, twin: Effects) -> None:
    with pytest.raises(AssertionError):
        check_recency(name, twin)


def test_a_task_that_is_harder_throughout_is_no_recency() -> None:
    probes = [
        dataclasses.replace(row, aligned_effect=row.aligned_effect + 3.0)
        if row.task == "reverse"
        else row
        for row in planted(lambda output, source: 2.0, positions=SPREAD)
    ]
    assert one(recency("bi"), [stage(PLAIN)], probes) == pytest.approx(0.0, abs=1e-9)


def check_recency_rows(make: Callable[[str], Effects]) -> None:
    """Raise AssertionError unless encoder, seed, length, measure and parameters are told apart."""
    rows = [stage(PLAIN), stage(PLAIN, encoder="uni")]
    flat, steep = (lambda i, j: 2.0), (lambda i, j: 1.0 + 0.25 * j)
    probes = [
        *planted(flat, length=10),
        *planted(steep),
        *planted(flat, seed=1),
        *planted(flat, encoder="uni"),
    ]
    other = [
        dataclasses.replace(row, **change)
        for row in planted(lambda i, j: 9.0 * j)
        for change in ({"measure": GRADIENT}, {"parameters": INITIAL}, {"model": DOT})
    ]
    evidence = evidence_of(rows, [*probes, *other])
    steepness = pytest.approx(slope_of(0.25, start=1.0))
    assert found(make("bi"), evidence) == {
        ("copy and reverse", 0): steepness,
        ("copy and reverse", 1): pytest.approx(0.0, abs=1e-9),
    }
    assert found(make("uni"), evidence) == {
        ("copy and reverse", 0): pytest.approx(0.0, abs=1e-9),
    }


def test_recency_is_read_at_the_longest_length_of_each_seed_and_encoder() -> None:
    check_recency_rows(recency)
    with pytest.raises(AssertionError):
        check_recency_rows(lambda encoder: recency("bi"))


@pytest.mark.parametrize(("part", "broken"), [("OCCLUSION", GRADIENT), ("TRAINED", INITIAL)])
def test_a_recency_of_other_rows_is_rejected(
    part: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, part, broken)
    with pytest.raises(AssertionError):
        check_recency_rows(recency)


def test_recency_needs_both_tasks_and_an_effect() -> None:
    probes = planted(lambda output, source: 1.0)
    copied = [row for row in probes if row.task == "copy"]
    assert recency("bi")(evidence_of([stage(PLAIN)], copied)).empty
    assert recency("bi")(evidence_of([stage(PLAIN)])).empty
    assert math.isnan(one(recency("bi"), [stage(PLAIN)], planted(lambda i, j: 0.0)))


def check_recency_of_failed_seeds(effects: Effects) -> None:
    def begun(seed: int, *tasks: str, **changes: Any) -> list[AccuracyRow]:
        return [stage(PLAIN, task=task, seed=seed, **changes) for task in tasks]

    rows = [
        *begun(0, "copy", "reverse"),
        *(failed(row) for row in begun(1, "copy", "reverse")),
        *begun(2, "copy"),
        *(failed(row) for row in begun(2, "reverse")),
        *(failed(row) for row in begun(3, "copy", "sort")),
        *begun(4, "copy", "reverse", encoder="uni"),
        *(failed(stage(DOT, task=task, seed=5)) for task in ("copy", "reverse")),
        *(planned(row) for row in begun(6, "copy", "reverse")),
    ]
    copied = [row for row in planted(lambda i, j: 2.0, seed=2) if row.task == "copy"]
    evidence = evidence_of(rows, [*planted(lambda i, j: 2.0), *copied])
    recencies = found(effects, evidence)
    assert {*recencies} == {("copy and reverse", seed) for seed in (0, 1, 2, 6)}
    assert recencies.pop(("copy and reverse", 0)) == pytest.approx(0.0, abs=1e-9)
    assert all(math.isnan(effect) for effect in recencies.values())


def for_every_seed(evidence: Evidence) -> pd.DataFrame:
    table = recency("bi")(evidence)
    seeds = {*evidence.accuracy["seed"]} - {*table["seed"]}
    more = pd.DataFrame({"task": "copy and reverse", "seed": [*seeds], "effect": NAN})
    return pd.concat([table, more])


@pytest.mark.parametrize(
    "twin",
    [
        without_unknown(recency("bi")),
        changed(recency("bi"), lambda effect: effect.fillna(0.0)),
        for_every_seed,
    ],
)
def test_recency_knows_no_seed_that_failed_and_none_that_was_not_begun(twin: Effects) -> None:
    check_recency_of_failed_seeds(recency("bi"))
    with pytest.raises(AssertionError):
        check_recency_of_failed_seeds(twin)


def check_context(make: Callable[[str], Effects]) -> None:
    # Of 40 positions the first quarter ends with 10 and the last begins with 31.
    def quarters(source: int) -> float:
        return 2.0 if source <= 10 else 5.0 if source > 30 else 100.0

    row = stage(PLAIN, length=40)
    probes = [
        *context_rows(row, quarters),
        *context_rows(row, lambda j: 50.0 if j > 30 else 1.0, parameters=INITIAL),
        *context_rows(stage(PLAIN, length=20), lambda j: float(j)),
        *context_rows(stage(PLAIN, length=40, encoder="uni"), lambda j: 1.0),
        *context_rows(stage(PLAIN, length=40, seed=1), lambda j: 0.0 if j <= 10 else 1.0),
        *context_rows(stage(DOT, length=40), lambda j: float(j)),
        *occlusion_rows(row, lambda i, j: 7.0 * j),
    ]
    evidence = evidence_of([row, stage(PLAIN, encoder="uni")], probes)
    both = found(make("bi"), evidence)
    assert both.pop(("copy", 0)) == pytest.approx(2.5)
    assert math.isnan(both.pop(("copy", 1)))
    assert not both
    assert found(make("uni"), evidence) == {("copy", 0): 1.0}


def test_the_ratio_of_the_quarters_is_known_by_hand() -> None:
    check_context(context_ratio)
    assert context_ratio("bi")(evidence_of([])).empty


@pytest.mark.parametrize(
    "twin",
    [
        lambda encoder: changed(context_ratio(encoder), lambda ratio: 1 / ratio),
        lambda encoder: changed(context_ratio(encoder), lambda ratio: ratio.fillna(1.0)),
        lambda encoder: context_ratio("bi"),
    ],
)
def test_another_ratio_of_the_quarters_is_rejected(twin: Callable[[str], Effects]) -> None:
    with pytest.raises(AssertionError):
        check_context(twin)


@pytest.mark.parametrize(("part", "broken"), [("CONTEXT", "occlusion"), ("TRAINED", INITIAL)])
def test_a_ratio_of_the_quarters_of_other_rows_is_rejected(
    part: str, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, part, broken)
    with pytest.raises(AssertionError):
        check_context(context_ratio)


def check_alignment(make: Callable[[str, str], Effects]) -> None:
    apart = {"near_fraction": 0.8, "occlusion_agreement_fraction": None}
    probes = [
        alignment_row(stage(DOT), 0.7, **apart),
        alignment_row(stage(DOT, length=80), 0.6),
        alignment_row(stage(DOT, length=10), 0.5),
        alignment_row(stage(DOT, seed=1), 0.3),
        alignment_row(stage(DOT, encoder="uni"), 0.1),
        alignment_row(stage(ADDITIVE), 0.2),
    ]
    for ordered in (probes, probes[::-1]):
        evidence = evidence_of([stage(DOT), stage(DOT, encoder="uni")], ordered)
        for column, first in (
            ("aligned_fraction", 0.7),
            ("near_fraction", 0.8),
            ("occlusion_agreement_fraction", 0.6),
        ):
            effects = found(make(column, DOT), evidence)
            assert effects == {("copy", 0): first, ("copy", 1): 0.3}
        assert found(make("aligned_fraction", ADDITIVE), evidence) == {("copy", 0): 0.2}


def at_the_shortest(column: str, model: str) -> Effects:
    def effects(evidence: Evidence) -> pd.DataFrame:
        table = evidence.alignment
        shortened = table.assign(length=-table["length"])
        return alignment_at_longest(column, model)(
            dataclasses.replace(evidence, alignment=shortened)
        )

    return effects


def of_both_encoders(column: str, model: str) -> Effects:
    def effects(evidence: Evidence) -> pd.DataFrame:
        table = evidence.alignment.assign(encoder="bi")
        return alignment_at_longest(column, model)(dataclasses.replace(evidence, alignment=table))

    return effects


def test_alignment_is_read_at_the_longest_length_that_knows_it() -> None:
    check_alignment(alignment_at_longest)
    assert alignment_at_longest("near_fraction", DOT)(evidence_of([])).empty


@pytest.mark.parametrize(
    "twin",
    [
        at_the_shortest,
        of_both_encoders,
        lambda column, model: alignment_at_longest("aligned_fraction", model),
        lambda column, model: alignment_at_longest(column, DOT),
    ],
)
def test_another_alignment_is_rejected(twin: Callable[[str, str], Effects]) -> None:
    with pytest.raises(AssertionError):
        check_alignment(twin)


def ending(model: str, share: float, **changes: Any) -> list[AccuracyRow]:
    return curve(model, (1.0, 1.0, 0.9, 0.8, share), **changes)


def check_share(effects: Effects) -> None:
    for uniform, dot, share in [
        (0.2, 0.8, 0.0),
        (0.8, 0.8, 1.0),
        (0.35, 0.8, 0.25),
        (0.1, 0.4, -0.5),
        (0.2, 0.31, 0.0),
        (0.25, 0.29, NAN),
        (0.2, 0.1, NAN),
    ]:
        rows = [*ending(PLAIN, 0.2), *ending(UNIFORM, uniform), *ending(DOT, dot)]
        assert one(effects, rows) == pytest.approx(share, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("score", SCORES)
def test_the_share_of_uniform_weights_is_known_by_hand(score: str) -> None:
    check_share(uniform_share(score))


@pytest.mark.parametrize(
    "twin",
    [
        changed(uniform_share("carried_share"), lambda share: 1 - share),
        changed(uniform_share("carried_share"), lambda share: share.clip(0, 1)),
        changed(uniform_share("carried_share"), lambda share: share.fillna(0.0)),
    ],
)
def test_another_share_is_rejected(twin: Effects) -> None:
    with pytest.raises(AssertionError):
        check_share(twin)


@pytest.mark.parametrize(
    ("part", "broken"), [("LEAST_GAP", 0.0), ("LEAST_GAP", 0.2), ("ATTENTION", (ADDITIVE,))]
)
def test_a_share_of_another_gain_is_rejected(
    part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, part, broken)
    with pytest.raises(AssertionError):
        check_share(uniform_share("carried_share"))


# Curves without attention, with uniform weights and with dot attention, and the share.
UNFINISHED_SHARES: dict[str, tuple[Curve, Curve, Curve, float]] = {
    "all finished": (AT_20, (1.0, 0.9, 0.8, 0.7, 0.2), ALWAYS, 0.125),
    "plain failed": ((*AT_20[:4], None), AT_80, ALWAYS, NAN),
    "uniform failed": (AT_20, PARTIAL, ALWAYS, NAN),
    "dot failed": (AT_20, AT_80, PARTIAL, NAN),
    "all failed there": (PARTIAL, PARTIAL, PARTIAL, NAN),
    "dot has no row there": (AT_20, AT_80, ALWAYS[:4], 0.375),
    "dot has no row where uniform failed": (AT_20, PARTIAL, ALWAYS[:4], 1.0),
}


def check_unfinished_share(name: str, effects: Effects) -> None:
    *curves, share = UNFINISHED_SHARES[name]
    rows = [
        row
        for model, shares in zip((PLAIN, UNIFORM, DOT), curves, strict=True)
        for row in curve(model, (*shares, None)[:5])[: len(shares)]  # type: ignore[misc, arg-type]
    ]
    assert one(effects, rows) == pytest.approx(share, nan_ok=True)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("name", UNFINISHED_SHARES)
def test_the_share_is_read_at_the_longest_length_that_all_began(name: str, score: str) -> None:
    check_unfinished_share(name, uniform_share(score))


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("plain failed", finished_lengths_alone),
        ("uniform failed", finished_lengths_alone),
        ("dot failed", finished_lengths_alone),
        ("dot has no row there", lengths_of_any_model),
        ("dot has no row where uniform failed", lengths_of_any_model),
    ],
)
def test_a_share_at_another_length_is_rejected(
    name: str, twin: Wide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_effects, "_wide", twin)
    check_unfinished_share("all finished", uniform_share("normalised_accuracy"))
    with pytest.raises(AssertionError):
        check_unfinished_share(name, uniform_share("normalised_accuracy"))


def test_two_rows_of_one_seed_and_length_are_never_averaged() -> None:
    rows = [*curve(PLAIN, AT_20), *curve("rnn-aligned", NEVER)]
    with pytest.raises(ValueError, match="duplicate"):
        accuracy_gap(where="longest")(evidence_of([*rows, *rows]))


def evidence_with(rows: Sequence[AccuracyRow], world: World) -> Evidence:
    """Return the rows, and what the probes find of those that finished."""
    is_ok = [row for row in rows if row.status == OK]
    return evidence_of(rows, [probe for row in is_ok for probe in probes_of(world, row)])


def world_of(world: World) -> Evidence:
    return evidence_with(rows_in(world), world)


@pytest.fixture(scope="module")
def holding() -> Evidence:
    return world_of(HOLDS)


@pytest.fixture(scope="module")
def failing() -> Evidence:
    return world_of(FAILS)


def verdicts(measure: Measure, evidence: Evidence) -> set[str]:
    table = measure.effects(evidence)
    return {
        judge(
            rows["effect"].to_list(), threshold=measure.threshold, is_at_least=measure.is_at_least
        ).verdict
        for _, rows in table.groupby("task")
    } or {NOT_MEASURED}


def check_can_turn(measure: Measure, holding: Evidence, failing: Evidence) -> None:
    """Raise AssertionError unless the measure supports what holds and refutes what does not."""
    assert verdicts(measure, holding) == {SUPPORTED}
    assert verdicts(measure, failing) == {REFUTED}


EACH = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)


@EACH
def test_every_measure_can_support_and_refute(
    measure: Measure, holding: Evidence, failing: Evidence
) -> None:
    check_can_turn(measure, holding, failing)


@EACH
def test_a_measure_that_is_stuck_is_rejected(
    measure: Measure, holding: Evidence, failing: Evidence
) -> None:
    for stuck in (
        {"effects": lambda _: measure.effects(holding)},
        {"effects": lambda _: measure.effects(failing)},
        {"is_at_least": not measure.is_at_least},
        {"threshold": -np.inf},
        {"threshold": np.inf},
        {"effects": lambda evidence: measure.effects(evidence)[:0]},
        {"effects": changed(measure.effects, lambda effect: effect * NAN)},
    ):
        with pytest.raises(AssertionError):
            check_can_turn(dataclasses.replace(measure, **stuck), holding, failing)  # type: ignore[arg-type]


# A run, by model and encoder; what becomes of it in one of the seeds.
Run = tuple[str, str]
RUNS: tuple[Run, ...] = (*((model, "bi") for model in HOLDS.curves), (PLAIN, "uni"))
LOST_SEED = 1


def runs_of(measure: Measure) -> set[Run]:
    """Return the runs that a measure compares, from its name."""
    if measure.claim == "C3":
        (encoder,) = re.findall(r"encoder (\w+)", measure.name)
        return {(PLAIN, encoder)}
    if measure.claim == "C5":
        return {(PLAIN, "bi"), (UNIFORM, "bi"), (DOT, "bi")}
    return {
        (model, "bi")
        for model in HOLDS.curves
        if re.search(rf"(?<!\S){re.escape(model)}(?=[\s:,]|$)", measure.name)
    }


Lose = Callable[[Sequence[AccuracyRow]], Sequence[AccuracyRow]]


def world_without(run: Run, lose: Lose) -> Evidence:
    rows: list[AccuracyRow] = []
    for _, each in itertools.groupby(rows_in(HOLDS), key=lambda row: row.run_id):
        of_run = [*each]
        first = of_run[0]
        is_lost = (first.model, first.encoder, first.seed) == (*run, LOST_SEED)
        rows += lose(of_run) if is_lost else of_run
    return evidence_with(rows, HOLDS)


@pytest.fixture(scope="module")
def diverged() -> dict[Run, Evidence]:
    return {run: world_without(run, stopped) for run in RUNS}


@pytest.fixture(scope="module")
def not_begun() -> dict[Run, Evidence]:
    return {run: world_without(run, lambda rows: []) for run in RUNS}


def effects_of(measure: Measure, evidence: Evidence) -> dict[tuple[str, int], float]:
    table = measure.effects(evidence)[["task", "seed", "effect"]]
    assert not table.duplicated(["task", "seed"]).any()
    return {(task, seed): float(effect) for task, seed, effect in table.itertuples(index=False)}


def check_diverged(measure: Measure, holding: Evidence, diverged: dict[Run, Evidence]) -> None:
    """Raise AssertionError unless a run that diverged leaves its seed unknown, and no other."""
    known = effects_of(measure, holding)
    for run, evidence in diverged.items():
        is_used = run in runs_of(measure)
        effects = effects_of(measure, evidence)
        assert effects.keys() == known.keys()
        for (task, seed), effect in effects.items():
            is_unknown = is_used and seed == LOST_SEED
            expected = NAN if is_unknown else known[task, seed]
            assert effect == pytest.approx(expected, nan_ok=True), (run, task, seed)
        assert verdicts(measure, evidence) == {INCONCLUSIVE if is_used else SUPPORTED}


def check_not_begun(measure: Measure, holding: Evidence, not_begun: dict[Run, Evidence]) -> None:
    """Raise AssertionError unless a run that was not begun takes its seed out, and no other."""
    known = effects_of(measure, holding)
    for run, evidence in not_begun.items():
        lost = LOST_SEED if run in runs_of(measure) else None
        expected = {(task, seed): known[task, seed] for task, seed in known if seed != lost}
        assert effects_of(measure, evidence) == pytest.approx(expected), run


def with_every_seed(effects: Effects) -> Effects:
    """Return NaN for seeds that any model has rows of."""

    def twin(evidence: Evidence) -> pd.DataFrame:
        table = effects(evidence)
        names = itertools.product({*table["task"]}, {*evidence.accuracy["seed"]})
        every = pd.DataFrame(names, columns=["task", "seed"])
        return every.merge(table, how="left", on=["task", "seed"])

    return twin


def test_the_runs_of_a_measure_are_told_by_its_name() -> None:
    counts = [len(runs_of(measure)) for measure in MEASURES]
    assert counts == [2] * 6 + [1, 1, 2, 2] + [1] * 4 + [1] * 6 + [3] * 3
    assert set.union(*(runs_of(measure) for measure in MEASURES)) == {*RUNS}


@EACH
def test_a_seed_that_diverged_never_vanishes(
    measure: Measure, holding: Evidence, diverged: dict[Run, Evidence]
) -> None:
    check_diverged(measure, holding, diverged)
    for twin in (
        without_unknown(measure.effects),
        changed(measure.effects, lambda effect: effect.fillna(effect.mean())),
        changed(measure.effects, lambda effect: effect * (NAN if effect.isna().any() else 1)),
    ):
        with pytest.raises(AssertionError):
            check_diverged(dataclasses.replace(measure, effects=twin), holding, diverged)


@EACH
def test_a_seed_that_was_not_begun_is_left_out(
    measure: Measure, holding: Evidence, not_begun: dict[Run, Evidence]
) -> None:
    check_not_begun(measure, holding, not_begun)
    twin = dataclasses.replace(measure, effects=with_every_seed(measure.effects))
    with pytest.raises(AssertionError):
        check_not_begun(twin, holding, not_begun)


def check_all_diverged(measure: Measure, holding: Evidence) -> None:
    """Raise AssertionError unless what diverged in every seed was measured, and is unknown."""
    runs = itertools.groupby(rows_in(HOLDS), key=lambda row: row.run_id)
    evidence = evidence_of([row for _, rows in runs for row in stopped([*rows])])
    effects = effects_of(measure, evidence)
    assert effects.keys() == effects_of(measure, holding).keys()
    assert all(math.isnan(effect) for effect in effects.values())
    assert verdicts(measure, evidence) == {INCONCLUSIVE}


@pytest.mark.parametrize(
    "measure",
    [measure for measure in MEASURES if measure.command == TRAIN_COMMAND],
    ids=lambda measure: measure.name,
)
def test_what_diverged_in_every_seed_is_not_unmeasured(measure: Measure, holding: Evidence) -> None:
    check_all_diverged(measure, holding)
    for twin in (
        without_unknown(measure.effects),
        changed(measure.effects, lambda effect: effect.fillna(0.0)),
    ):
        with pytest.raises(AssertionError):
            check_all_diverged(dataclasses.replace(measure, effects=twin), holding)


def check_names(measures: Sequence[Measure]) -> None:
    names = [(measure.claim, measure.name) for measure in measures]
    assert len({*names}) == len(names)
    assert [*dict.fromkeys(measure.claim for measure in measures)] == [*CLAIMS]
    assert {measure.command for measure in measures} == {TRAIN_COMMAND, PROBE_COMMAND}


def test_every_claim_has_measures_with_names_of_their_own() -> None:
    check_names(MEASURES)
    for twin in (MEASURES[1:6] * 2, MEASURES[6:], MEASURES[::-1], (*MEASURES, MEASURES[0])):
        with pytest.raises(AssertionError):
            check_names(twin)


def check_command(measure: Measure, holding: Evidence) -> None:
    """Raise AssertionError unless a measure names the command whose rows it needs."""
    nothing = evidence_of([])
    without_probes = dataclasses.replace(nothing, accuracy=holding.accuracy)
    is_measured = not measure.effects(without_probes).empty
    assert is_measured == (measure.command == TRAIN_COMMAND)


@EACH
def test_the_command_named_is_the_one_whose_rows_are_needed(
    measure: Measure, holding: Evidence
) -> None:
    check_command(measure, holding)
    (other,) = {TRAIN_COMMAND, PROBE_COMMAND} - {measure.command}
    with pytest.raises(AssertionError):
        check_command(dataclasses.replace(measure, command=other), holding)
