"""Which folder and which settings are reported: two options, and rows of each setting apart."""

import argparse
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from results.command_line import NothingToReport, parse_folder
from results.errors import ResultsError
from results.schema.rows import SETTING_COLUMNS
from results.tables import locate_results

COLUMNS = {"--models": "model", "--tasks": "task"}
_SELF_EXPLAINING = ("task", "model", "device", "device_name", "cell", "encoder")


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add `--results`."""
    parser.add_argument(
        "--results",
        type=parse_folder,
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


def parse_names(text: str) -> tuple[str, ...]:
    """Read names between commas."""
    names = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not names:
        raise argparse.ArgumentTypeError(f"must name at least one, got {text!r}")
    return names


def rows_of_names(
    frame: pd.DataFrame, option: str, names: Sequence[str], *, present: Iterable[str] = ()
) -> pd.DataFrame:
    """Keep the rows of the models, or tasks, that an option names; all where it names none.

    Args:
        option: --models or --tasks.
        present: Names that other tables of the folder have.

    Raises:
        ResultsError: A name has no row.
    """
    column = COLUMNS[option]
    if not names or column not in frame:
        return frame
    there = {*present, *map(str, frame[column].unique())}
    for name in names:
        if name not in there:
            listed = ", ".join(sorted(there)) or "none"
            raise ResultsError(f"{option}: no row has {name!r}; there are: {listed}")
    return frame[frame[column].isin(names)]


def results_folder(folder: Path | None) -> Path:
    """Choose the folder to read: the one that `--results` names, or the default.

    Raises:
        ResultsError: What was named is not a folder.
        NothingToReport: No results are there.
    """
    # Unlike Path.is_dir, this is false, not an error, where the name is too long.
    if folder is not None and not os.path.isdir(folder):
        raise ResultsError(f"--results: {folder} is not a folder")
    try:
        return locate_results(folder)
    except ResultsError as error:
        raise NothingToReport(f"--results: {error}") from None


def shown(path: Path) -> str:
    """Write a path as short as it can be from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def split(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Separate the rows of each setting of these columns, by a suffix that names what differs.

    Rows of different settings never stand in one figure. A single setting has no suffix.
    """
    differing = [name for name in names if frame[name].nunique(dropna=False) > 1]
    if not differing:
        return {"": frame}
    parts: dict[str, pd.DataFrame] = {}
    for values, rows in frame.groupby(differing, dropna=False):
        suffix = "".join(_slug(name, each) for name, each in zip(differing, values, strict=True))
        # Names may differ in signs that no file name has.
        alike = sum(known.startswith(suffix) for known in parts)
        parts[f"{suffix}-{alike + 1}" if suffix in parts else suffix] = rows
    return parts


def split_by_training(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Separate the rows of accuracy.csv of each setting of model and training.

    Tasks have alphabets of their own: they count only where one task has several.
    """
    alphabets = frame.groupby("task")["symbols"].nunique()
    has_one_alphabet = bool((alphabets <= 1).all())
    names = [name for name in SETTING_COLUMNS if name != "symbols" or not has_one_alphabet]
    return split(frame, names)


def usual_rows(frame: pd.DataFrame, *, apart_from: Sequence[str] = ("symbols",)) -> pd.DataFrame:
    """Keep the rows of the one setting of model and training that has most of them.

    Args:
        apart_from: Settings that may differ: a task has its alphabet, a family its learning rate.
    """
    names = [name for name in SETTING_COLUMNS if name not in apart_from]
    setting = frame.groupby(names, dropna=False).ngroup()
    return frame[setting == setting.value_counts().idxmax()]


def _slug(name: str, value: Any) -> str:
    text = "unnamed" if pd.isna(value) else str(value)
    words = text if name in _SELF_EXPLAINING else f"{name} {text}"
    return "-" + re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
