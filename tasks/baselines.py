"""What is known about a task before any model is trained: entropies and trivial accuracies.

All functions take (length, symbols), with length at least 1 and symbols at least 2. `Task` checks
both before it calls them. Sources are uniform and independent. All are closed forms in float64
except `sort_ceiling`, which averages an exact posterior over drawn sources.

Below, L is the length, V the number of symbols and Y_(t) the t-th smallest item of the source.
"""

import math
from functools import cache

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from tasks.task import require_symbols

# `sort_ceiling` weighs this many symbols in all, which keeps it below a second at most sizes.
# With up to 128 symbols its standard error is 0.0016 at length 2, below 0.001 from length 5 on.
_CEILING_SYMBOLS = 2**22
_CEILING_MAX_SOURCES = 2**13


def chance_accuracy(symbols: int) -> float:
    """Give the accuracy of an answer drawn uniformly."""
    require_symbols(symbols)
    return 1 / symbols


def independent_bits(length: int, symbols: int) -> float:
    """Give the entropy of a target that is a permutation of the source: L log2 V."""
    return length * math.log2(symbols)


def independent_constant(length: int, symbols: int) -> float:
    """Give the accuracy of the best constant answers if every item is uniform."""
    return 1 / symbols


def independent_repeat(length: int, symbols: int) -> float:
    """Give how often an item equals the one before it, if the items are independent."""
    return 1 / symbols


def copy_ceiling(length: int, symbols: int) -> float:
    """Give the best accuracy of y_t given x_1..x_t: every item has just been seen."""
    return 1.0


def reverse_ceiling(length: int, symbols: int) -> float:
    """Give the best accuracy of y_t = x_(L+1-t) given x_1..x_t."""
    # From the middle of the source on, the item has been seen. Before that it is a guess.
    guessed = length // 2
    return (length - guessed + guessed / symbols) / length


# The functions of sort are cached: one run asks for the same few sizes again and again.
@cache
def sort_bits(length: int, symbols: int) -> float:
    """Compute the entropy of the sorted source, which is that of a multinomial.

    A source has L log2 V bits. The order lost by sorting has log2 of L! / (n_1! ... n_V!), where
    the count n of each symbol is binomial with probability 1 / V.
    """
    counts = torch.arange(length + 1, dtype=torch.float64)
    share = torch.tensor([1 / symbols], dtype=torch.float64)
    # Logarithms of factorials, because the factorials themselves overflow from length 171 on.
    log_factorials = torch.lgamma(counts + 1) / math.log(2)
    expected = (_binomial(length, share)[0] * log_factorials).sum().item()
    lost = math.lgamma(length + 1) / math.log(2) - symbols * expected
    return length * math.log2(symbols) - lost


@cache
def sort_constant(length: int, symbols: int) -> float:
    """Average the probability of each position's most probable symbol over the positions."""
    return _most_probable(length, symbols).mean().item()


@cache
def sort_repeat(length: int, symbols: int) -> float:
    """Give how often a sorted item equals the one before it; the first gets its best constant.

    A sorted sequence begins a new run at each distinct symbol, so it has L minus the number of
    distinct symbols such items, of which V (1 - (1 - 1 / V)^L) are expected.
    """
    # expm1 and log1p, because 1 - (1 - 1 / V)^L would lose digits if V is large.
    distinct = -symbols * math.expm1(length * math.log1p(-1 / symbols))
    first = _most_probable(length, symbols)[0].item()
    return (first + length - distinct) / length


@cache
def sort_ceiling(length: int, symbols: int) -> float:
    """Estimate the best accuracy of Y_(t) given x_1..x_t, averaged over t.

    The probability of the best answer is exact for each prefix. There are too many prefixes to
    visit all, so their mean is taken over drawn sources.
    """
    sources = max(1, min(_CEILING_MAX_SOURCES, _CEILING_SYMBOLS // (length * symbols)))
    # A generator of its own with a fixed seed: every run gets the same ceiling.
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(symbols, (sources, length), generator=generator)
    return sort_ceiling_of(source, symbols).mean().item()


def sort_ceiling_of(
    source: Int64[Tensor, "batch source"], symbols: int
) -> Float64[Tensor, " batch"]:
    """Compute, per source, how probably the best answer to Y_(t) given x_1..x_t is right.

    With c of the t items seen so far at most v, Y_(t) is at most v when at least t - c of the
    L - t items to come are, too. The differences of that over v are the posterior of Y_(t).

    Args:
        source: ids in 0..symbols-1.
        symbols: alphabet size, at least 2.

    Returns:
        The mean over t of the greatest posterior probability.
    """
    batch, length = source.shape
    symbol = torch.arange(symbols - 1)
    seen_at_most = torch.zeros(batch, symbols - 1, dtype=torch.int64)
    zero = torch.zeros(batch, 1, dtype=torch.float64)
    right = torch.zeros(batch, dtype=torch.float64)
    for seen in range(1, length + 1):
        seen_at_most += source[:, seen - 1 : seen] <= symbol
        # More than the items to come can never be met: the table's last column, probability 0.
        still_needed = (seen - seen_at_most).clamp(max=length - seen + 1)
        at_most = _order_statistic_table(length - seen, symbols)[symbol, still_needed]
        posterior = torch.diff(at_most, dim=1, prepend=zero, append=zero + 1)
        right += posterior.amax(dim=1)
    return right / length


def _most_probable(length: int, symbols: int) -> Float64[Tensor, " position"]:
    """Give the probability of the most probable symbol at each position of a sorted source."""
    at_most = _order_statistic_table(length, symbols)[:, 1 : length + 1]
    zero = torch.zeros(1, length, dtype=torch.float64)
    return torch.diff(at_most, dim=0, prepend=zero, append=zero + 1).amax(dim=0)


def _order_statistic_table(
    trials: int, symbols: int
) -> Float64[Tensor, "symbols_but_last trials_plus_2"]:
    """Tabulate P(at least k of `trials` items are at most v), for v in 0..V-2, k in 0..trials+1."""
    share = torch.arange(1, symbols, dtype=torch.float64) / symbols
    exactly = _binomial(trials, share)
    # Summed from the upper tail, whose small numbers keep their digits. Rounding may exceed 1.
    at_least = exactly.flip(1).cumsum(dim=1).flip(1).clamp(max=1)
    never = torch.zeros(symbols - 1, 1, dtype=torch.float64)
    return torch.cat([at_least, never], dim=1)


def _binomial(
    trials: int, share: Float64[Tensor, " shares"]
) -> Float64[Tensor, "shares trials_plus_1"]:
    """Tabulate P(exactly k of `trials` succeed) for k in 0..trials; 0 < share < 1."""
    count = torch.arange(trials + 1, dtype=torch.float64)
    log_choices = (
        math.lgamma(trials + 1) - torch.lgamma(count + 1) - torch.lgamma(trials - count + 1)
    )
    log_odds = torch.outer(share.log(), count) + torch.outer((-share).log1p(), trials - count)
    return (log_choices + log_odds).exp()
