"""The sums of additive attention over pairs of a query and a key (`additive.c`)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from models.interface import Memory, States, Weights
from models.kernels.library import LANES, load_library


def weighted_sums(query: States, key: Memory, v: Float[Tensor, " hidden"]) -> Weights:
    """Sum v / (1 + query key) over the hidden units."""
    query, key, v = _padded(query), _padded(key), _padded(v)
    sums = query.new_empty(query.shape[0], query.shape[1], key.shape[1])

    def compute(rows: slice) -> None:
        arrays = (query[rows], key[rows], v, sums[rows])
        sizes = (len(query[rows]), *sums.shape[1:], len(v))
        load_library().additive_scores(*(array.data_ptr() for array in arrays), *sizes)

    _share_out(compute, len(query))
    return sums


def slope_sums(
    query: States, key: Memory, grad: Weights
) -> tuple[States, Memory, Float[Tensor, " hidden"]]:
    """Sum grad r(1 - r) over keys and over queries, and grad r over all pairs.

    Here r = 1 / (1 + query key).
    """
    hidden = query.shape[-1]
    query, key, grad = _padded(query), _padded(key), grad.contiguous()
    query_slopes, key_slopes = torch.empty_like(query), torch.empty_like(key)
    r_sum = query.new_empty(len(query), query.shape[-1])

    def compute(rows: slice) -> None:
        arrays = (query, key, grad, query_slopes, key_slopes, r_sum)
        sizes = (len(query[rows]), *grad.shape[1:], query.shape[-1])
        load_library().additive_slopes(*(array[rows].data_ptr() for array in arrays), *sizes)

    _share_out(compute, len(query))
    return query_slopes[..., :hidden], key_slopes[..., :hidden], r_sum[:, :hidden].sum(0)


def _padded(array: Tensor) -> Tensor:
    """Make it dense and detached, its last axis filled with zeros to a multiple of LANES."""
    # The hidden units that this adds count for nothing, because v is 0 there.
    array = array.detach()
    missing = -array.shape[-1] % LANES
    return functional.pad(array, (0, missing)) if missing else array.contiguous()


def _share_out(compute: Callable[[slice], None], batch: int) -> None:
    """Compute the sequences of a batch on torch's number of threads."""
    # A sequence is computed by one thread from end to end, so no result depends on their number.
    threads = min(torch.get_num_threads(), batch)
    if threads <= 1:
        compute(slice(0, batch))
        return
    edges = [batch * thread // threads for thread in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(compute, map(slice, edges, edges[1:])))
