"""The three tasks as pure functions of a source, and the source positions their items come from.

Copy:

    >>> copy(torch.tensor([[3, 1, 2, 1]])).tolist()
    [[3, 1, 2, 1]]
    >>> copy(torch.tensor([[0, 5]])).tolist()
    [[0, 5]]
    >>> copy_alignment(torch.tensor([[0, 5]])).tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]

Reverse:

    >>> reverse(torch.tensor([[3, 1, 2, 1]])).tolist()
    [[1, 2, 1, 3]]
    >>> reverse(torch.tensor([[0, 5]])).tolist()
    [[5, 0]]
    >>> reverse_alignment(torch.tensor([[0, 5]])).tolist()
    [[[0.0, 1.0], [1.0, 0.0]]]

Sort, from the smallest to the largest. Equal items share their weight:

    >>> sort(torch.tensor([[3, 1, 2, 1]])).tolist()
    [[1, 1, 2, 3]]
    >>> sort(torch.tensor([[5, 0]])).tolist()
    [[0, 5]]
    >>> sort_alignment(torch.tensor([[3, 1, 1]])).tolist()
    [[[0.0, 0.5, 0.5], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]]
"""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

Ids = Int64[Tensor, "batch source"]
Weights = Float32[Tensor, "batch source source"]


def copy(source: Ids) -> Ids:
    """Answer with the source as it is."""
    # In memory of its own, so that writing to a target never changes its source.
    return source.clone()


def reverse(source: Ids) -> Ids:
    """Answer with the source from its last item to its first."""
    return source.flip(1)


def sort(source: Ids) -> Ids:
    """Answer with the items of the source from the smallest to the largest."""
    return source.sort(dim=1).values


def copy_alignment(source: Ids) -> Weights:
    """Align target item t with source item t."""
    return _same_for_all(torch.eye(source.shape[1], device=source.device), source)


def reverse_alignment(source: Ids) -> Weights:
    """Align target item t with the source item t-th from the end."""
    return _same_for_all(torch.eye(source.shape[1], device=source.device).flip(1), source)


def sort_alignment(source: Ids) -> Weights:
    """Align every target item with all source items equal to it, in equal shares."""
    # The target does not say which of several equal items it means, so neither do the weights.
    is_same = (sort(source)[:, :, None] == source[:, None, :]).to(torch.float32)
    return is_same / is_same.sum(dim=2, keepdim=True)


def _same_for_all(weights: Float32[Tensor, "source source"], source: Ids) -> Weights:
    # A view, which costs no memory but must not be written to.
    return weights.expand(len(source), -1, -1)
