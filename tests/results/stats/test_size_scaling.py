import math
from collections.abc import Callable, Sequence

import pandas as pd
import pytest

from results.stats.size_scaling import Collapse, collapse_of

STATES, ALPHABETS = (64, 128, 256), (4, 16, 64)
LENGTHS = range(10, 81, 10)
SEEDS = (1, 2, 3)
MOST = 1.5
# At 80 items of 6 bits the largest state has a load of 480 / 256.
LOAD = 480 / 256
Law = Callable[[int, float, int], float]


def filled(load: float) -> float:
    """Return how much of a unit of room is taken: all that comes at first, at most one."""
    return 1 - math.exp(-load)


def bits_are_held(numbers: int, item_bits: float, length: int) -> float:
    """Return bits where a state holds so many bits per number, whatever the alphabet."""
    room = MOST * numbers
    return room * filled(length * item_bits / room)


def items_are_held(numbers: int, item_bits: float, length: int) -> float:
    """Return bits where a state holds so many items per number, whatever the alphabet."""
    room = 0.5 * numbers
    return item_bits * room * filled(length / room)


def large_states_waste(numbers: int, item_bits: float, length: int) -> float:
    """Return bits where the room grows with the root of the state."""
    room = 8 * MOST * math.sqrt(numbers)
    return room * filled(length * item_bits / room)


def rows_of(
    law: Law,
    *,
    states: Sequence[int] = STATES,
    alphabets: Sequence[int] = ALPHABETS,
    seeds: Sequence[int] = SEEDS,
    lengths: Sequence[int] = LENGTHS,
) -> pd.DataFrame:
    """Return rows of which each seed carries one hundredth more than the one before."""
    rows = [
        {
            "hidden": numbers,
            "symbols": symbols,
            "seed": seed,
            "load": length * math.log2(symbols) / numbers,
            "bits": law(numbers, math.log2(symbols), length) / numbers * (1 + 0.01 * seed),
        }
        for numbers in states
        for symbols in alphabets
        for seed in seeds
        for length in lengths
    ]
    return pd.DataFrame(rows)


def collapsed(rows: pd.DataFrame) -> Collapse:
    found = collapse_of(rows, x="load", y="bits")
    assert found is not None
    return found


def check_is_one_curve(law: Law) -> None:
    found = collapsed(rows_of(law))
    assert found.load == LOAD
    # The curves of the smallest state and alphabets of 4, 16 and 64, and so on.
    assert (found.sizes, found.n) == (6, len(SEEDS))
    assert found.is_one_curve
    for spread in (found.all, found.states, found.alphabets):
        # Interpolation alone makes a difference.
        assert 1 <= spread.ratio < 1.02


def test_bits_per_number_are_one_curve_where_bits_are_held() -> None:
    check_is_one_curve(bits_are_held)


@pytest.mark.parametrize("law", [items_are_held, large_states_waste])
def test_another_law_is_not_that_curve(law: Law) -> None:
    with pytest.raises(AssertionError):
        check_is_one_curve(law)


def test_items_that_are_held_differ_between_alphabets_and_not_between_states() -> None:
    found = collapsed(rows_of(items_are_held))
    # Half an item per number, so 3 bits of room where an item has 6, and 1 where it has 2.
    highest, lowest = 3 * filled(LOAD / 3), filled(LOAD)
    assert not found.is_close
    assert not found.is_one_curve
    assert found.all.ratio == pytest.approx(highest / lowest, rel=0.01)
    assert found.alphabets.ratio == pytest.approx(found.all.ratio)
    assert found.states.ratio < 1.02


def test_states_that_waste_differ_between_states_and_not_between_alphabets() -> None:
    found = collapsed(rows_of(large_states_waste))
    assert not found.is_one_curve
    rooms = [8 * MOST / math.sqrt(numbers) for numbers in (64, 256)]
    small, large = (room * filled(LOAD / room) for room in rooms)
    assert found.states.ratio == pytest.approx(small / large, rel=0.01)
    assert found.alphabets.ratio < 1.02


def test_seeds_make_the_interval() -> None:
    """A seed that scales all sizes alike changes nothing; one size alone changes the ratio."""
    rows = rows_of(bits_are_held)
    alike = collapsed(rows).all
    assert alike.high - alike.low < 1e-9
    assert math.isnan(collapsed(rows[rows["seed"] == 1]).all.low)
    is_one = (rows["hidden"] == 64) & (rows["symbols"] == 64)
    scaled = rows.assign(bits=rows["bits"].where(~is_one, rows["bits"] * (1 + 0.2 * rows["seed"])))
    ratios = [1.2, 1.4, 1.6]
    found = collapsed(scaled).all
    geometric = math.prod(ratios) ** (1 / 3)
    assert found.ratio == pytest.approx(geometric, rel=0.02)
    logs = [math.log(ratio / geometric) for ratio in ratios]
    half = 4.302652729911275 * math.sqrt(sum(each**2 for each in logs) / 2) / math.sqrt(3)
    assert found.high / found.ratio == pytest.approx(math.exp(half), rel=0.02)
    assert found.low * found.high == pytest.approx(found.ratio**2)


def test_curves_that_follow_the_target_tell_nothing() -> None:
    rows = rows_of(lambda numbers, item_bits, length: 0.99 / 1.03 * item_bits * length)
    found = collapsed(rows)
    assert found.is_close
    assert not found.is_one_curve
    assert found.shares == pytest.approx((0.99 / 1.03 * 1.02,) * 2)


def test_one_size_that_follows_the_target_is_enough_to_tell_nothing() -> None:
    """At an eighth of the room nearly all comes through; at a third, no longer."""
    found = collapsed(rows_of(bits_are_held, lengths=(5, 10, 20)))
    assert (found.is_close, found.is_one_curve) == (True, True)
    assert found.shares[1] < 0.9
    short = collapsed(rows_of(bits_are_held, lengths=(2, 4, 8)))
    assert (short.is_close, short.is_one_curve) == (True, False)
    assert short.shares[1] > 0.9


def test_the_shares_are_those_at_the_load() -> None:
    found = collapsed(rows_of(bits_are_held))
    expected = MOST * filled(LOAD / MOST) / LOAD * 1.02
    assert found.shares == pytest.approx((expected, expected), rel=0.02)


def test_a_seed_without_all_sizes_is_left_out() -> None:
    rows = rows_of(bits_are_held)
    is_lost = (rows["seed"] == 3) & (rows["hidden"] == 256) & (rows["load"] == LOAD)
    found = collapsed(rows[~is_lost])
    assert (found.load, found.n, found.sizes) == (LOAD, 2, 6)


def test_a_curve_that_does_not_reach_the_load_is_not_extended() -> None:
    rows = rows_of(bits_are_held)
    reach = rows.groupby(["hidden", "symbols"])["load"].max()
    assert collapsed(rows).sizes == (reach >= LOAD).sum()
    late = rows[(rows["symbols"] != 16) | (rows["load"] > LOAD)]
    assert collapsed(late).sizes == 4


def test_bits_below_zero_have_no_ratio() -> None:
    rows = rows_of(bits_are_held)
    is_one = (rows["hidden"] == 64) & (rows["symbols"] == 64)
    assert collapsed(rows.assign(bits=rows["bits"].where(~is_one, -1.0))).sizes == 5


def test_alphabets_of_one_state_are_compared_alone() -> None:
    found = collapsed(rows_of(bits_are_held, states=(64,)))
    assert math.isnan(found.states.ratio)
    assert found.alphabets == found.all


@pytest.mark.parametrize(
    "rows",
    [
        rows_of(bits_are_held)[:0],
        rows_of(bits_are_held, states=(64,), alphabets=(4,)),
        pd.concat(
            [
                rows_of(bits_are_held, states=(64,), seeds=(1,)),
                rows_of(bits_are_held, states=(128,), seeds=(2,)),
            ]
        ),
    ],
    ids=["no rows", "one size", "no seed has all"],
)
def test_without_two_sizes_in_one_seed_nothing_is_compared(rows: pd.DataFrame) -> None:
    assert collapse_of(rows, x="load", y="bits") is None
