"""The checks that every task has to pass. Each raises AssertionError."""

import math
import random

import numpy as np
import torch

from tasks.sampling import sample_batch
from tests.tasks import enumeration

SMALL_SIZES = ((1, 2), (2, 5), (4, 2), (5, 3))
LARGE_SIZES = ((1, 2), (1, 128), (2, 128), (10, 16), (200, 2), (200, 128))
# Standard errors of the one estimated ceiling stay below 0.002.
CEILING_TOLERANCE = 0.008


def some_batch(task, *, seed=0):
    """Draw 32 sources of 8 items, so few symbols that most items occur more than once."""
    generator = torch.Generator().manual_seed(seed)
    return sample_batch(task, generator, batch_size=32, length=8, symbols=5, split="train")


def check_reproducible(task):
    """The same seed gives the same batch, and another seed gives another."""
    first, again, other = some_batch(task), some_batch(task), some_batch(task, seed=1)
    assert torch.equal(first.source, again.source), "the sources differ"
    assert torch.equal(first.target, again.target), "the targets differ"
    assert not torch.equal(first.source, other.source), "the seed changes nothing"


def check_global_generators_untouched(task):
    """Nothing that a task computes moves the generators of Python, NumPy or torch."""
    before = _global_states()
    task.align(some_batch(task).source)
    for number in ("target_bits", "constant_accuracy", "repeat_accuracy", "ceiling_accuracy"):
        getattr(task, number)(7, 11)
    moved = [name for name, state in _global_states().items() if before[name] != state]
    assert not moved, f"moved the global generator of {moved}"


def _global_states():
    return {
        "random": random.getstate(),
        "numpy": str(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
    }


def check_rows_independent(task):
    """The answer to a source does not depend on the rest of the batch."""
    source = some_batch(task).source
    for name, function in (("answer", task.targets), ("alignment", task.align)):
        alone = torch.cat([function(row) for row in source.split(1)])
        assert torch.equal(function(source), alone), f"the {name} depends on the batch"


def check_target_form(task):
    """Targets are symbols, as int64, and as many as the task announces: others are refused."""
    generator = torch.Generator().manual_seed(0)
    for length in (1, 2, 9):
        sample_batch(task, generator, batch_size=3, length=length, symbols=4, split="train")


def check_splits_disjoint(task, sample=sample_batch):
    """No source is drawn for two splits, where there are just enough sources to split."""
    drawn = {}
    for seed, split in enumerate(("train", "validation", "test")):
        generator = torch.Generator().manual_seed(seed)
        batch = sample(task, generator, batch_size=2000, length=4, symbols=16, split=split)
        drawn[split] = {tuple(row) for row in batch.source.tolist()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = drawn[one] & drawn[other]
        assert not shared, f"{len(shared)} sources are in {one} and {other}"


def check_weights_sum_to_one(task):
    """Alignments are non-negative and spread the weight 1 over the source, per target item."""
    batch = some_batch(task)
    weights = task.align(batch.source)
    assert weights.shape == (*batch.target.shape, batch.source.shape[1]), "not the right shape"
    assert (weights >= 0).all(), "negative weights"
    assert ((weights.sum(dim=2) - 1).abs() <= 1e-6).all(), "sums are not 1"


def check_weights_at_the_item(task):
    """All the weight of a target item is on source positions that hold this very item."""
    batch = some_batch(task)
    holds_item = batch.source[:, None, :] == batch.target[:, :, None]
    misplaced = task.align(batch.source)[~holds_item]
    assert (misplaced == 0).all(), "weight on positions that hold another item"


def check_baselines_ordered(task):
    """Baselines lie in [0, 1] in a sensible order, and no target outweighs its source."""
    for length, symbols in LARGE_SIZES:
        constant = task.constant_accuracy(length, symbols)
        ceiling = task.ceiling_accuracy(length, symbols)
        task.repeat_accuracy(length, symbols)  # None is given that is not from 0 to 1.
        assert constant >= 1 / symbols - 1e-12, "a constant below chance"
        assert ceiling >= constant - CEILING_TOLERANCE, "a ceiling below the constant"
        bits = task.target_bits(length, symbols)
        assert bits <= length * math.log2(symbols) * (1 + 1e-12), "more bits than the source"


def check_dependence_stated(task):
    """The items are said to be dependent exactly when they share information."""
    shared = max(
        enumeration.sum_of_item_bits(task, *size) - enumeration.target_bits(task, *size)
        for size in SMALL_SIZES
    )
    assert task.has_dependent_items == (shared > 1e-9), f"the items share {shared} bits"


def check_numbers(task):
    """Entropy, best constant and repetition are those of the enumeration."""
    for name in ("target_bits", "constant_accuracy", "repeat_accuracy"):
        for size in SMALL_SIZES:
            expected, actual = getattr(enumeration, name)(task, *size), getattr(task, name)(*size)
            assert math.isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-12), (
                f"{name}: {actual}, but {expected} by enumeration at length and symbols {size}"
            )


def check_ceiling_not_too_low(task):
    """No causal answer beats the ceiling; a ceiling that is too high is allowed here."""
    for ceiling, reachable in _ceilings(task):
        assert ceiling >= reachable - CEILING_TOLERANCE, f"{ceiling} but {reachable}"


def _ceilings(task):
    return [
        (task.ceiling_accuracy(*size), enumeration.ceiling_accuracy(task, *size))
        for size in SMALL_SIZES
    ]


def assert_equals_reference(task, positions):
    """Each target item, and its weight in equal shares, is at these positions of its source.

    Some causal answer reaches the ceiling: it is the lowest possible one.
    """
    source = some_batch(task).source
    for row, target, weights in zip(source, task.targets(source), task.align(source), strict=True):
        expected = torch.zeros(len(row), len(row))
        for item, places in enumerate(positions(row.tolist())):
            assert (row[places] == target[item]).all(), "other targets"
            expected[item, places] = 1 / len(places)
        assert torch.allclose(weights, expected, rtol=0, atol=1e-6), "other alignments"
    for ceiling, reachable in _ceilings(task):
        assert abs(ceiling - reachable) < CEILING_TOLERANCE, f"a ceiling of {ceiling}"
