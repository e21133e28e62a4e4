"""What stopped a piece of work, in the words of a row."""

import torch

from bench.train import Diverged


def status_of(error: Exception) -> str:
    """Return the status of a row for what stopped it."""
    if isinstance(error, Diverged):
        return "diverged"
    is_allocation = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or is_allocation:
        return "out_of_memory"
    return "failed"


def summary_of(error: Exception) -> tuple[str, str]:
    """Return status and error of a row for what stopped it."""
    return status_of(error), f"{type(error).__name__}: {error}".splitlines()[0]
