import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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


def bits_in(room: float, bits: float) -> float:
    return room * filled(bits / room)


# By numbers of the state, bits of an item, and length: the room grows with the state, holds items
# whatever their bits, or grows with the root of the state.
def bits_are_held(numbers: int, item_bits: float, length: int) -> float:
    return bits_in(MOST * numbers, length * item_bits)


def items_are_held(numbers: int, item_bits: float, length: int) -> float:
    return item_bits * bits_in(0.5 * numbers, length)


def large_states_waste(numbers: int, item_bits: float, length: int) -> float:
    return bits_in(8 * MOST * math.sqrt(numbers), length * item_bits)


def rows_of(
    law: Law,
    *,
    states: Sequence[int] = STATES,
    alphabets: Sequence[int] = ALPHABETS,
    seeds: Sequence[int] = SEEDS,
) -> pd.DataFrame:
    """Return rows of which each seed carries one hundredth more than the one before."""
    rows = []
    for numbers, symbols, seed, length in itertools.product(states, alphabets, seeds, LENGTHS):
        bits = law(numbers, math.log2(symbols), length) / numbers * (1 + 0.01 * seed)
        rows.append((numbers, symbols, seed, length * math.log2(symbols) / numbers, bits))
    return pd.DataFrame(rows, columns=["hidden", "symbols", "seed", "load", "bits"])


def collapsed(rows: pd.DataFrame) -> Collapse:
    found = collapse_of(rows, x="load", y="bits")
    assert found is not None
    return found


def test_bits_per_number_are_one_curve_where_bits_are_held():
    found = collapsed(rows_of(bits_are_held))
    assert found.load == LOAD
    # The curves of the smallest state and alphabets of 4, 16 and 64, and so on.
    assert (found.sizes, found.n) == (6, len(SEEDS))
    for spread in (found.all, found.states, found.alphabets):
        # Interpolation alone makes a difference.
        assert 1 <= spread.ratio < 1.02


def test_what_differs_between_alphabets_or_between_states_is_told_apart():
    # Half an item per number, so 3 bits of room where an item has 6, and 1 where it has 2.
    found = collapsed(rows_of(items_are_held))
    highest, lowest = 3 * filled(LOAD / 3), filled(LOAD)
    assert found.all.ratio == pytest.approx(highest / lowest, rel=0.01)
    assert found.alphabets.ratio == pytest.approx(found.all.ratio)
    assert found.states.ratio < 1.02
    found = collapsed(rows_of(large_states_waste))
    rooms = [8 * MOST / math.sqrt(numbers) for numbers in (64, 256)]
    small, large = (room * filled(LOAD / room) for room in rooms)
    assert found.states.ratio == pytest.approx(small / large, rel=0.01)
    assert found.alphabets.ratio < 1.02


def two_sizes(ratios: Sequence[float], *, share: float = 0.5) -> pd.DataFrame:
    """Return two states that both end at a load of 2, one carrying `ratio` times the other."""
    return pd.DataFrame(
        (hidden, 4, seed, load, bits * load * share)
        for seed, ratio in enumerate(ratios)
        for hidden, bits in ((32, ratio), (64, 1.0))
        for load in (1.0, 2.0)
    ).set_axis(["hidden", "symbols", "seed", "load", "bits"], axis=1)


def test_seeds_make_the_interval_of_the_logarithm():
    ratios = [1.2, 1.4, 1.6]
    found = collapsed(two_sizes(ratios))
    logs = np.log(ratios)
    half = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    ends = [math.exp(logs.mean() + step * half) for step in (0, -1, 1)]
    assert [found.all.ratio, found.all.low, found.all.high] == pytest.approx(ends, rel=1e-12)
    assert found.states == found.all
    assert math.isnan(found.alphabets.ratio)
    one = collapsed(two_sizes([1.2])).all
    assert one.ratio == pytest.approx(1.2)
    assert math.isnan(one.low)
    # Which of the two is the higher one may change with the seed.
    assert collapsed(two_sizes([1.25, 0.8])).all.ratio == pytest.approx(1.25)


def test_a_seed_without_all_sizes_and_a_curve_short_of_the_load_are_left_out():
    rows = rows_of(bits_are_held)
    is_lost = (rows["seed"] == 3) & (rows["hidden"] == 256) & (rows["load"] == LOAD)
    found = collapsed(rows[~is_lost])
    assert (found.load, found.n, found.sizes) == (LOAD, 2, 6)
    late = rows[(rows["symbols"] != 16) | (rows["load"] > LOAD)]
    assert collapsed(late).sizes == 4
    is_one = (rows["hidden"] == 64) & (rows["symbols"] == 64)
    for bits in (-1.0, 0.0):
        assert collapsed(rows.assign(bits=rows["bits"].where(~is_one, bits))).sizes == 5


def test_alphabets_of_one_state_are_compared_alone_and_one_size_with_nothing():
    found = collapsed(rows_of(bits_are_held, states=(64,)))
    assert math.isnan(found.states.ratio)
    assert found.alphabets == found.all
    # No seed has two sizes.
    apart = [rows_of(bits_are_held, states=(64 * seed,), seeds=(seed,)) for seed in (1, 2)]
    one = rows_of(bits_are_held, states=(64,), alphabets=(4,))
    for rows in (one[:0], one, pd.concat(apart)):
        assert collapse_of(rows, x="load", y="bits") is None
