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
    alignment_at_longest,
    context_ratio,
    recency,
)
from results.schema.probe_rows import GRADIENT, INITIAL, ProbeRow
from results.schema.rows import AccuracyRow, planned
from tests.results.claims.claim_checks import (
    ADDITIVE,
    DOT,
    LENGTH,
    NAN,
    PLAIN,
    changed,
    found,
    one,
    stage,
    without_unknown,
)
from tests.results.claims.claim_rows import (
    alignment_row,
    context_rows,
    evidence_of,
    occlusion_rows,
)
from tests.rows import failed

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
