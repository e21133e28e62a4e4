"""Which folder and which settings are reported: the two options that all reports share."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from results.command_line import NothingToReport
from results.errors import ResultsError
from results.tables import locate_results


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


def shown(path: Path) -> str:
    """Return a path as short as it can be from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
