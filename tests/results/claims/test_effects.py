import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from results.claims.effects import (
    EffectFunction,
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
from results.claims.measures import JUDGED_SCORES
from results.schema.probe_rows import CONTEXT, GRADIENT, INITIAL, ProbeRow
from results.schema.rows import AccuracyRow
from tests.rows import (
    FLOOR,
    alignment_row,
    context_rows,
    curve,
    evidence_of,
    failed,
    occlusion_rows,
    scored_row,
)

DOT, ADDITIVE, UNIFORM, PLAIN = "seq2seq+dot", "seq2seq+additive", "seq2seq+uniform", "seq2seq"
ALIGNED = "rnn-aligned"
NAN = math.nan
# One score for each length; None is a length that failed.
Curve = tuple[float | None, ...]
AT_20: Curve = (1.0, 0.5, 0.3, 0.2, 0.1)
AT_80: Curve = (1.0, 1.0, 0.9, 0.5, 0.1)
ALWAYS: Curve = (1.0, 1.0, 1.0, 1.0, 0.9)
NEVER: Curve = (0.4, 0.3, 0.2, 0.1, 0.1)
RISING: Curve = (0.2, 0.3, 0.3, 0.35, 0.4)
PARTIAL: Curve = (1.0, 1.0, 1.0, 1.0, None)

SCORE = "normalised_accuracy"
ratio = partial(length_ratio, score=SCORE, model=DOT, decisive=2.0)


def effects_of(effects: EffectFunction, evidence: Evidence) -> dict[tuple[str, int], float]:
    table = effects(evidence)
    assert list(table.columns) == ["task", "seed", "effect", "is_bound"]
    return {(row.task, row.seed): float(row.effect) for row in table.itertuples()}


def one(effects: EffectFunction, rows: Sequence[AccuracyRow], *probes: ProbeRow) -> float:
    (effect,) = effects_of(effects, evidence_of(rows, probes)).values()
    return effect


def stage(model: str, *, length: int = 160, **changes: Any) -> AccuracyRow:
    return scored_row(model, length, 0.5, **changes)


# C1. Curves without and with attention, the ratio, whether it is a bound. Half lengths are at
# measured lengths: 20, 80; beyond the last; before 10; none.
SHORT: Curve = (1.0, 1.0, None, None, None)
HALF: Curve = (1.0, 1.0, 0.49, 0.2, 0.1)
RATIOS: dict[str, tuple[Curve, Curve, float, bool]] = {
    "both known": (AT_20, AT_80, 4.0, False),
    "equal": (AT_80, AT_80, 1.0, False),
    "attention worse": (AT_80, AT_20, 0.25, False),
    "bound beyond the threshold": (AT_20, ALWAYS, 8.0, True),
    "bound below the threshold": ((1.0, 1.0, 1.0, 1.0, 0.2), ALWAYS, NAN, False),
    "bound from below beyond it": (NEVER, AT_80, 8.0, True),
    "two bounds": (NEVER, ALWAYS, 16.0, True),
    "both hold throughout": (ALWAYS, ALWAYS, NAN, False),
    "neither holds": (NEVER, NEVER, NAN, False),
    "attention never holds": (AT_20, NEVER, 0.5, True),
    "plain holds throughout": (ALWAYS, AT_20, 0.125, True),
    "two bounds that refute": (ALWAYS, NEVER, 0.0625, True),
    "plain holds as far as it got": (SHORT, AT_80, NAN, False),
    "plain holds half as far as attention at most": (SHORT, HALF, 2 ** (50 / 51), True),
    "attention holds as far as it got": (AT_20, PARTIAL, 4.0, True),
    "attention holds as far as plain does": (AT_80, PARTIAL, NAN, False),
    "plain does not fall": (RISING, AT_20, NAN, False),
    "attention does not fall": (AT_20, RISING, NAN, False),
    "attention does not fall, plain holds": (ALWAYS, RISING, NAN, False),
}


@pytest.mark.parametrize("name", RATIOS)
def test_the_ratio_of_half_lengths_is_known_by_hand(name):
    plain, attention, expected, is_bound = RATIOS[name]
    (row,) = ratio(evidence_of([*curve(PLAIN, plain), *curve(DOT, attention)])).itertuples()
    assert row.effect == pytest.approx(expected, nan_ok=True)
    assert row.is_bound == is_bound


COLUMNS_OF = {
    "carried_share": ("carried_bits",),
    SCORE: ("normalised_accuracy", "token_accuracy"),
    "normalised_forced_accuracy": ("teacher_forced_token_accuracy",),
}


def test_every_score_is_read_from_columns_of_its_own():
    for score, other in itertools.product(JUDGED_SCORES, repeat=2):
        # A model that falls at 80 by one score alone, and at 20 by all others.
        better = [
            dataclasses.replace(row, **{name: getattr(best, name) for name in COLUMNS_OF[other]})
            for row, best in zip(curve(DOT, AT_20), curve(DOT, AT_80), strict=True)
        ]
        effect = partial(length_ratio, score=score, model=DOT, decisive=2.0)
        found = one(effect, [*curve(PLAIN, AT_20), *better])
        assert found == pytest.approx(4.0 if other == score else 1.0)


def test_seeds_and_tasks_are_paired_and_other_models_are_no_part():
    rows = [*curve(ADDITIVE, NEVER), *curve(PLAIN, AT_20, seed=2)]
    for plain, dot, changes in (
        (AT_20, AT_80, {}),
        (AT_80, AT_20, {"seed": 1}),
        (AT_20, ALWAYS, {"task": "sort"}),
        (NEVER, NEVER, {"encoder": "uni"}),
    ):
        rows += [*curve(PLAIN, plain, **changes), *curve(DOT, dot, **changes)]
    table = ratio(evidence_of(rows)).set_index(["task", "seed"])
    known = {("copy", 0): 4.0, ("copy", 1): 0.25, ("sort", 0): 8.0}
    assert table["effect"].to_dict() == pytest.approx(known)
    assert table["is_bound"].tolist() == [False, False, True]


# C2. Rows of one seed, and by how many standard errors they are above the ceiling.


def ceiling_row(length: int, accuracy: float, **changes: Any) -> AccuracyRow:
    """Return a row of ten test sequences: half right of 100 items have a standard error of .05."""
    values = {"causal_ceiling_accuracy": 0.5, "test_sequences": 10, "model": ALIGNED} | changes
    return scored_row(values.pop("model"), length, 0.0, token_accuracy=accuracy, **values)


ALL_KNOWN = {"causal_ceiling_accuracy": 1.0}
UNKNOWN = {"causal_ceiling_accuracy": None}
EXCESSES: dict[str, tuple[list[AccuracyRow], float]] = {
    "above": ([ceiling_row(10, 0.6)], 2.0),
    "below": ([ceiling_row(10, 0.4)], -2.0),
    "another ceiling": ([ceiling_row(10, 0.9, causal_ceiling_accuracy=0.8)], 2.5),
    "largest first": ([ceiling_row(10, 0.7), ceiling_row(40, 0.5)], 4.0),
    "largest last": ([ceiling_row(10, 0.6), ceiling_row(40, 0.6)], 4.0),
    "ceiling of 1": ([ceiling_row(10, 0.3, **ALL_KNOWN)], 0.0),
    "ceiling of 1 at 1": ([ceiling_row(1, 0.6, **ALL_KNOWN), ceiling_row(10, 0.6)], 2.0),
    "one failed": ([ceiling_row(10, 0.6), failed(ceiling_row(40, 0.9))], 2.0),
    "one without a ceiling": ([ceiling_row(10, 0.6), ceiling_row(40, 0.9, **UNKNOWN)], 2.0),
    "every length failed": ([failed(ceiling_row(10, 0.6)), failed(ceiling_row(40, 0.9))], NAN),
    "no ceiling known": ([ceiling_row(10, 0.9, **UNKNOWN)], NAN),
    "teacher forcing": ([ceiling_row(10, 0.5, teacher_forced_token_accuracy=0.9)], 0.0),
    "others": ([ceiling_row(10, 0.6), ceiling_row(10, 0.9, model=DOT)], 2.0),
    "another encoder": ([ceiling_row(10, 0.6), ceiling_row(10, 0.9, encoder="uni")], 2.0),
}


@pytest.mark.parametrize("name", EXCESSES)
def test_what_is_above_the_ceiling_is_known_by_hand(name):
    rows, excess = EXCESSES[name]
    effect = one(above_ceiling, rows)
    assert effect == pytest.approx(excess, abs=1e-9, nan_ok=True)
    # No minus before a zero: it would be printed.
    assert effect != 0 or math.copysign(1, effect) == 1


def test_the_largest_early_effect_is_found_wherever_it_was_measured():
    probes = []
    for effect, changes, of_probe in (
        (0.1, {}, {}),
        (0.3, {"length": 10}, {}),
        (0.2, {"seed": 1}, {"parameters": INITIAL}),
        (0.1, {"seed": 1}, {"measure": GRADIENT}),
        (0.0, {"seed": 2}, {}),
        (9.0, {"seed": 2}, {"measure": CONTEXT}),
        (9.0, {"seed": 2, "model": PLAIN}, {}),
    ):
        row = stage(**{"model": ALIGNED} | changes)
        probes += occlusion_rows(row, lambda i, j: 1.0, early=effect, **of_probe)
    found = effects_of(early_effects, evidence_of([stage(ALIGNED)], probes))
    assert found == {("copy", 0): 0.3, ("copy", 1): 0.2, ("copy", 2): 0.0}


# Curves of plain and aligned, and the gaps of their shares: at the longest length that plain
# solves, and at the longest. A share s is an accuracy of 0.2 + 0.8 s: solved from s = 0.875 on.
GAPS: dict[str, tuple[Curve, Curve, float, float]] = {
    "both finished": (ALWAYS, AT_20, 0.8, 0.8),
    "solved to 40": ((1.0, 0.9, 0.875, 0.8, 0.5), (0.9, 0.6, 0.5, 0.4, 0.4), 0.375, 0.1),
    "never solved": ((0.8, 0.5, 0.4, 0.3, 0.2), (0.4, 0.4, 0.4, 0.4, 0.4), NAN, -0.2),
    "plain failed at the longest": (PARTIAL, AT_20, 0.8, NAN),
    "aligned failed at the longest": (ALWAYS, PARTIAL, NAN, NAN),
    "both failed there": (PARTIAL, PARTIAL, 0.0, NAN),
    "plain has no row there": (ALWAYS[:4], AT_20, 0.8, 0.8),
    "aligned has no row there": (ALWAYS, AT_20[:3], 0.7, 0.7),
    "one failed where the other has no row": (PARTIAL, AT_20[:4], 0.8, 0.8),
    "aligned failed where plain solves last": (AT_80, (0.5, 0.3, None, 0.2, 0.1), NAN, 0.0),
}


@pytest.mark.parametrize("name", GAPS)
def test_gaps_of_accuracy_are_known_by_hand(name):
    plain, aligned, solved, longest = GAPS[name]
    rows = [*curve(PLAIN, plain), *curve(ALIGNED, aligned)]
    for is_where_solved, gap in ((True, solved), (False, longest)):
        expected = pytest.approx(gap * (1 - FLOOR), abs=1e-9, nan_ok=True)
        assert one(partial(accuracy_gap, is_where_solved=is_where_solved), rows) == expected
    # Two rows of one seed and length are never averaged.
    with pytest.raises(ValueError, match="duplicate"):
        accuracy_gap(evidence_of([*rows, *rows]), is_where_solved=False)


# C3. The effect from output and source position, and the recency by hand.
Planted = Callable[[int, int], float]
LENGTH = 40


def planted(effect: Planted, *, length: int = LENGTH, **changes: Any) -> list[ProbeRow]:
    positions, rows = changes.pop("positions", None), []
    for task in ("copy", "reverse"):
        row = stage(PLAIN, task=task, length=length, **changes)
        rows += occlusion_rows(row, effect, positions=positions)
    return [*rows]


def slope_of(effect: float, *, start: float) -> float:
    """Return the recency of `start + effect * position`, whose mean is that of its ends."""
    return effect * (LENGTH - 1) / (start + effect * (LENGTH + 1) / 2)


RECENCIES: dict[str, tuple[Planted, float]] = {
    "none": (lambda i, j: 2.0, 0.0),
    "of the output alone, falling": (lambda i, j: 5.0 - 0.1 * i, 0.0),
    "of the output alone, rising": (lambda i, j: 0.1 * i**2, 0.0),
    "of the source": (lambda i, j: 1.0 + 0.25 * j, slope_of(0.25, start=1.0)),
    "falling": (lambda i, j: 9.0 - 0.2 * j, slope_of(-0.2, start=9.0)),
    "of both": (lambda i, j: 10.0 + 0.25 * j - 0.1 * (i - 20.5), slope_of(0.25, start=10.0)),
    "no effect at all": (lambda i, j: 0.0, NAN),
}


@pytest.mark.parametrize("name", RECENCIES)
def test_a_planted_recency_is_found_apart_from_the_effect_of_the_output(name):
    effect, expected = RECENCIES[name]
    for positions in (None, (1, 3, 10, 20, 21, 31, 38, 40)):
        probes = planted(effect, positions=positions)
        found = one(partial(recency, encoder="bi"), [stage(PLAIN)], *probes)
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)
    # A task that is harder throughout is no recency.
    more = {"copy": 0.0, "reverse": 3.0}
    probes = [
        dataclasses.replace(row, aligned_effect=row.aligned_effect + more[row.task])
        for row in planted(lambda i, j: 2.0)
    ]
    assert one(partial(recency, encoder="bi"), [stage(PLAIN)], *probes) == pytest.approx(0.0)


def test_recency_is_read_at_the_longest_length_of_each_seed_and_encoder():
    flat, _ = RECENCIES["none"]
    steep, steepness = RECENCIES["of the source"]
    probes = [
        *planted(flat, length=10),
        *planted(steep),
        *planted(flat, seed=1),
        *planted(flat, encoder="uni"),
        *(
            dataclasses.replace(row, **change)
            for row in planted(lambda i, j: 9.0 * j)
            for change in ({"measure": GRADIENT}, {"parameters": INITIAL}, {"model": DOT})
        ),
    ]
    evidence = evidence_of([stage(PLAIN), stage(PLAIN, encoder="uni")], probes)
    tasks = "copy and reverse"
    found = effects_of(partial(recency, encoder="bi"), evidence)
    assert found == pytest.approx({(tasks, 0): steepness, (tasks, 1): 0.0})
    found = effects_of(partial(recency, encoder="uni"), evidence)
    assert found == pytest.approx({(tasks, 0): 0.0})


def test_recency_knows_no_seed_that_failed_and_none_that_was_not_begun():
    tasks = ("copy", "reverse")
    both = [stage(PLAIN, task=task, seed=seed) for seed in (0, 1, 2) for task in tasks]
    uni = {"encoder": "uni", "config_id": "uni64", "seed": 4}
    rows = [
        *both[:2],
        *(failed(row) for row in both[2:4]),
        *both[4:],
        failed(stage(PLAIN, task="copy", seed=3)),
        *(dataclasses.replace(row, **uni) for row in both[:2]),
    ]
    copied = [row for row in planted(lambda i, j: 2.0, seed=2) if row.task == "copy"]
    evidence = evidence_of(rows, [*planted(lambda i, j: 2.0), *copied])
    found = effects_of(partial(recency, encoder="bi"), evidence)
    known = {("copy and reverse", 0): 0.0} | {("copy and reverse", seed): NAN for seed in (1, 2)}
    assert found == pytest.approx(known, nan_ok=True)
    assert recency(evidence_of(rows, copied), encoder="bi").empty


def test_the_ratio_of_the_quarters_is_known_by_hand():
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
    both = effects_of(partial(context_ratio, encoder="bi"), evidence)
    assert both == pytest.approx({("copy", 0): 2.5, ("copy", 1): NAN}, nan_ok=True)
    assert effects_of(partial(context_ratio, encoder="uni"), evidence) == {("copy", 0): 1.0}


# C4.


def test_alignment_is_read_at_the_longest_length_that_has_it():
    probes = [
        alignment_row(stage(DOT), 0.7, near_fraction=0.8, occlusion_agreement_fraction=None),
        alignment_row(stage(DOT, length=80), 0.6),
        alignment_row(stage(DOT, length=10), 0.5),
        alignment_row(stage(DOT, seed=1), 0.3),
        alignment_row(stage(DOT, encoder="uni"), 0.1),
        alignment_row(stage(ADDITIVE), 0.2),
    ]
    for ordered in (probes, probes[::-1]):
        evidence = evidence_of([stage(DOT), stage(DOT, encoder="uni")], ordered)
        for column, model, expected in (
            ("aligned_fraction", DOT, [0.7, 0.3]),
            ("near_fraction", DOT, [0.8, 0.3]),
            ("occlusion_agreement_fraction", DOT, [0.6, 0.3]),
            ("aligned_fraction", ADDITIVE, [0.2]),
        ):
            effects = partial(alignment_at_longest, column=column, model=model)
            known = {("copy", seed): share for seed, share in enumerate(expected)}
            assert effects_of(effects, evidence) == known


# C5. Curves without attention, with uniform weights and with dot attention, and the share.


def ending(end: float) -> Curve:
    return (1.0, 1.0, 0.9, 0.8, end)


SHARES: dict[str, tuple[Curve, Curve, Curve, float]] = {
    "no gain": (ending(0.2), ending(0.2), ending(0.8), 0.0),
    "all of the gain": (ending(0.2), ending(0.8), ending(0.8), 1.0),
    "a quarter": (ending(0.2), ending(0.35), ending(0.8), 0.25),
    "worse than nothing": (ending(0.2), ending(0.1), ending(0.4), -0.5),
    "of a gain that is just enough": (ending(0.2), ending(0.2), ending(0.31), 0.0),
    "of a gain that is too small": (ending(0.2), ending(0.25), ending(0.29), NAN),
    "of a loss": (ending(0.2), ending(0.2), ending(0.1), NAN),
    "plain failed": ((*AT_20[:4], None), AT_80, ALWAYS, NAN),
    "uniform failed": (AT_20, PARTIAL, ALWAYS, NAN),
    "dot failed": (AT_20, AT_80, PARTIAL, NAN),
    "dot has no row there": (AT_20, AT_80, ALWAYS[:4], 0.375),
    "dot has no row where uniform failed": (AT_20, PARTIAL, ALWAYS[:4], 1.0),
}


@pytest.mark.parametrize("name", SHARES)
def test_the_share_of_uniform_weights_is_known_by_hand(name):
    plain, uniform, dot, expected = SHARES[name]
    rows = [*curve(PLAIN, plain), *curve(UNIFORM, uniform), *curve(DOT, dot)]
    effect = one(partial(uniform_share, score=SCORE), rows)
    assert effect == pytest.approx(expected, abs=1e-9, nan_ok=True)
