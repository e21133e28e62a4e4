"""The scores of additive attention, v.tanh(a + b) for every pair of a query and a key.

As it stands, the formula fills a tensor (batch, target, source, hidden). Here that tensor never
exists, in either of two forms of the same operation:

* `compiled`, by tanh(a + b) = 1 - 2 / (1 + e^2a e^2b): the exponentials are taken once per query
  and once per key, and a pair costs a division. That is `models/kernels/additive.c`, for a CPU
  and a C compiler.
* `chunked`, a sigmoid in eager mode on pieces that stay in cache. That is for everything else.

Both compute the pairs again in the backward pass instead of keeping them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.interface import Memory, States, Weights
from models.kernels import additive as kernel
from models.kernels import library

# The compiled form's bound on keys. e^2a is infinite or nearly 0 from |a| = 43.6 on, and then every
# pair is saturated, 1 - tanh(43.6 - 34) = 1e-8, so that queries need no bound.
KEY_LIMIT = 34.0

# The largest piece of (batch, target, source, hidden) in the chunked form: it stays in cache.
CHUNK_ELEMENTS = {"cpu": 2**19, "cuda": 2**24}

Vector = Float[Tensor, " hidden"]


class AdditiveKeys(NamedTuple):
    """The part of the scores that a source needs once: b = U h, and e^2b for the compiled form."""

    projected: Memory
    exponential: Memory | None


def warm_up(device: torch.device | str = "cpu") -> str:
    """Compile the kernel if it can be, and name the form in use: `compiled` or `chunked`.

    The first use would do the same. Called before, no timing contains it.
    """
    # On CUDA, torch.compile was tried, which needs Triton. It was taken out again, because no
    # machine that checks this project has a GPU.
    return "compiled" if torch.device(device).type == "cpu" and library.is_ready() else "chunked"


def additive_keys(projected: Memory) -> AdditiveKeys:
    """Prepare the projected memory U h for `additive_scores`."""
    keys = projected.detach()
    can_use_identity = (
        keys.dtype == torch.float32
        and warm_up(keys.device) == "compiled"
        and keys.abs().amax().item() <= KEY_LIMIT  # False for NaN, too.
    )
    return AdditiveKeys(projected, _exponential(keys) if can_use_identity else None)


def additive_scores(query: States, keys: AdditiveKeys, score_vector: Vector) -> Weights:
    """Score every pair by v.tanh(a + b), for a = W q and b = U h.

    The rounding error is relative to sum |v|, not to the score.

    Source: Bahdanau, Cho and Bengio 2015, arXiv:1409.0473, appendix A.1.2.
    """
    return _AdditiveScores.apply(query, keys.projected, keys.exponential, score_vector)


def _exponential(projected: Tensor) -> Tensor:
    return (2 * projected).exp_()


class _AdditiveScores(torch.autograd.Function):
    # Autograd by itself would keep every pair for the backward pass.
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, exponential: Tensor | None, v: Tensor) -> Any:
        if exponential is None:
            ctx.gradients = chunked_gradients
            ctx.save_for_backward(query, key, v)
            return chunked_scores(query, key, v)
        query = _exponential(query)
        ctx.gradients = compiled_gradients
        ctx.save_for_backward(query, exponential, v)
        return compiled_scores(query, exponential, v)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        grad_query, grad_key, grad_v = ctx.gradients(*ctx.saved_tensors, grad)
        return grad_query, grad_key, None, grad_v


# Below, r = 1 / (1 + e^2a e^2b), so that tanh(a + b) = 1 - 2 r and its slope is 4 r (1 - r).


def compiled_scores(query: States, key: Memory, v: Vector) -> Weights:
    """Compute the scores from e^2a and e^2b."""
    return v.sum() - 2 * kernel.weighted_sums(query, key, v)


def compiled_gradients(
    query: States, key: Memory, v: Vector, grad: Weights
) -> tuple[States, Memory, Vector]:
    """Compute the gradients of the scores to a, b and v from e^2a and e^2b."""
    query_slopes, key_slopes, r_sum = kernel.slope_sums(query, key, grad)
    return 4 * v * query_slopes, 4 * v * key_slopes, grad.sum() - 2 * r_sum


def chunked_scores(query: States, key: Memory, v: Vector) -> Weights:
    """Compute the scores from a and b."""
    sums = query.new_empty(query.shape[0], query.shape[1], key.shape[1])
    for rows, columns, r in _chunks(query, key):
        torch.mv(r.view(-1, len(v)), v, out=sums[rows, columns].view(-1))
    return v.sum() - 2 * sums


def chunked_gradients(
    query: States, key: Memory, v: Vector, grad: Weights
) -> tuple[States, Memory, Vector]:
    """Compute the gradients of the scores to a, b and v from a and b."""
    query_slopes, key_slopes = torch.empty_like(query), torch.zeros_like(key)
    r_sum = torch.zeros_like(v)
    for rows, columns, r in _chunks(query, key):
        chunk = grad[rows, columns]
        r_sum.addmv_(r.view(-1, len(v)).t(), chunk.reshape(-1))
        # chunk * r (1 - r), in place: a second piece would push the first out of the cache.
        torch.ops.aten.sigmoid_backward.grad_input(chunk[..., None], r, grad_input=r)
        torch.sum(r, 2, out=query_slopes[rows, columns])
        key_slopes[rows] += r.sum(1)
    return 4 * v * query_slopes, 4 * v * key_slopes, grad.sum() - 2 * r_sum


def _chunks(query: Tensor, key: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield r piece by piece, always in the same memory."""
    # r is a sigmoid. Torch's own tanh took six times as long.
    query, key = -2 * query, -2 * key
    batch, target, hidden = query.shape
    limit = CHUNK_ELEMENTS["cpu" if query.device.type == "cpu" else "cuda"]
    queries = max(1, limit // (key.shape[1] * hidden))
    # Whole sequences while they fit, else some queries of one sequence with all of its keys.
    row_step, column_step = max(1, queries // target), min(queries, target)
    memory = query.new_empty(row_step * column_step * key.shape[1] * hidden)
    for row in range(0, batch, row_step):
        for column in range(0, target, column_step):
            rows, columns = slice(row, row + row_step), slice(column, column + column_step)
            a, b = query[rows, columns, None], key[rows, None]
            shape = torch.broadcast_shapes(a.shape, b.shape)
            piece = memory[: shape.numel()].view(shape)
            yield rows, columns, torch.add(a, b, out=piece).sigmoid_()
