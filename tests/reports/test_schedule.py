"""List scheduling against brute force and its known bounds."""

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import schedule
from reports.schedule import ORDERS, Run, lower_bound, makespan, repeated, simulate

Makespan = Callable[..., float]
# Whole numbers, so that no sum is rounded.
TIMES = st.lists(st.integers(1, 9), min_size=1, max_size=7)
WORKERS = st.integers(1, 3)
SHORT = settings(max_examples=150, database=None, deadline=None, report_multiple_bugs=False)


def optimum(seconds: Sequence[int], workers: int) -> int:
    """Try every way to place the runs."""
    ways = itertools.product(range(workers), repeat=len(seconds))
    return min(
        max(
            sum(each for each, place in zip(seconds, way, strict=True) if place == worker)
            for worker in range(workers)
        )
        for way in ways
    )


def second_by_second(seconds: Sequence[int], workers: int) -> int:
    """Let the clock tick; whoever is idle takes the next run."""
    left, waiting = [0] * workers, list(seconds)
    for clock in itertools.count():
        for worker in range(workers):
            if not left[worker] and waiting:
                left[worker] = waiting.pop(0)
        if not any(left):
            return clock
        left = [max(0, each - 1) for each in left]
    raise AssertionError


def in_order(name: str, seconds: Sequence[float]) -> list[float]:
    (order,) = ORDERS[name]([Run(1, False, each) for each in seconds])
    return [run.seconds for run in order]


def check_is_list_scheduling(makespan: Makespan) -> None:
    @SHORT
    @given(TIMES, WORKERS)
    def check(seconds: list[int], workers: int) -> None:
        assert makespan(seconds, workers=workers) == second_by_second(seconds, workers)

    check()


def test_makespan_is_that_of_a_clock() -> None:
    check_is_list_scheduling(makespan)


def dealt_in_turn(seconds: Sequence[float], *, workers: int) -> float:
    return max(sum(seconds[worker::workers]) for worker in range(workers))


def shared_evenly(seconds: Sequence[float], *, workers: int) -> float:
    return lower_bound(seconds, workers=workers)


@pytest.mark.parametrize("broken", [dealt_in_turn, shared_evenly])
def test_other_schedules_are_rejected(broken: Makespan) -> None:
    with pytest.raises(AssertionError):
        check_is_list_scheduling(broken)


def check_within_bounds(makespan: Makespan, *, longest_first: str) -> None:
    @SHORT
    @given(TIMES, WORKERS)
    def check(seconds: list[int], workers: int) -> None:
        best, m = optimum(seconds, workers), workers
        assert lower_bound(seconds, workers=m) <= best
        # In integers: m times as long, 3 m times as long.
        assert m * best <= m * makespan(seconds, workers=m) <= (2 * m - 1) * best
        sorted_time = makespan(in_order(longest_first, seconds), workers=m)
        assert 3 * m * sorted_time <= (4 * m - 1) * best

    check()


def test_makespan_is_within_graham_s_bounds() -> None:
    check_within_bounds(makespan, longest_first="longest first")


def test_bounds_reject_another_order() -> None:
    with pytest.raises(AssertionError):
        check_within_bounds(makespan, longest_first="shortest first")


def test_bounds_reject_another_schedule() -> None:
    with pytest.raises(AssertionError):
        check_within_bounds(dealt_in_turn, longest_first="longest first")


def test_bounds_reject_a_wrong_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_high(seconds: Sequence[float], *, workers: int) -> float:
        return max(seconds) + sum(seconds) / workers

    monkeypatch.setitem(globals(), "lower_bound", too_high)
    with pytest.raises(AssertionError):
        check_within_bounds(makespan, longest_first="longest first")


def test_bounds_are_reached() -> None:
    assert makespan([1, 1, 1, 1, 2], workers=2) == 4
    assert (makespan([1, 1, 2], workers=2), optimum([1, 1, 2], 2)) == (3, 2)
    assert 2 * 3 == (2 * 2 - 1) * 2
    longest_first = [5, 5, 4, 4, 3, 3, 3]
    assert (makespan(longest_first, workers=3), optimum(longest_first, 3)) == (11, 9)
    assert 3 * 3 * 11 == (4 * 3 - 1) * 9


RUNS = [
    Run(seed, attends, seconds)
    for seed, attends, seconds in [(12, False, 1.0), (11, True, 4.0), (12, True, 2.0)]
] + [Run(11, False, 3.0)]


def test_plan_is_seed_by_seed_attention_first() -> None:
    (planned,) = ORDERS["as planned"](RUNS)
    assert [(run.seed, run.attends) for run in planned] == [
        *((11, True), (11, False)),
        *((12, True), (12, False)),
    ]
    assert in_order("longest first", [1, 3, 2]) == [3, 2, 1]
    assert in_order("shortest first", [1, 3, 2]) == [1, 2, 3]


def test_random_is_the_mean_of_different_orders_and_reproducible() -> None:
    (name,) = [name for name in ORDERS if name.startswith("random")]
    orders = [tuple(order) for order in ORDERS[name](RUNS)]
    assert len(orders) == schedule.SHUFFLES
    assert len(set(orders)) > 10
    assert all(sorted(order, key=RUNS.index) == RUNS for order in orders)
    times = [makespan([run.seconds for run in order], workers=2) for order in orders]
    assert min(times) < max(times)
    found = {each.order: each for each in simulate(RUNS, workers=2)}[name]
    assert found.makespan_seconds == pytest.approx(sum(times) / len(times))
    assert simulate(RUNS, workers=2) == simulate(RUNS, workers=2)


def test_one_worker_does_all_in_the_time_of_all() -> None:
    for each in simulate(RUNS, workers=1):
        assert each.makespan_seconds == each.bound_seconds == each.work_seconds == 10.0
        assert (each.efficiency, each.speed_up) == (1.0, 1.0)


def test_efficiency_is_the_share_of_the_workers_time() -> None:
    planned, longest, *_ = simulate(RUNS, workers=4)
    assert planned.makespan_seconds == longest.makespan_seconds == 4.0
    assert (planned.speed_up, planned.efficiency) == (2.5, 0.625)


def test_seeds_are_repeated_in_turn() -> None:
    more = repeated(RUNS, seeds=5)
    work = [sum(run.seconds for run in more if run.seed == seed) for seed in range(5)]
    assert work == [7.0, 3.0, 7.0, 3.0, 7.0]
    assert len(more) == 10
    assert sum(run.attends for run in more) == 5
