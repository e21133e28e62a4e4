"""Token ids: the symbols are 0, 1, ..., symbols - 1, and the start symbol is the one after them.

There is no end symbol and no padding: a batch has one length, and a model emits exactly as many
items as the target has.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

from tasks.task import require_symbols


def start_id(symbols: int) -> int:
    """Return the id of the start symbol, which occurs in `target_in` only.

    Raises:
        ValueError: `symbols` is below 2.
    """
    require_symbols(symbols)
    return symbols


def vocabulary_size(symbols: int) -> int:
    """Return the number of token ids, the start symbol included: the rows of an embedding.

    Raises:
        ValueError: `symbols` is below 2.
    """
    return start_id(symbols) + 1


def with_start(
    target: Int64[Tensor, "batch target"], symbols: int
) -> Int64[Tensor, "batch target"]:
    """Shift a target one step to the right and begin it with the start symbol.

    The result is what a teacher-forced decoder reads: at step t, the gold item t - 1.

    Args:
        target: ids in 0..symbols-1.
        symbols: alphabet size, at least 2.

    Raises:
        ValueError: `symbols` is below 2.
    """
    start = target.new_full((target.shape[0], 1), start_id(symbols))
    return torch.cat([start, target[:, :-1]], dim=1)
