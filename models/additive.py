"""The score of additive attention, v . tanh(a + b) for every pair of a query and a key."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_CHUNK_ELEMENTS = 128 * 1024


class AdditiveKeys(NamedTuple):
    """What the score needs of a source, computed once."""

    projected: Float[Tensor, "batch source hidden"]


def additive_keys(projected: Float[Tensor, "batch source hidden"]) -> AdditiveKeys:
    """Return what `additive_scores` needs of the projected memory."""
    return AdditiveKeys(projected)


def additive_path(device: torch.device) -> str:
    """Return how the scores are computed on this device: `compiled` or `chunked`."""
    return "chunked"


def _chunks(batch: int, target: int, pairs: int) -> Any:
    rows = max(1, _CHUNK_ELEMENTS // pairs)
    if rows >= target:
        step = max(1, rows // target)
        for start in range(0, batch, step):
            yield slice(start, start + step), slice(None)
    else:
        for row in range(batch):
            for start in range(0, target, rows):
                yield slice(row, row + 1), slice(start, start + rows)


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(a, b, v)
        scores = a.new_empty(a.shape[0], a.shape[1], b.shape[1])
        for rows, columns in _chunks(a.shape[0], a.shape[1], b.shape[1] * a.shape[2]):
            pair = torch.tanh(a[rows, columns, None] + b[rows, None])
            scores[rows, columns] = pair @ v
        return scores

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, b, v = ctx.saved_tensors
        grad_a, grad_b, grad_v = torch.zeros_like(a), torch.zeros_like(b), torch.zeros_like(v)
        for rows, columns in _chunks(a.shape[0], a.shape[1], b.shape[1] * a.shape[2]):
            pair = torch.tanh(a[rows, columns, None] + b[rows, None])
            g = grad[rows, columns]
            grad_v += torch.einsum("bts,btsh->h", g, pair)
            slope = 1 - pair * pair
            slope *= g[..., None]
            grad_a[rows, columns] += slope.sum(2)
            grad_b[rows] += slope.sum(1)
        return grad_a * v, grad_b * v, grad_v


def additive_scores(
    query: Float[Tensor, "batch target hidden"],
    keys: AdditiveKeys,
    score_vector: Float[Tensor, " hidden"],
) -> Float[Tensor, "batch target source"]:
    """Return v . tanh(query + key) for every pair."""
    scores: Tensor = _Scores.apply(query, keys.projected, score_vector)  # type: ignore[no-untyped-call]
    return scores
