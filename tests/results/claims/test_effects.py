import dataclasses
import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from results.claims.effects import (
    AT_LEAST,
    DID_NOT_TRAIN,
    EffectFunction,
    accuracy_gap,
    alignment_at_longest,
    capacity_slope,
    context_ratio,
    kept_share,
    length_ratio,
    lost_share,
    recency,
    uniform_share,
)
from results.claims.evidence import Evidence
from results.schema.probe_rows import GRADIENT, INITIAL, TRAINED, ProbeRow
from results.schema.rows import AccuracyRow
from tests.rows import (
    CLAIM_LENGTHS,
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
ratio = partial(length_ratio, score=SCORE, model=DOT)


def effects_of(effects: EffectFunction, evidence: Evidence) -> dict[tuple[str, int], float]:
    table = effects(evidence)
    assert list(table.columns) == ["task", "seed", "effect", "note"]
    return {(row.task, row.seed): float(row.effect) for row in table.itertuples()}


def one(effects: EffectFunction, rows: Sequence[AccuracyRow], *probes: ProbeRow) -> float:
    (effect,) = effects_of(effects, evidence_of(rows, probes)).values()
    return effect


def stage(model: str, *, length: int = 160, **changes: Any) -> AccuracyRow:
    return scored_row(model, length, changes.pop("share", 0.5), **changes)


# C1. Curves without and with attention, the ratio, whether it is a bound. Half lengths are at
# measured lengths: 20, 80; beyond the last; before 10; none.
RATIOS: dict[str, tuple[Curve, Curve, float, bool]] = {
    "both known": (AT_20, AT_80, 4.0, False),
    "equal": (AT_80, AT_80, 1.0, False),
    "attention worse": (AT_80, AT_20, 0.25, False),
    "attention holds throughout": (AT_20, ALWAYS, 8.0, True),
    "a bound that says little": ((1.0, 1.0, 1.0, 1.0, 0.49), ALWAYS, 2 ** (1 / 51), True),
    "plain never holds": (NEVER, AT_80, 8.0, True),
    "two bounds": (NEVER, ALWAYS, 16.0, True),
    "both hold throughout": (ALWAYS, ALWAYS, NAN, False),
    "neither holds": (NEVER, NEVER, NAN, False),
    "attention never holds": (AT_20, NEVER, NAN, False),
    "plain holds throughout": (ALWAYS, AT_20, NAN, False),
    "attention holds as far as it got": (AT_20, PARTIAL, 4.0, True),
    "attention holds as far as plain does": (AT_80, PARTIAL, 1.0, True),
    "plain holds as far as it got": (PARTIAL, AT_20, NAN, False),
    "plain does not fall": (RISING, AT_20, NAN, False),
    "attention does not fall": (AT_20, RISING, NAN, False),
}


@pytest.mark.parametrize("name", RATIOS)
def test_the_ratio_of_half_lengths_is_known_by_hand(name):
    plain, attention, expected, is_bound = RATIOS[name]
    (row,) = ratio(evidence_of([*curve(PLAIN, plain), *curve(DOT, attention)])).itertuples()
    assert row.effect == pytest.approx(expected, nan_ok=True)
    assert row.note == (AT_LEAST if is_bound else "")


COLUMNS_OF = {
    "carried_share": ("carried_bits",),
    SCORE: ("normalised_accuracy", "token_accuracy"),
    "normalised_forced_accuracy": ("teacher_forced_token_accuracy",),
}


def test_every_score_is_read_from_columns_of_its_own():
    for score, other in itertools.product(COLUMNS_OF, repeat=2):
        # A model that falls at 80 by one score alone, and at 20 by all others.
        better = [
            dataclasses.replace(row, **{name: getattr(best, name) for name in COLUMNS_OF[other]})
            for row, best in zip(curve(DOT, AT_20), curve(DOT, AT_80), strict=True)
        ]
        effect = partial(length_ratio, score=score, model=DOT)
        found = one(effect, [*curve(PLAIN, AT_20), *better])
        assert found == pytest.approx(4.0 if other == score else 1.0)


def test_seeds_and_tasks_are_paired_and_other_models_are_no_part():
    rows = [*curve(ADDITIVE, NEVER), *curve(PLAIN, AT_20, seed=2)]
    for plain, dot, changes in (
        (AT_20, AT_80, {"seed": 0}),
        (AT_80, AT_20, {"seed": 1}),
        (AT_20, ALWAYS, {"task": "sort"}),
        (NEVER, NEVER, {"encoder": "uni"}),
    ):
        rows += [*curve(PLAIN, plain, **changes), *curve(DOT, dot, **changes)]
    table = ratio(evidence_of(rows)).set_index(["task", "seed"])
    known = {("copy", 0): 4.0, ("copy", 1): 0.25, ("sort", 0): 8.0}
    assert table["effect"].to_dict() == pytest.approx(known)
    assert table["note"].tolist() == ["", "", AT_LEAST]


def channel_rows(numbers: int, snr: float, half: int, **changes: Any) -> list[AccuracyRow]:
    """Return a curve that is at one half at a length, as a frame is read from the CSV."""
    shares = [1.0 if length < half else 0.5 if length == half else 0.0 for length in CLAIM_LENGTHS]
    built = {"channel_numbers": numbers, "channel_snr": snr, "config_id": f"{numbers}-{snr:g}"}
    return curve("seq2seq+channel", shares, **{"protocol": "ascending"} | built | changes)


def test_the_slope_on_the_capacity_is_known_by_hand():
    # Capacities of 8, 16 and 32 bits, one of them built in two ways.
    built = {(8, 3.0): 10, (16, 3.0): 20, (8, 15.0): 40, (32, 3.0): 40}
    rows = [row for (k, snr), half in built.items() for row in channel_rows(k, snr, half)]
    longer = channel_rows(8, 3.0, 160, budget_updates=28000, config_id="8-3-longer")
    evidence = evidence_of([*rows, *longer])
    assert capacity_slope(evidence_of(curve(PLAIN, AT_20))).empty
    x, y = (3, 4, 4, 5), [math.log2(length) for length in (10, 20, 40, 40)]
    wanted = statistics.linear_regression(x, y).slope
    assert effects_of(capacity_slope, evidence) == {("copy", 0): pytest.approx(wanted)}


# C2. Curves of plain and aligned, and the gaps of their shares: at the longest length that plain
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


# C3. The effect from output and source position, and the recency by hand.
Planted = Callable[[int, int], float]
LENGTH = 40
TASKS = ("copy", "reverse")
ONE_WAY = {"encoder": "uni"}


def planted(effect: Planted, *, positions: Any = None, **changes: Any) -> list[ProbeRow]:
    """Return the influence of a seed on both tasks."""
    at, parameters = {"length": LENGTH} | ONE_WAY | changes, changes.pop("parameters", TRAINED)
    at.pop("parameters", None)
    return [
        row
        for task in TASKS
        for row in occlusion_rows(
            stage(PLAIN, task=task, **at), effect, positions=positions, parameters=parameters
        )
    ]


def climbed(
    *models: str, lengths: Sequence[int] = (LENGTH,), seeds: Sequence[int] = (0,), **changes: Any
) -> list[AccuracyRow]:
    """Return the rows of whole runs on both tasks."""
    places = itertools.product(models, TASKS, lengths, seeds)
    return [
        stage(model, **{"task": task, "length": length, "seed": seed} | changes)
        for model, task, length, seed in places
    ]


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
        found = one(recency, climbed(PLAIN, **ONE_WAY), *probes)
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)
    # A task that is harder throughout is no recency.
    more = {"copy": 0.0, "reverse": 3.0}
    probes = [
        dataclasses.replace(row, aligned_effect=row.aligned_effect + more[row.task])
        for row in planted(lambda i, j: 2.0)
    ]
    assert one(recency, climbed(PLAIN, **ONE_WAY), *probes) == pytest.approx(0.0)


def test_recency_is_read_of_one_length_cell_encoder_and_state_of_training():
    flat, _ = RECENCIES["none"]
    steep, steepness = RECENCIES["of the source"]
    falling, fall = RECENCIES["falling"]
    solved = [
        row
        for length, share in ((10, 1.0), (20, 0.875), (LENGTH, 0.87))
        for row in climbed(PLAIN, lengths=(length,), seeds=(0, 1), share=share, **ONE_WAY)
    ]
    # Solved on one task alone.
    solved = [
        dataclasses.replace(row, token_accuracy=0.5)
        if (row.task, row.seed, row.length) == ("copy", 1, 20)
        else row
        for row in solved
    ]
    others = [*climbed(PLAIN), *climbed(PLAIN, cell="gru", **ONE_WAY), *climbed(DOT, **ONE_WAY)]
    probes = [
        *planted(flat, length=10),
        *planted(falling, length=20),
        *planted(falling, length=20, seed=1),
        *planted(steep),
        *planted(flat, seed=1),
        *planted(flat, parameters=INITIAL),
        *planted(falling, encoder="bi"),
        *planted(falling, cell="gru"),
        *(
            dataclasses.replace(row, **change)
            for row in planted(lambda i, j: 9.0 * j)
            for change in ({"measure": GRADIENT}, {"model": DOT})
        ),
    ]
    evidence = evidence_of([*solved, *others], probes)
    at_20 = (0.2 * 19) / (9.0 - 0.2 * 10.5)
    for changes, expected in (
        ({}, {0: steepness, 1: 0.0}),
        ({"is_where_solved": True}, {0: -at_20, 1: NAN}),
        ({"parameters": INITIAL}, {0: 0.0, 1: NAN}),
        ({"cell": "gru"}, {0: fall}),
        ({"cell": "tanh"}, {}),
    ):
        found = effects_of(partial(recency, **changes), evidence)
        assert found == pytest.approx(
            {("copy and reverse", seed): each for seed, each in expected.items()}, nan_ok=True
        )


def test_recency_knows_no_seed_that_failed_and_none_that_was_not_begun():
    both = climbed(PLAIN, seeds=(0, 1, 2), **ONE_WAY)
    rows = [failed(row) if row.seed == 1 else row for row in both]
    rows.append(failed(stage(PLAIN, task="copy", seed=3, length=LENGTH, **ONE_WAY)))
    copied = [row for row in planted(lambda i, j: 2.0, seed=2) if row.task == "copy"]
    evidence = evidence_of(rows, [*planted(lambda i, j: 2.0), *copied])
    found = effects_of(recency, evidence)
    known = {("copy and reverse", 0): 0.0} | {("copy and reverse", seed): NAN for seed in (1, 2)}
    assert found == pytest.approx(known, nan_ok=True)
    assert recency(evidence_of(rows, copied)).empty


def test_the_ratio_of_the_quarters_is_known_by_hand():
    # Of 40 positions the first quarter ends with 10 and the last begins with 31.
    def quarters(source: int) -> float:
        return 2.0 if source <= 10 else 5.0 if source > 30 else 100.0

    rows = climbed(PLAIN, lengths=(20, 40), seeds=(0, 1), **ONE_WAY)
    rows = [row for row in rows if row.task == "copy"]
    short, other_short, long, other_long = rows
    both = stage(PLAIN, length=40)
    probes = [
        *context_rows(long, quarters),
        *context_rows(long, lambda j: 50.0 if j > 30 else 1.0, parameters=INITIAL),
        *context_rows(short, lambda j: float(j)),
        *context_rows(other_short, lambda j: 1.0),
        *context_rows(other_long, lambda j: 0.0 if j <= 10 else 1.0),
        *context_rows(both, lambda j: float(j)),
        *occlusion_rows(long, lambda i, j: 7.0 * j),
    ]
    found = effects_of(context_ratio, evidence_of([*rows, both], probes))
    assert found == pytest.approx({("copy", 0): 2.5, ("copy", 1): NAN}, nan_ok=True)


# C4.


def test_alignment_is_read_at_the_longest_length_that_has_it():
    rows = [
        row
        for row in climbed(DOT, ADDITIVE, lengths=(10, 80, 160), seeds=(0, 1))
        if row.task == "copy"
    ]
    probes = [
        alignment_row(stage(DOT), 0.7, near_rank_mass=0.8, occlusion_agreement_fraction=None),
        alignment_row(stage(DOT, length=80), 0.6),
        alignment_row(stage(DOT, length=10), 0.5),
        alignment_row(stage(DOT, seed=1), 0.3, intact_accuracy=0.8, top_1_accuracy=0.2),
        alignment_row(stage(DOT, seed=1, length=10), 0.3, intact_accuracy=0.5, top_1_accuracy=0.1),
        alignment_row(stage(DOT, encoder="uni"), 0.1),
        alignment_row(stage(ADDITIVE), 0.2),
        alignment_row(stage(ADDITIVE, seed=1), 0.2),
    ]
    read, kept = alignment_at_longest, kept_share
    for ordered in (probes, probes[::-1]):
        evidence = evidence_of([*rows, stage(DOT, encoder="uni")], ordered)
        for effects, column, model, expected in (
            (read, "aligned_fraction", DOT, [0.7, 0.3]),
            (read, "near_rank_mass", DOT, [0.8, NAN]),
            (read, "occlusion_agreement_fraction", DOT, [0.6, 0.3]),
            (read, "aligned_fraction", ADDITIVE, [0.2, 0.2]),
            (kept, "top_1_accuracy", DOT, [NAN, 0.25]),
        ):
            known = {("copy", seed): share for seed, share in enumerate(expected)}
            found = effects_of(partial(effects, column=column, model=model), evidence)
            assert found == pytest.approx(known, nan_ok=True)
        assert kept_share(evidence, column="shifted_accuracy", model=DOT).empty


# Accuracy with other and with true positions masked, and the share that is lost. What can be lost
# is above the constant answer, which has a fifth of the items.
LOST: dict[str, tuple[float, float, float]] = {
    "all": (0.7, 0.2, 1.0),
    "half": (0.7, 0.45, 0.5),
    "none": (0.7, 0.7, 0.0),
    "more than all": (0.7, 0.1, 1.2),
    "as much as is just enough": (0.3001, 0.3001, 0.0),
    "nothing to lose": (0.29, 0.2, NAN),
}


@pytest.mark.parametrize("name", LOST)
def test_the_share_lost_with_the_true_positions_is_known_by_hand(name):
    other, true, expected = LOST[name]
    masked = {"masked_other_accuracy": other, "masked_true_accuracy": true}
    short = {"masked_other_accuracy": 0.9, "masked_true_accuracy": 0.3}
    rows = [stage(DOT), stage(DOT, length=10), stage(ADDITIVE)]
    probes = [
        alignment_row(rows[0], 1.0, **masked),
        alignment_row(rows[1], 1.0, **short),
        alignment_row(rows[2], 1.0),
    ]
    lost = one(partial(lost_share, model=DOT), rows, *probes)
    assert lost == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert lost_share(evidence_of(rows, probes), model=ADDITIVE).empty


# C5. Curves without attention, with uniform weights and with dot attention, and the share.


def ending(end: float) -> Curve:
    return (1.0, 1.0, 0.9, 0.8, end)


SHARES: dict[str, tuple[Curve, Curve, Curve, float]] = {
    "no gain": (ending(0.2), ending(0.2), ending(0.8), 0.0),
    "all of the gain": (ending(0.2), ending(0.8), ending(0.8), 1.0),
    "a quarter": (ending(0.2), ending(0.35), ending(0.8), 0.25),
    "more than all": (ending(0.2), ending(0.9), ending(0.8), 7 / 6),
    "a little worse than nothing": (ending(0.2), ending(0.15), ending(0.8), -1 / 12),
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


def test_uniform_weights_far_below_no_attention_did_not_train():
    curves = {PLAIN: ending(0.2), UNIFORM: ending(0.1), DOT: ending(0.8)}
    rows = [row for model, shares in curves.items() for row in curve(model, shares)]
    (found,) = uniform_share(evidence_of(rows), score=SCORE).itertuples()
    assert math.isnan(found.effect)
    assert found.note == DID_NOT_TRAIN
