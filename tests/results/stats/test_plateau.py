import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from results.stats import plateau as module
from results.stats.pairs import BUDGET_SETTINGS
from results.stats.plateau import Plateau, budget_changes, plateau_of
from tests.results.stats.compared_rows import frame_of
from tests.results.stats.plateau_rows import LENGTHS, SEEDS, control_of, rows_of, saturating
from tests.rows import failed

T_QUANTILE_2 = 4.302652729911275
FLAT = saturating(150.0)


def changes_of(reference: Sequence[AccuracyRow], control: Sequence[AccuracyRow]) -> pd.DataFrame:
    return budget_changes(frame_of(reference), frame_of(control))


def found_in(reference: Sequence[AccuracyRow], control: Sequence[AccuracyRow]) -> Plateau:
    return plateau_of(frame_of(reference), changes_of(reference, control))


def check_plateau(reference: Sequence[AccuracyRow], control: Sequence[AccuracyRow]) -> None:
    """Raise AssertionError unless a plateau of 150 bits is found from length 50 on."""
    plateau = found_in(reference, control)
    assert plateau.reason == ""
    assert plateau.lengths == (50, 60, 80, 100)
    assert plateau.n == len(SEEDS)
    assert plateau.bits == pytest.approx(150.0)
    half = T_QUANTILE_2 * 2.0 / math.sqrt(3)
    assert (plateau.low, plateau.high) == pytest.approx((150 - half, 150 + half))


def test_a_plateau_is_the_mean_over_lengths_with_an_interval_over_seeds() -> None:
    check_plateau(rows_of(FLAT), control_of(FLAT, factor=1.09))


@pytest.mark.parametrize(
    "twin",
    [
        (rows_of(FLAT), control_of(FLAT, factor=1.11)),
        (rows_of(FLAT, spread=3.0), control_of(FLAT)),
        (rows_of(saturating(160.0)), control_of(saturating(160.0))),
        (rows_of(FLAT, seeds=(11, 12)), control_of(FLAT)),
        (rows_of(lambda length: 1.8 * length), control_of(lambda length: 1.8 * length)),
    ],
    ids=["moved", "more spread", "more bits", "a seed less", "still rising"],
)
def test_other_curves_are_not_that_plateau(
    twin: tuple[list[AccuracyRow], list[AccuracyRow]],
) -> None:
    with pytest.raises(AssertionError):
        check_plateau(*twin)


def check_no_plateau(plateau: Plateau, reason: str) -> None:
    assert plateau.reason == reason
    assert (plateau.n, plateau.lengths) == (0, ())
    assert math.isnan(plateau.bits)


@pytest.mark.parametrize(("factor", "percent"), [(1.24, "24"), (0.85, "-15")])
def test_a_control_that_moves_the_bits_leaves_no_plateau(factor: float, percent: str) -> None:
    plateau = found_in(rows_of(FLAT), control_of(FLAT, factor=factor))
    check_no_plateau(plateau, f"the control moves the bits by {percent} % at length 100")


def test_a_curve_that_still_rises_is_no_plateau() -> None:
    def rising(length: int) -> float:
        return 30.0 * math.log2(length)

    plateau = found_in(rows_of(rising), control_of(rising))
    low, high = round(rising(50)), round(rising(100))
    check_no_plateau(plateau, f"the bits still vary from {low} to {high} between length 50 and 100")


def test_a_curve_that_falls_is_no_plateau() -> None:
    def falling(length: int) -> float:
        return min(4.0 * length, 150.0, 250.0 - 1.5 * length)

    plateau = found_in(rows_of(falling), control_of(falling))
    check_no_plateau(plateau, "the bits still vary from 100 to 150 between length 50 and 100")


def test_lengths_that_only_the_reference_has_count_for_whether_it_rises() -> None:
    def late(length: int) -> float:
        return FLAT(length) + (40.0 if length > 100 else 0.0)

    control = control_of(FLAT)
    assert found_in(rows_of(late), control).reason == ""
    plateau = found_in(rows_of(late, lengths=(*LENGTHS, 200)), control)
    check_no_plateau(plateau, "the bits still vary from 150 to 190 between length 50 and 200")


@pytest.mark.parametrize("share", [0.91, 0.99])
def test_bits_that_the_target_bounds_are_no_plateau(share: float) -> None:
    """A target that does not grow, as in sorting a few symbols, lies flat as a capacity does."""
    curves = (
        builder(lambda length: 100.0 * share, target=lambda length: 100.0, spread=0.1)
        for builder in (rows_of, control_of)
    )
    plateau = found_in(*curves)
    check_no_plateau(
        plateau, f"the target bounds the bits: {share:.2f} of all get through at length 100"
    )


def test_the_target_may_bound_the_control_alone() -> None:
    target = {"target": lambda length: 100.0, "spread": 0.1}
    reference = rows_of(lambda length: 88.0, **target)
    assert found_in(reference, control_of(lambda length: 88.0, **target)).reason == ""
    plateau = found_in(reference, control_of(lambda length: 95.0, **target))
    assert plateau.reason.startswith("the target bounds the bits: 0.95")


def test_one_seed_has_no_interval_and_is_no_plateau() -> None:
    plateau = found_in(rows_of(FLAT, seeds=(11,)), control_of(FLAT, seeds=(11,)))
    check_no_plateau(plateau, "one seed has no interval: 150 bits from length 50 to 100")


def test_a_control_of_one_seed_is_enough() -> None:
    """Seed 11 carries two bits less than the mean, in both."""
    changes = changes_of(rows_of(FLAT), control_of(FLAT, seeds=(11,), spread=0.0, factor=1.05))
    assert changes["n"].tolist() == [1] * len(LENGTHS)
    longest = changes.set_index("length").loc[100]
    assert longest["change"] == pytest.approx(1.05 * 150 / 148 - 1)
    assert found_in(rows_of(FLAT), control_of(FLAT, seeds=(11,))).n == len(SEEDS)


def test_less_than_a_doubling_is_no_plateau() -> None:
    """Up to length 50 the control adds a fifth, beyond nothing."""
    control = [
        dataclasses.replace(row, carried_bits=row.carried_bits * (1.2 if row.length <= 50 else 1))
        for row in control_of(FLAT)
    ]
    check_no_plateau(
        found_in(rows_of(FLAT), control),
        "from length 60 to 100 is less than a doubling: the control moves the bits by 20 % at "
        "length 50",
    )
    few = control_of(FLAT, lengths=(80, 100), protocol="independent")
    reference = rows_of(FLAT, protocol="independent")
    check_no_plateau(found_in(reference, few), "from length 80 to 100 is less than a doubling")


def test_a_curve_without_bits_is_no_plateau() -> None:
    plateau = found_in(rows_of(lambda length: -1.0), control_of(lambda length: -1.0))
    check_no_plateau(plateau, "no bits get through at length 100")


def test_a_seed_that_failed_at_a_length_is_left_out_of_the_fit() -> None:
    reference = rows_of(FLAT)
    reference[-1] = failed(reference[-1])
    plateau = found_in(reference, control_of(FLAT))
    assert plateau.n == 2
    assert plateau.bits == pytest.approx(statistics.fmean((148.0, 150.0)))


def test_seeds_that_failed_here_and_there_leave_none_to_fit() -> None:
    reference = [
        failed(row) if (row.seed, row.length) in ((11, 80), (12, 60), (13, 100)) else row
        for row in rows_of(FLAT)
    ]
    plateau = found_in(reference, control_of(FLAT))
    check_no_plateau(plateau, "no seed finished at all lengths from 50 to 100")


def test_the_table_has_the_means_of_the_paired_seeds() -> None:
    table = changes_of(rows_of(FLAT, seeds=(11, 12)), control_of(FLAT, factor=1.1, seeds=(12, 13)))
    row = table.set_index("length").loc[80]
    # Seed 12 is one bit above the mean in the reference and one below in the control.
    assert (row["bits"], row["control_bits"]) == pytest.approx((151.0, 1.1 * 150.0 - 1.0))
    assert row["change"] == pytest.approx(164.0 / 151.0 - 1)
    assert (row["n"], row["target_bits"]) == (1, 320.0)
    assert (row["budget_updates"], row["control_updates"]) == (1500, 6000)


def test_several_sizes_in_one_folder_are_curves_of_their_own() -> None:
    reference = [*rows_of(FLAT), *rows_of(saturating(80.0), hidden=32)]
    control = [*control_of(FLAT), *control_of(saturating(80.0), hidden=32, factor=1.5)]
    changes = changes_of(reference, control)
    by_size = {hidden: rows["change"].iloc[-1] for hidden, rows in changes.groupby("hidden")}
    assert by_size == {32: pytest.approx(0.5), 64: pytest.approx(0.0)}


@pytest.mark.parametrize("name", [name for name in BUDGET_SETTINGS if name != "curriculum_rung"])
def test_another_setting_than_the_budget_must_not_differ(name: str) -> None:
    value = getattr(rows_of(FLAT)[0], name)
    another = value / 2 if isinstance(value, float) else value * 2
    with pytest.raises(ResultsError, match=f"^{name}: must be the same .* in the control"):
        changes_of(rows_of(FLAT), control_of(FLAT, **{name: another}))


def test_the_ladder_before_a_length_must_not_differ() -> None:
    with pytest.raises(ResultsError, match=r"^curriculum_rung: must be the same"):
        changes_of(rows_of(FLAT), control_of(FLAT, lengths=LENGTHS[1:]))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden": 32}, "hidden 64 in the reference, 32 in the control"),
        ({"symbols": 4}, "symbols 16 in the reference, 4 in the control"),
        ({"seeds": (1,)}, "seed 11, 12, 13 in the reference, 1 in the control"),
        ({"lengths": (30,)}, "length 10, 20, 40, 50, 60, 80, 100 in the reference, 30"),
    ],
    ids=str,
)
def test_nothing_in_common_is_refused_and_said(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ResultsError, match=r"^no row of both has the same") as refusal:
        changes_of(rows_of(FLAT), control_of(FLAT, **changes))
    assert told in str(refusal.value)


def test_a_control_that_failed_is_said() -> None:
    with pytest.raises(ResultsError, match="seed 11, 12, 13 in the reference, none in the control"):
        changes_of(rows_of(FLAT), [failed(row) for row in control_of(FLAT)])


def test_values_that_never_meet_are_said() -> None:
    reference = [*rows_of(FLAT), *rows_of(FLAT, task="sort", model="rnn")]
    control = [*control_of(FLAT, task="sort"), *control_of(FLAT, model="rnn")]
    with pytest.raises(ResultsError, match="both have each value, never together"):
        changes_of(reference, control)


@pytest.mark.parametrize("factor", [1, 3])
def test_a_budget_that_is_too_small_is_refused(factor: int) -> None:
    with pytest.raises(ResultsError, match="at least 4 times that of the reference") as refusal:
        changes_of(rows_of(FLAT), control_of(FLAT, budget_factor=factor))
    assert f"got {1500 * factor:,} and 1,500" in str(refusal.value)


def test_two_rows_of_one_seed_are_refused() -> None:
    with pytest.raises(ResultsError, match="several rows of one seed"):
        changes_of(rows_of(FLAT), [*control_of(FLAT), *control_of(FLAT)])


@pytest.mark.parametrize(
    ("name", "value", "case"),
    [
        ("MOST_CHANGE", 0.5, test_a_curve_that_still_rises_is_no_plateau),
        ("MOST_SHARE", 2.0, test_the_target_may_bound_the_control_alone),
        ("LEAST_SPAN", 1.0, test_less_than_a_doubling_is_no_plateau),
        ("LEAST_BUDGET_FACTOR", 1, lambda: test_a_budget_that_is_too_small_is_refused(3)),
    ],
)
def test_a_rule_that_is_loosened_is_seen(
    name: str, value: float, case: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    case()
    monkeypatch.setattr(module, name, value)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        case()
