"""What the commands of this package share: one line per error, and its exit status."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pandas as pd

from results.errors import ResultsError
from results.schema.columns import one_line
from results.tables import locate_results

EXIT_NOTHING = 1
EXIT_REFUSED = 2


class NothingToReport(Exception):
    """There are no results yet; the message is one line."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print the error and leave with status 2."""
        self.exit(EXIT_REFUSED, f"{self.prog}: {one_line(message)}\n")


def named_folder(text: str) -> Path:
    """Return the folder that an option names; it need not exist.

    Raises:
        argparse.ArgumentTypeError: Nothing is named; a path would take that for the folder here.
    """
    if not text:
        raise argparse.ArgumentTypeError(f"must name a folder, got {text!r}")
    return Path(text)


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add `--results`."""
    parser.add_argument(
        "--results",
        type=named_folder,
        metavar="DIR",
        help="folder with the CSVs (default: ./results, else the committed results/reference)",
    )


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument(
        "--config",
        nargs="+",
        default=[],
        metavar="ID",
        help="config_ids to keep, where a folder holds several settings",
    )


def rows_of_configurations(frame: pd.DataFrame, config_ids: Sequence[str]) -> pd.DataFrame:
    """Keep the rows of these configurations; all of them where none is named.

    Raises:
        ResultsError: An id has no row.
    """
    present = sorted(frame["config_id"].unique())
    for config_id in config_ids:
        if config_id not in present:
            raise ResultsError(
                f"--config: no row has {config_id!r}; there are: {', '.join(present) or 'none'}"
            )
    return frame[frame["config_id"].isin(config_ids)] if config_ids else frame


def results_folder(folder: Path | None, *, option: str = "--results") -> Path:
    """Return the folder to read.

    Args:
        option: What named the folder at the command line.

    Raises:
        ResultsError: The folder given is none.
        NothingToReport: No results are there.
    """
    # Unlike Path.is_dir, this is false, not an error, where the name is too long.
    if folder is not None and not os.path.isdir(folder):
        raise ResultsError(f"{option}: {folder} is not a folder")
    try:
        return locate_results(folder)
    except ResultsError as error:
        raise NothingToReport(f"{option}: {error}") from None


def leave_with(command: Callable[[], int], *, name: str) -> int:
    """Run a command; turn what it refuses into one line on stderr and an exit status."""
    try:
        status = command()
        sys.stdout.flush()
        return status
    except NothingToReport as error:
        return _complain(name, error, status=EXIT_NOTHING)
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep Python from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ResultsError, OSError) as error:
        return _complain(name, error, status=EXIT_REFUSED)


def _complain(name: str, error: Exception, *, status: int) -> int:
    print(f"{name}: {one_line(str(error))}", file=sys.stderr)
    return status


def shown(path: Path) -> str:
    """Return a path as short as it can be from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
