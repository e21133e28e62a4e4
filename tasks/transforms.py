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

Sort, from the smallest to the largest; equal items share their weight:

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


def copy(source: Int64[Tensor, "batch source"]) -> Int64[Tensor, "batch source"]:
    """Return the source as it is, in memory of its own."""
    return source.clone()


def reverse(source: Int64[Tensor, "batch source"]) -> Int64[Tensor, "batch source"]:
    """Return the source from its last item to its first."""
    return source.flip(1)


def sort(source: Int64[Tensor, "batch source"]) -> Int64[Tensor, "batch source"]:
    """Return the items of the source from the smallest to the largest."""
    return source.sort(dim=1).values


def copy_alignment(
    source: Int64[Tensor, "batch source"],
) -> Float32[Tensor, "batch source source"]:
    """Align target item t with source item t.

    Returns:
        The same matrix for every row of the batch, as a view: not to be written to.
    """
    batch, length = source.shape
    return torch.eye(length, device=source.device).expand(batch, -1, -1)


def reverse_alignment(
    source: Int64[Tensor, "batch source"],
) -> Float32[Tensor, "batch source source"]:
    """Align target item t with the source item t-th from the end.

    Returns:
        The same matrix for every row of the batch, as a view: not to be written to.
    """
    batch, length = source.shape
    return torch.eye(length, device=source.device).flip(1).expand(batch, -1, -1)


def sort_alignment(
    source: Int64[Tensor, "batch source"],
) -> Float32[Tensor, "batch source source"]:
    """Align every target item with all source items equal to it, in equal shares.

    The target does not tell which of several equal items it means, so neither do the weights.
    """
    is_same = (sort(source)[:, :, None] == source[:, None, :]).to(torch.float32)
    return is_same / is_same.sum(dim=2, keepdim=True)
