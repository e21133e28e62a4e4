"""Closed forms against scipy and simulation, at sizes that no enumeration reaches.

At small sizes the conformance suite compares them with an enumeration of all sources.
"""

import functools
import itertools
import math
import random
import statistics
from collections.abc import Callable

import pytest
import torch
from scipy import stats

from tasks import TASKS
from tasks.baselines import (
    chance_accuracy,
    sort_bits,
    sort_ceiling,
    sort_ceiling_of,
    sort_constant,
    sort_repeat,
)
from tests.tasks import enumeration

Known = Callable[[int, int], float]


@functools.cache
def at_least(needed: int, trials: int, share: float) -> float:
    """The probability that at least `needed` of `trials` succeed, by scipy."""
    return float(stats.binom.sf(needed - 1, trials, share))


def best_symbol(length: int, position: int, symbols: int) -> float:
    """The probability of the most probable symbol at a sorted position, by scipy."""
    cumulative = [at_least(position, length, v / symbols) for v in range(symbols + 1)]
    return max(high - low for low, high in itertools.pairwise(cumulative))


def drawn_rows(length: int, symbols: int, count: int) -> list[list[int]]:
    draw = random.Random(0)
    return [[draw.randrange(symbols) for _ in range(length)] for _ in range(count)]


def assert_is_the_mean_of(shares: list[float], known: float) -> None:
    error = statistics.stdev(shares) / math.sqrt(len(shares))
    assert abs(known - statistics.fmean(shares)) < 4 * error


def check_bits(bits: Known) -> None:
    """The entropy of the counts is scipy's."""
    for length, symbols in ((1, 128), (10, 128), (200, 16), (1000, 128), (1000, 2)):
        expected = stats.multinomial(length, [1 / symbols] * symbols).entropy() / math.log(2)
        assert math.isclose(bits(length, symbols), expected, rel_tol=1e-8), (length, symbols)


def check_constant(constant: Known) -> None:
    """The best constants are those of the order statistics' distribution by scipy."""
    for length, symbols in ((1, 128), (10, 128), (60, 16), (150, 10)):
        best = [best_symbol(length, position, symbols) for position in range(1, length + 1)]
        expected = statistics.fmean(best)
        assert math.isclose(constant(length, symbols), expected, rel_tol=1e-10), (length, symbols)


def check_repeat(repeat: Known) -> None:
    """Neighbours in drawn and sorted sources are equal as often as is said."""
    for length, symbols in ((10, 128), (60, 16), (200, 128)):
        first = best_symbol(length, 1, symbols)
        rows = map(sorted, drawn_rows(length, symbols, 2000))
        shares = [
            (first + sum(a == b for a, b in itertools.pairwise(row))) / length for row in rows
        ]
        assert_is_the_mean_of(shares, repeat(length, symbols))


def check_sort_ceiling(ceiling: Known) -> None:
    """Bayes' rule with scipy's binomial, applied to drawn sources, is right as often as is said."""
    length, symbols = 12, 8
    shares = []
    for row in drawn_rows(length, symbols, 1500):
        right = 0
        for seen in range(1, length + 1):
            below = [sum(item <= v for item in row[:seen]) for v in range(symbols)]
            cumulative = [0.0] + [
                at_least(seen - below[v], length - seen, (v + 1) / symbols) for v in range(symbols)
            ]
            posterior = [b - a for a, b in itertools.pairwise(cumulative)]
            right += posterior.index(max(posterior)) == sorted(row)[seen - 1]
        shares.append(right / length)
    assert_is_the_mean_of(shares, ceiling(length, symbols))


# A check, the number that it is about, and other numbers that it has to reject.
CHECKS: list[tuple[Callable[[Known], None], Known, Known]] = [
    (check_bits, sort_bits, lambda length, symbols: sort_bits(length, symbols) + 1e-4),
    (check_constant, sort_constant, lambda length, symbols: sort_constant(length + 1, symbols)),
    (check_repeat, sort_repeat, lambda length, symbols: sort_repeat(length, symbols) - 1 / length),
    (check_sort_ceiling, sort_ceiling, lambda length, symbols: sort_ceiling(length, symbols + 3)),
]


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("check", "known"), [(check, known) for check, known, _ in CHECKS])
def test_closed_form(check: Callable[[Known], None], known: Known) -> None:
    check(known)


@pytest.mark.fault("F17", is_twin=True)
@pytest.mark.parametrize(("check", "twin"), [(check, twin) for check, _, twin in CHECKS])
def test_check_rejects_another_number(check: Callable[[Known], None], twin: Known) -> None:
    with pytest.raises(AssertionError):
        check(twin)


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("length", "symbols"), [(1, 2), (3, 4), (6, 3), (9, 2)])
def test_ceiling_over_all_sources_is_exact(length: int, symbols: int) -> None:
    source = torch.cartesian_prod(*[torch.arange(symbols)] * length).reshape(-1, length)
    expected = enumeration.ceiling_accuracy(TASKS["sort"], length, symbols)
    assert math.isclose(sort_ceiling_of(source, symbols).mean().item(), expected, rel_tol=1e-12)


@pytest.mark.parametrize(("length", "symbols"), [(2, 128), (10, 10), (200, 16)])
def test_ceiling_is_precise(length: int, symbols: int) -> None:
    source = torch.randint(symbols, (1000, length), generator=torch.Generator().manual_seed(1))
    other = sort_ceiling_of(source, symbols)
    sources = min(2**13, 2**22 // (length * symbols))
    assert other.std().item() / math.sqrt(sources) < 0.002
    difference = abs(sort_ceiling(length, symbols) - other.mean().item())
    assert difference < 4 * other.std().item() * math.sqrt(1 / 1000 + 1 / sources)


def test_chance() -> None:
    assert chance_accuracy(16) == 1 / 16
    with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
        chance_accuracy(1)
