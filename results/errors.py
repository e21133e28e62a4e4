"""The one error of this package, and one line for what the operating system refuses."""

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
        raise ResultsError(f"{what}: {error.strerror or error}") from None
