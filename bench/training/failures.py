"""What stopped a model: one status and one line, whatever its code raises."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from results.errors import ResultsError
from results.schema.columns import error_in_words

# Torch's own allocator, and C++ where it allocates by itself, raise no MemoryError in Python.
_NO_MEMORY = ("can't allocate memory", "std::bad_alloc")


class Diverged(Exception):
    """A loss is no longer a finite number."""


class ModelError(Exception):
    """A model or a task raised what would mean something else here; the message names it."""


@contextmanager
def model_at_work(note: str = "") -> Iterator[None]:
    """Run code of a model or a task; let nothing out that would end more than its own run.

    Args:
        note: Added to an error, where its row alone would not say what it was about.

    Raises:
        ModelError: It raised what ends a process, such as `SystemExit`, or what the results folder
            raises.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, ResultsError) or not isinstance(error, Exception):
            raise ModelError(f"the model or its task raised {error_in_words(error)}") from error
        if note:
            with suppress(Exception):  # Some exceptions cannot be written to.
                error.add_note(note)
        raise


def status_of(error: Exception) -> str:
    """Name what stopped a piece of work, as the column `status` does."""
    if isinstance(error, Diverged):
        return "diverged"
    return "out_of_memory" if _is_of_memory(error) else "failed"


def summary_of(error: Exception) -> tuple[str, str]:
    """Describe what stopped a piece of work, as the columns `status` and `error` do."""
    return status_of(error), error_in_words(error)


def _is_of_memory(error: BaseException) -> bool:
    """Whether memory was refused, here or on the way to another error."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # The text may be of a model's own class, and raise.
    if isinstance(error, RuntimeError) and any(w in error_in_words(error) for w in _NO_MEMORY):
        return True
    # Code that is refused memory may raise something of its own.
    return error.__context__ is not None and _is_of_memory(error.__context__)
