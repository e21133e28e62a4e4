from typing import Any

import pytest

from results.claims import effects as claim_effects
from results.claims.effects import (
    Effects,
    accuracy_gap,
    uniform_share,
)
from results.claims.measures import SCORES
from results.schema.rows import AccuracyRow
from tests.results.claims.claim_checks import (
    ADDITIVE,
    ALWAYS,
    AT_20,
    AT_80,
    DOT,
    NAN,
    NEVER,
    PARTIAL,
    PLAIN,
    UNIFORM,
    Curve,
    Wide,
    changed,
    finished_lengths_alone,
    lengths_of_any_model,
    one,
)
from tests.results.claims.claim_rows import (
    curve,
    evidence_of,
)


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
