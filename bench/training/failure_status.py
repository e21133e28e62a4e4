"""What stopped a piece of work, in the words of a row."""

import torch

from bench.training.train import Diverged

# Torch's own allocator, and C++ where it allocates by itself, are no MemoryError in Python.
_NO_MEMORY = ("can't allocate memory", "std::bad_alloc")


def status_of(error: Exception) -> str:
    """Return the status of a row for what stopped it."""
    if isinstance(error, Diverged):
        return "diverged"
    return "out_of_memory" if _is_of_memory(error) else "failed"


def summary_of(error: Exception) -> tuple[str, str]:
    """Return status and error of a row for what stopped it."""
    return status_of(error), f"{type(error).__name__}: {error}".splitlines()[0]


def _is_of_memory(error: BaseException) -> bool:
    """Return whether memory was refused, or what it was refused to raised something else."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY):
        return True
    return error.__context__ is not None and _is_of_memory(error.__context__)
