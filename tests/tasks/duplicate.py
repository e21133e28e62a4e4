"""A task as a third party would write it: its target is twice as long as its source.

It keeps the suite honest about target lengths. Nothing in the package knows of it.
"""

import math

import torch

from tasks import Task

DUPLICATE = Task(
    name="duplicate",
    summary="the source, twice",
    default_symbols=16,
    version=1,
    has_dependent_items=True,
    transform=f"{__name__}:duplicate",
    alignment=f"{__name__}:alignment",
    information=f"{__name__}:bits",
    constant="tasks.baselines:independent_constant",
    repeat=f"{__name__}:repeat",
    causal_ceiling="tasks.baselines:copy_ceiling",  # Every item has been seen.
    output_length=f"{__name__}:twice",
)


def duplicate(source):
    return torch.cat([source, source], dim=1)


def alignment(source):
    return torch.eye(source.shape[1]).repeat(len(source), 2, 1)


def bits(length, symbols):
    return length * math.log2(symbols)  # The second copy adds nothing.


def repeat(length, symbols):
    # A copy of a single item follows itself.
    return (1 / symbols + 1) / 2 if length == 1 else 1 / symbols


def twice(length):
    return 2 * length
