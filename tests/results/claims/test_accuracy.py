import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from results.claims import effects as claim_effects
from results.claims.effects import (
    Effects,
    Evidence,
    above_ceiling,
    accuracy_gap,
    early_effects,
)
from results.schema.probe_rows import CONTEXT, GRADIENT, INITIAL
from results.schema.rows import AccuracyRow
from tests.results.claims.claim_checks import (
    ALIGNED,
    ALWAYS,
    AT_20,
    AT_80,
    DOT,
    NAN,
    PARTIAL,
    PLAIN,
    Curve,
    Wide,
    changed,
    finished_lengths_alone,
    found,
    lengths_of_any_model,
    one,
    stage,
    without_unknown,
)
from tests.results.claims.claim_rows import (
    FLOOR,
    context_rows,
    curve,
    evidence_of,
    occlusion_rows,
    scored_row,
    stopped,
)
from tests.rows import failed


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
