"""A task as a third party would write it: its target is twice as long as its source.

It keeps the suite honest about target lengths; nothing in the package knows of it.
"""

import math

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

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
    constant=f"{__name__}:constant",
    repeat=f"{__name__}:repeat",
    causal_ceiling=f"{__name__}:ceiling",
    output_length=f"{__name__}:twice",
)


def duplicate(source: Int64[Tensor, "batch source"]) -> Int64[Tensor, "batch target"]:
    """Return the source two times over."""
    return torch.cat([source, source], dim=1)


def alignment(source: Int64[Tensor, "batch source"]) -> Float32[Tensor, "batch target source"]:
    """Align both copies of an item with it."""
    batch, length = source.shape
    return torch.eye(length).repeat(batch, 2, 1)


def bits(length: int, symbols: int) -> float:
    """Return the entropy: the second copy adds nothing."""
    return length * math.log2(symbols)


def constant(length: int, symbols: int) -> float:
    """Return the accuracy of any constant."""
    return 1 / symbols


def repeat(length: int, symbols: int) -> float:
    """Return the accuracy of the previous gold item; a copy of one item follows itself."""
    return (1 / symbols + 1) / 2 if length == 1 else 1 / symbols


def ceiling(length: int, symbols: int) -> float:
    """Return the best causal accuracy: every item has been seen."""
    return 1.0


def twice(length: int) -> int:
    """Return the number of target items."""
    return 2 * length
