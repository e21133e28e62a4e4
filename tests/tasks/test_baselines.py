"""Closed forms against scipy, at sizes that no enumeration reaches.

At small sizes the conformance suite compares them with an enumeration of all sources.
"""

import itertools
import math
import statistics

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


def best_symbol(length, position, symbols):
    """The probability of the most probable symbol at a sorted position, by scipy."""
    shares = [v / symbols for v in range(symbols + 1)]
    at_most = [stats.binom.sf(position - 1, length, share) for share in shares]
    return max(high - low for low, high in itertools.pairwise(at_most))


def check_bits(bits):
    """The entropy of the counts is scipy's."""
    for length, symbols in ((1, 128), (10, 128), (200, 16), (1000, 128), (1000, 2)):
        expected = stats.multinomial(length, [1 / symbols] * symbols).entropy() / math.log(2)
        assert math.isclose(bits(length, symbols), expected, rel_tol=1e-8), (length, symbols)


def check_constant(constant):
    """The best constants are those of the order statistics' distribution by scipy."""
    for length, symbols in ((1, 128), (10, 128), (60, 16), (150, 10)):
        best = [best_symbol(length, position, symbols) for position in range(1, length + 1)]
        expected = statistics.fmean(best)
        assert math.isclose(constant(length, symbols), expected, rel_tol=1e-10), (length, symbols)


def check_repeat(repeat):
    """A sorted item is the first of its symbol as often as scipy expects distinct symbols."""
    for length, symbols in ((10, 128), (60, 16), (200, 128), (1000, 2)):
        distinct = symbols * stats.binom.sf(0, length, 1 / symbols)
        expected = (best_symbol(length, 1, symbols) + length - distinct) / length
        assert math.isclose(repeat(length, symbols), expected, rel_tol=1e-10), (length, symbols)


# A check, the number that it is about, and another number that it has to reject.
CHECKS = [
    (check_bits, sort_bits, lambda length, symbols: sort_bits(length, symbols) + 1e-4),
    (check_constant, sort_constant, lambda length, symbols: sort_constant(length + 1, symbols)),
    (check_repeat, sort_repeat, lambda length, symbols: sort_repeat(length, symbols) - 1 / length),
]


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("check", "known", "_"), CHECKS)
def test_closed_form(check, known, _):
    check(known)


@pytest.mark.fault("F17", is_twin=True)
@pytest.mark.parametrize(("check", "_", "twin"), CHECKS)
def test_check_rejects_another_number(check, _, twin):
    with pytest.raises(AssertionError):
        check(twin)


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("length", "symbols"), [(1, 2), (3, 4), (6, 3), (9, 2)])
def test_ceiling_over_all_sources_is_exact(length, symbols):
    source = torch.cartesian_prod(*[torch.arange(symbols)] * length).reshape(-1, length)
    expected = enumeration.ceiling_accuracy(TASKS["sort"], length, symbols)
    assert math.isclose(sort_ceiling_of(source, symbols).mean().item(), expected, rel_tol=1e-12)


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("length", "symbols"), [(2, 128), (10, 10), (200, 16)])
def test_ceiling_is_precise(length, symbols):
    source = torch.randint(symbols, (1000, length), generator=torch.Generator().manual_seed(1))
    other = sort_ceiling_of(source, symbols)
    sources = min(2**13, 2**22 // (length * symbols))
    assert other.std().item() / math.sqrt(sources) < 0.002
    difference = abs(sort_ceiling(length, symbols) - other.mean().item())
    assert difference < 4 * other.std().item() * math.sqrt(1 / 1000 + 1 / sources)


def test_chance():
    assert chance_accuracy(16) == 1 / 16
    with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
        chance_accuracy(1)
