"""What the commands of this package share: one line per error, and its exit status."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from results.errors import ResultsError
from results.tables import locate_results

EXIT_NOTHING = 1
EXIT_REFUSED = 2


class NothingToReport(Exception):
    """There are no results yet; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the error and leave with status 2."""
        self.exit(EXIT_REFUSED, f"{self.prog}: {message}\n")


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add `--results`."""
    parser.add_argument(
        "--results", type=Path, metavar="DIR",
        help="folder with the CSVs (default: ./results, else the committed results/reference)",
    )


def results_folder(folder: Path | None) -> Path:
    """Return the folder to read.

    Raises:
        ResultsError: The folder given is none.
        NothingToReport: No results are there.
    """
    if folder is not None and not folder.is_dir():
        raise ResultsError(f"--results: {folder} is not a folder")
    try:
        return locate_results(folder)
    except ResultsError as error:
        raise NothingToReport(str(error)) from None


def leave_with(command: Callable[[], int], *, name: str) -> int:
    """Run a command; turn what it refuses into one line on stderr and an exit status."""
    try:
        return command()
    except NothingToReport as error:
        return _complain(name, error, status=EXIT_NOTHING)
    except (ResultsError, OSError) as error:
        return _complain(name, error, status=EXIT_REFUSED)


def _complain(name: str, error: Exception, *, status: int) -> int:
    print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def shown(path: Path) -> str:
    """Return a path as short as it can be from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
