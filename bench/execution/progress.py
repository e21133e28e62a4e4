"""What a command shows and leaves while it works: a bar and `logs/run.log`. Imports no torch."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from tqdm import tqdm

from results.errors import explain_os_errors
from results.schema.columns import error_in_words, one_line
from results.wording import escaped

LOG = "run.log"
_SECONDS_BETWEEN_LINES = 60.0


def progress_bar(total: int, description: str, *, unit: str) -> "tqdm[Any]":
    """Open a bar on standard error: without a terminal, a line a minute at most."""
    # With miniters=0, update(0) redraws what is due, so that a long stage does not look dead. The
    # speed is the mean so far: a moving one counts from the last redrawing, not the last record.
    bar = partial(tqdm, total=total, desc=description, unit=unit, miniters=0, smoothing=0)
    if not total:
        return bar(disable=True)
    if sys.stderr.isatty():
        return bar(file=sys.stderr)
    wait = _SECONDS_BETWEEN_LINES
    return bar(file=_Lines(), delay=wait, mininterval=wait, leave=False)


def say_in_file(text: str) -> None:
    """Write a line to standard error, unless it is a terminal, which has the bar."""
    if not sys.stderr.isatty():
        _show(escaped(text))


def _show(line: str) -> None:
    # Nobody may read any more, as behind `| head`. Work does not stop for that.
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


class _Lines:
    """Standard error, where each state of a bar is a line and none returns to its start."""

    def write(self, text: str) -> None:
        if state := text.strip():
            _show(state)

    def flush(self) -> None:
        return  # tqdm asks for it after each state.


def open_log(out: Path, name: str) -> TextIOWrapper:
    """Open a file of `logs` to add to it.

    Raises:
        ResultsError: There can be no log.
    """
    path = out / "logs" / name
    with explain_os_errors(f"{path}: cannot be written"):
        path.parent.mkdir(exist_ok=True)
        return path.open("a", encoding="utf-8")


@contextmanager
def run_log(out: Path) -> Iterator[logging.Logger]:
    """Log to `logs/run.log`; the last line says what ended the command.

    The file is made with its first line, so that a command with nothing to do leaves none.

    """
    handler = _LogFile(out / "logs" / LOG, delay=True)
    handler.setFormatter(_OneLine("%(asctime)s %(process)d %(message)s", "%Y-%m-%dT%H:%M:%SZ"))
    # No logger of the whole process: two commands in one process must not share their handlers.
    log = logging.Logger("bench.run", level=logging.INFO)
    log.addHandler(handler)
    how = "ended"
    try:
        yield log
    except BaseException as error:
        how = f"ended: {error_in_words(error)}"
        raise
    finally:
        if handler.stream is not None:
            log.info(how)
        log.removeHandler(handler)
        with suppress(OSError):  # What a full disk has refused is tried once more, in vain.
            handler.close()


class _OneLine(logging.Formatter):
    """One line for each event, in UTC."""

    @staticmethod
    def converter(seconds: float | None) -> time.struct_time:
        return time.gmtime(seconds)

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


class _LogFile(logging.FileHandler):
    """A log that stops no work once it is open."""

    def _open(self) -> TextIOWrapper:
        return open_log(Path(self.baseFilename).parents[1], LOG)

    def handleError(self, record: logging.LogRecord) -> None:
        return  # The disk is full: the records matter, and their own errors are reported.
