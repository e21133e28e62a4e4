"""What all commands share: a parser, exit statuses, and one line for each mistake.

It is here because `bench` and `reports` may both import `results`, and nothing of each other.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from results.errors import ResultsError
from results.schema.columns import one_line

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
_SUITE = Path(__file__).resolve().parents[1]


class UsageError(Exception):
    """A mistake in a command line; the message names the argument, the rule and the value."""


class NothingToReport(Exception):
    """There are no results yet; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of leaving, and takes no abbreviations."""

    def __init__(self, *, prog: str, description: str | None, epilog: str | None = None) -> None:
        super().__init__(prog=prog, description=description, epilog=epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found."""
        raise UsageError(one_line(message.removeprefix("argument ")))


class _Default(str):
    """A default, which argparse hands to `type=` as if it were given."""

    __slots__ = ()


def default_folder(name: str) -> str:
    """Make a folder of the clone the default of an option with `type=parse_folder`."""
    return _Default(name)


def parse_folder(text: str) -> Path:
    """Read a folder, which need not exist."""
    # Elsewhere it would be made by accident, in a folder of somebody's own.
    if isinstance(text, _Default) and not _SUITE.samefile(Path.cwd()):
        raise argparse.ArgumentTypeError(
            f"its default {text!r} is a folder of the suite's clone; here, name a folder"
        )
    if not text:  # Path would take that for the folder here.
        raise argparse.ArgumentTypeError(f"must name a folder, got {text!r}")
    # As in a shell, which expands no `~` behind `--out=`; an unknown user's stays as it is.
    return Path(os.path.expanduser(text))


def run_command(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    act: Callable[[argparse.Namespace], int],
    *,
    stopped: str = "Stopped.",
) -> int:
    """Parse a command line and act on it; turn what is refused into one line on standard error.

    Args:
        parser: Its `prog` is the command as a user types it, `python -m bench.run`.
        arguments: The command line; None takes that of the process.
        act: Does what the parsed arguments ask for; returns an exit status.
        stopped: What to say after Ctrl-C.
    """
    name = parser.prog.removeprefix("python -m ")
    _make_output_safe()
    try:
        status = act(parser.parse_args(arguments))
        sys.stdout.flush()  # Else a closed pipe is noticed only as Python ends, with a traceback.
        return status
    except NothingToReport as error:
        return _complain(name, error, status=FAILED)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python must not flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (UsageError, ResultsError, OSError) as error:
        return _complain(name, error, status=REFUSED)
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return INTERRUPTED


def _make_output_safe() -> None:
    """Let no text fail for a character that the output cannot show, nor for a closed stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # In this order each takes its own number, which no file of results must get.
            empty = os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8")
            setattr(sys, name, empty)
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain(name: str, error: Exception, *, status: int) -> int:
    with suppress(OSError):  # Nobody may read any more, and the status still counts.
        print(f"{name}: {one_line(str(error))}", file=sys.stderr)
    return status
