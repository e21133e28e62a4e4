"""Entropies and baselines by writing out every source: slow, and hard to get wrong.

Every source of the given size is equally probable, so a probability is a count.
"""

import itertools
import math
from collections import Counter, defaultdict

import torch


def all_pairs(task, length, symbols):
    """Every source with its target."""
    sources = list(itertools.product(range(symbols), repeat=length))
    targets = task.targets(torch.tensor(sources)).tolist()
    return [(source, tuple(target)) for source, target in zip(sources, targets, strict=True)]


def all_targets(task, length, symbols):
    return [target for _, target in all_pairs(task, length, symbols)]


def entropy_bits(values):
    counts = Counter(values)
    total = sum(counts.values())
    return -sum(count / total * math.log2(count / total) for count in counts.values())


def target_bits(task, length, symbols):
    return entropy_bits(all_targets(task, length, symbols))


def sum_of_item_bits(task, length, symbols):
    """The entropy that the target would have if its items were independent."""
    return sum(map(entropy_bits, zip(*all_targets(task, length, symbols), strict=True)))


def constant_accuracy(task, length, symbols):
    """The accuracy of the commonest symbol of each position."""
    targets = all_targets(task, length, symbols)
    return sum(map(_commonest, zip(*targets, strict=True))) / (len(targets) * len(targets[0]))


def repeat_accuracy(task, length, symbols):
    """The accuracy of the previous gold item; the first gets its commonest symbol."""
    targets = all_targets(task, length, symbols)
    right = _commonest(target[0] for target in targets)
    for target in targets:
        right += sum(before == item for before, item in itertools.pairwise(target))
    return right / (len(targets) * len(targets[0]))


def ceiling_accuracy(task, length, symbols):
    """The accuracy of the commonest y_t among the sources that begin with x_1..x_t."""
    pairs = all_pairs(task, length, symbols)
    items, right = len(pairs[0][1]), 0
    for seen in range(1, items + 1):
        answers = defaultdict(list)
        for source, target in pairs:
            answers[source[:seen]].append(target[seen - 1])
        right += sum(map(_commonest, answers.values()))
    return right / (len(pairs) * items)


def _commonest(values):
    return max(Counter(values).values())
