"""The scores of additive attention, v . tanh(a + b) for every pair of a query and a key.

Written as it stands, the formula fills a tensor (batch, target, source, hidden). Here that tensor
never exists, in either of two forms of the same operation:

* `compiled`, by tanh(a + b) = 1 - 2 / (1 + e^2a e^2b): the exponentials are taken once per query
  and once per key, and a pair costs a division. On a CPU that is `kernel.c`, which needs a C
  compiler; on CUDA `torch.compile` fuses the formula, which needs Triton.
* `chunked`, a sigmoid in eager mode on pieces that stay in cache.

Both compute the pairs again in the backward pass instead of keeping them.
"""

import functools
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.attention import kernel as additive_kernel
from models.attention.backend import additive_path, call_compiled, report_failure

# The compiled form's bound on keys. e^2a is infinite or nearly 0 from |a| = 43.6 on, and then every
# pair is saturated, 1 - tanh(43.6 - 34) = 1e-8, so that queries need no bound.
KEY_LIMIT = 34.0

# Where the compiled form is kernel.c; elsewhere it is torch.compile.
KERNEL_DEVICES = ("cpu",)

# The largest piece of (batch, target, source, hidden) in the chunked form: it stays in cache.
CHUNK_ELEMENTS = {"cpu": 2**19, "cuda": 2**24}

_AXES = (("batch", "target", "hidden"), ("batch", "source", "hidden"))


class AdditiveKeys(NamedTuple):
    """What the scores need of a source, computed once.

    Attributes:
        projected: U memory.
        exponential: Its e^2b for the compiled form, None for the chunked one.
    """

    projected: Float[Tensor, "batch source hidden"]
    exponential: Float[Tensor, "batch source hidden"] | None


def warm_up(device: torch.device | str = "cpu") -> str:
    """Compile what the scores need, if anything, so that no timing contains it.

    The first use would do the same. Should it fail, the chunked form is used from then on.

    Returns:
        How scores are computed from now on: `compiled` or `chunked`.
    """
    if additive_path(device) == "compiled":
        _compile_once(torch.device(device))
    return additive_path(device)


@functools.cache
def _compile_once(device: torch.device) -> None:
    query, key, v = (torch.ones(size, device=device) for size in ((2, 3, 7), (2, 5, 7), (7,)))
    try:
        # What the compiler warns of is for its authors; as an error, it would end the compilation.
        with warnings.catch_warnings(action="ignore"):
            compiled_gradients(query, key, v, compiled_scores(query, key, v))
    except Exception as error:
        report_failure(device, error)


def additive_keys(projected: Float[Tensor, "batch source hidden"]) -> AdditiveKeys:
    """Prepare the projected memory U memory for `additive_scores`."""
    keys = projected.detach()
    can_use_identity = (
        keys.dtype == torch.float32
        and warm_up(keys.device) == "compiled"
        and keys.abs().amax().item() <= KEY_LIMIT  # False for NaN, too.
    )
    return AdditiveKeys(projected, _exponential(keys) if can_use_identity else None)


def additive_scores(
    query: Float[Tensor, "batch target hidden"],
    keys: AdditiveKeys,
    score_vector: Float[Tensor, " hidden"],
) -> Float[Tensor, "batch target source"]:
    """Return v . tanh(a + b) of every pair, for a = W query and b = U memory.

    The rounding error is relative to sum |v|, not to the score.

    Source: Bahdanau, Cho and Bengio 2015, arXiv:1409.0473, appendix A.1.2.
    """
    scores: Tensor = _AdditiveScores.apply(query, keys.projected, keys.exponential, score_vector)
    return scores


def _exponential(projected: Tensor) -> Tensor:
    return (2 * projected).exp_()


class _AdditiveScores(torch.autograd.Function):
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


def identity_sums(
    query: Float[Tensor, "batch target hidden"],
    key: Float[Tensor, "batch source hidden"],
    v: Float[Tensor, " hidden"],
) -> Float[Tensor, "batch target source"]:
    """Return the sums of v / (1 + e^2a e^2b). Where the product overflows, 1 / inf = 0 is right."""
    return (v / (1 + query[:, :, None] * key[:, None])).sum(-1)


def identity_slopes(
    query: Float[Tensor, "batch target hidden"],
    key: Float[Tensor, "batch source hidden"],
    grad: Float[Tensor, "batch target source"],
) -> tuple[
    Float[Tensor, "batch target hidden"],
    Float[Tensor, "batch source hidden"],
    Float[Tensor, "batch target hidden"],
]:
    """Return what the gradients need: sums of g r(1 - r) over keys and queries, of g r over keys.

    Here r = 1 / (1 + e^2a e^2b), so that tanh' = 4 r(1 - r).
    """
    grad = grad[..., None]
    r = 1 / (1 + query[:, :, None] * key[:, None])
    return (grad * (r - r * r)).sum(2), (grad * (r - r * r)).sum(1), (grad * r).sum(2)


def compiled_scores(query: Tensor, key: Tensor, v: Tensor) -> Tensor:
    """Return the scores from e^2a and e^2b."""
    if query.device.type in KERNEL_DEVICES:
        sums = additive_kernel.weighted_sums(query, key, v)
    else:
        sums = call_compiled(identity_sums, query, key, v, axes=(*_AXES, ("hidden",)))
    return v.sum() - 2 * sums


def compiled_gradients(
    query: Tensor, key: Tensor, v: Tensor, grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of the scores to a, b and v from e^2a and e^2b."""
    if query.device.type in KERNEL_DEVICES:
        query_slopes, key_slopes, r_sum = additive_kernel.slope_sums(query, key, grad)
    else:
        axes = (*_AXES, ("batch", "target", "source"))
        query_slopes, key_slopes, r_sums = call_compiled(
            identity_slopes, query, key, grad, axes=axes
        )
        r_sum = r_sums.sum((0, 1))
    return 4 * v * query_slopes, 4 * v * key_slopes, grad.sum() - 2 * r_sum


def chunked_scores(
    query: Float[Tensor, "batch target hidden"],
    key: Float[Tensor, "batch source hidden"],
    v: Float[Tensor, " hidden"],
) -> Float[Tensor, "batch target source"]:
    """Return the scores from a and b."""
    sums = query.new_empty(query.shape[0], query.shape[1], key.shape[1])
    for rows, columns, r in _chunks(query, key):
        torch.mv(r.view(-1, len(v)), v, out=sums[rows, columns].view(-1))
    return v.sum() - 2 * sums


def chunked_gradients(
    query: Float[Tensor, "batch target hidden"],
    key: Float[Tensor, "batch source hidden"],
    v: Float[Tensor, " hidden"],
    grad: Float[Tensor, "batch target source"],
) -> tuple[
    Float[Tensor, "batch target hidden"],
    Float[Tensor, "batch source hidden"],
    Float[Tensor, " hidden"],
]:
    """Return the gradients of the scores to a, b and v."""
    query_slopes, key_slopes, r_sum = (
        torch.empty_like(query),
        torch.zeros_like(key),
        torch.zeros_like(v),
    )
    for rows, columns, r in _chunks(query, key):
        chunk = grad[rows, columns]
        r_sum.addmv_(r.view(-1, len(v)).t(), chunk.reshape(-1))
        # In place: chunk * r (1 - r).
        torch.ops.aten.sigmoid_backward.grad_input(chunk[..., None], r, grad_input=r)
        torch.sum(r, 2, out=query_slopes[rows, columns])
        key_slopes[rows] += r.sum(1)
    return 4 * v * query_slopes, 4 * v * key_slopes, grad.sum() - 2 * r_sum


def _chunks(query: Tensor, key: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Yield r = 1 / (1 + e^(2a + 2b)) piece by piece, always in the same memory.

    tanh is 1 - 2r. Torch's own tanh took six times as long as its sigmoid.
    """
    query, key = -2 * query, -2 * key
    batch, target, hidden = query.shape
    limit = CHUNK_ELEMENTS["cpu" if query.device.type == "cpu" else "cuda"]
    queries = max(1, limit // (key.shape[1] * hidden))
    row_step, column_step = max(1, queries // target), min(queries, target)
    memory = query.new_empty(row_step * column_step * key.shape[1] * hidden)
    for row in range(0, batch, row_step):
        for column in range(0, target, column_step):
            rows, columns = slice(row, row + row_step), slice(column, column + column_step)
            a, b = query[rows, columns, None], key[rows, None]
            shape = torch.broadcast_shapes(a.shape, b.shape)
            piece = memory[: shape.numel()].view(shape)
            yield rows, columns, torch.add(a, b, out=piece).sigmoid_()
