"""The one error of this package, and one line for what the operating system refuses."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class ResultsError(ValueError):
    """A row, record, CSV or results folder that breaks a rule; the message is one line."""


@contextmanager
def explain_os_errors(what: str) -> Iterator[None]:
    """Turn an OSError into a ResultsError: what failed (`x.csv: cannot be read`), and why."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EMFILE:  # This process, perhaps a model, has too many files open.
            raise
        raise ResultsError(f"{what}: {error.strerror or error}") from None
