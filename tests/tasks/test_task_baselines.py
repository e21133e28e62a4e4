"""Closed forms against scipy and simulation, at sizes that no enumeration reaches.

At small sizes the conformance suite compares them with an enumeration of all sources.
"""

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
    copy_ceiling,
    reverse_ceiling,
    sort_bits,
    sort_ceiling,
    sort_ceiling_of,
    sort_constant,
    sort_repeat,
)
from tests.tasks import task_enumeration as enumeration

SIZES = ((1, 128), (10, 128), (200, 128), (200, 16), (1000, 128), (1000, 2))
Known = Callable[[int, int], float]


def at_most(trials: int, needed: int, share: float) -> float:
    """Return the probability that at least `needed` of `trials` succeed, by scipy."""
    return float(stats.binom.sf(needed - 1, trials, share))


def best_symbol(length: int, position: int, symbols: int) -> float:
    """Return the probability of the most probable symbol at a sorted position, by scipy."""
    cumulative = [at_most(length, position, v / symbols) for v in range(symbols + 1)]
    return max(high - low for low, high in itertools.pairwise(cumulative))


def drawn_rows(length: int, symbols: int, count: int) -> list[list[int]]:
    draw = random.Random(0)
    return [[draw.randrange(symbols) for _ in range(length)] for _ in range(count)]


def check_bits(bits: Known) -> None:
    """The entropy of the counts is scipy's."""
    for length, symbols in SIZES:
        expected = stats.multinomial(length, [1 / symbols] * symbols).entropy() / math.log(2)
        assert math.isclose(bits(length, symbols), expected, rel_tol=1e-8), (length, symbols)


def check_bits_simulated(bits: Known) -> None:
    """The entropy is the mean surprise of drawn counts."""
    for length, symbols in ((30, 16), (200, 128)):
        counts = stats.multinomial(length, [1 / symbols] * symbols)
        drawn = counts.rvs(4000, random_state=0)
        surprise = -counts.logpmf(drawn) / math.log(2)
        error = surprise.std() / math.sqrt(len(surprise))
        assert abs(bits(length, symbols) - surprise.mean()) < 4 * error, (length, symbols)


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
        error = statistics.stdev(shares) / math.sqrt(len(shares))
        expected = statistics.fmean(shares)
        assert abs(repeat(length, symbols) - expected) < 4 * error, (length, symbols)


def check_sort_ceiling(ceiling: Known) -> None:
    """Bayes' rule with scipy's binomial, applied to drawn sources, is right as often as is said."""
    length, symbols, rows = 12, 8, drawn_rows(12, 8, 1500)
    shares = []
    for row in rows:
        right = 0
        for seen in range(1, length + 1):
            prefix = row[:seen]
            below = [sum(item <= v for item in prefix) for v in range(symbols)]
            cumulative = [0.0] + [
                at_most_cached(length - seen, seen - below[v], v + 1, symbols)
                for v in range(symbols)
            ]
            posterior = [b - a for a, b in itertools.pairwise(cumulative)]
            right += posterior.index(max(posterior)) == sorted(row)[seen - 1]
        shares.append(right / length)
    error = statistics.stdev(shares) / math.sqrt(len(shares))
    assert abs(ceiling(length, symbols) - statistics.fmean(shares)) < 4 * error


_tails: dict[tuple[int, int, int, int], float] = {}


def at_most_cached(trials: int, needed: int, numerator: int, symbols: int) -> float:
    key = (trials, needed, numerator, symbols)
    if key not in _tails:
        _tails[key] = at_most(trials, needed, numerator / symbols)
    return _tails[key]


CHECKS: list[tuple[Callable[[Known], None], Known, Known]] = [
    (check_bits, sort_bits, lambda length, symbols: sort_bits(length, symbols) + 1e-4),
    (check_bits_simulated, sort_bits, lambda length, symbols: length * math.log2(symbols)),
    (check_constant, sort_constant, lambda length, symbols: sort_constant(length + 1, symbols)),
    (check_repeat, sort_repeat, lambda length, symbols: sort_repeat(length, symbols) - 1 / length),
    (check_sort_ceiling, sort_ceiling, sort_constant),
    (check_sort_ceiling, sort_ceiling, lambda length, symbols: sort_ceiling(length, symbols + 3)),
]


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("check", "known"), [(check, known) for check, known, _ in CHECKS[:-1]])
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


@pytest.mark.parametrize(("length", "symbols"), [(2, 128), (3, 16), (10, 10), (200, 16)])
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


def test_ceilings_of_copy_and_reverse() -> None:
    assert copy_ceiling(7, 16) == 1
    assert reverse_ceiling(1, 16) == 1
    assert reverse_ceiling(2, 4) == (1 + 1 / 4) / 2
    assert reverse_ceiling(3, 4) == (2 + 1 / 4) / 3


def test_sort_with_few_symbols_is_known_without_its_source() -> None:
    assert 0.5 < sort_constant(200, 16) < sort_repeat(200, 16) < 1
    assert sort_constant(10, 10) < sort_constant(50, 10) < sort_constant(200, 10)
