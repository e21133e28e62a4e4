"""Greedy decoding: each item is the most probable one after the model's own earlier answers."""

from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

State = TypeVar("State")


@torch.no_grad()
def greedy_decode(
    step: Callable[[Int[Tensor, "batch 1"], State], tuple[Float[Tensor, "batch 1 symbols"], State]],
    state: State,
    *,
    first: Int[Tensor, "batch 1"],
    length: int,
) -> Int[Tensor, "batch length"]:
    """Feed a model its own answers for exactly `length` items.

    Args:
        step: From one item and the state before it to the logits of the next item and the state
            after.
        state: State before the first item.
        first: The item before the answer, usually the start symbol.
        length: Items to answer. There is no end symbol: every sequence gets the same number.
    """
    item, answer = first, []
    for _ in range(length):
        logits, state = step(item, state)
        # No sampling and no beam: what is measured is the model, not a search on top of it.
        item = logits.argmax(dim=-1)
        answer.append(item)
    return torch.cat(answer, dim=1)
