import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from results.claims import effects as claim_effects
from results.claims.effects import (
    Effects,
    Evidence,
    accuracy_gap,
    length_ratio,
    uniform_share,
)
from results.claims.measures import SCORES
from results.schema.rows import AccuracyRow, planned
from tests.results.claims.claim_checks import (
    ADDITIVE,
    ALWAYS,
    AT_20,
    AT_80,
    DOT,
    NAN,
    NEVER,
    PLAIN,
    UNIFORM,
    Curve,
    changed,
    without_unknown,
)
from tests.results.claims.claim_rows import (
    FORCED_SCORE,
    curve,
    evidence_of,
    scored_row,
    stopped,
)
from tests.rows import failed

RISING = (0.2, 0.3, 0.3, 0.35, 0.4)


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
