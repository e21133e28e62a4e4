"""The CSVs as pandas tables, verified, with the types of the schema.

A reader raises ResultsError where a CSV is absent, does not verify, or breaks the schema; the
message says what to do.
"""

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from results.errors import ResultsError
from results.schema.columns import columns_of
from results.store.csv_files import (
    ACCURACY,
    ROW_TYPES,
    SAMPLES,
    THROUGHPUT,
    path_of,
    read_content,
    read_rows,
)
from results.wording import shown_command

# Nullable types: with NumPy's an empty value would turn integers into floats.
DTYPES: dict[type[Any], str] = {str: "string", int: "Int64", float: "float64"}
REFERENCE = Path(__file__).with_name("reference")


def locate_results(folder: Path | None = None, *, reference: Path = REFERENCE) -> Path:
    """Find the folder to report on: the one given, else ./results, else the committed one."""
    if folder is not None:
        if not any(has_table(folder, name) for name in ROW_TYPES):
            command = shown_command("bench.run", "--out", folder)
            raise ResultsError(f"no results in {folder}: run {command}")
        return folder
    for candidate in (Path("results"), reference):
        if (candidate / ACCURACY).is_file():
            return candidate
    raise ResultsError("no results: run python -m bench.run first")


def has_table(folder: Path, name: str) -> bool:
    """Say whether a folder has a CSV, plain or gzipped."""
    return path_of(folder, name).is_file()


def read_accuracy(folder: Path) -> pd.DataFrame:
    """Read accuracy.csv, in the order of the file."""
    return _read(folder, ACCURACY)


def read_throughput(folder: Path) -> pd.DataFrame:
    """Read throughput.csv, in the order of the file."""
    return _read(folder, THROUGHPUT)


def read_samples(folder: Path) -> pd.DataFrame:
    """Read samples.csv, in the order of the file."""
    return _read(folder, SAMPLES)


def read_probes(folder: Path, name: str) -> pd.DataFrame:
    """Read errors.csv or another of the finer tables; without rows where it is absent."""
    if not has_table(folder, name):
        return pd.DataFrame(columns=[item.name for item in columns_of(ROW_TYPES[name])])
    return _read(folder, name)


def read_columns(folder: Path, name: str, columns: Collection[str]) -> pd.DataFrame:
    """Read some columns of a finer table; without rows where it is absent.

    The checksum is verified, the values are not: this takes a twentieth of the time.
    """
    own = {item.name: item for item in columns_of(ROW_TYPES[name])}
    if not has_table(folder, name):
        return pd.DataFrame(columns=list(columns))
    table = pd.read_csv(
        io.BytesIO(read_content(folder, name)),
        usecols=lambda column: column in columns,
        dtype={column: DTYPES[own[column].kind] for column in columns},
        keep_default_na=False,  # A model may be called NA.
        na_values=[""],
    )
    return table.reindex(columns=list(columns))


def _read(folder: Path, name: str) -> pd.DataFrame:
    rows = read_rows(folder, name)
    return pd.DataFrame(
        {
            item.name: pd.Series([getattr(row, item.name) for row in rows], dtype=DTYPES[item.kind])
            for item in columns_of(ROW_TYPES[name])
        }
    )


def parse_ids(text: str) -> tuple[int, ...]:
    """Read the symbol ids of a value of samples.csv."""
    parts = text.split()
    for part in parts:
        if not part.isdecimal():
            raise ResultsError(f"samples.csv: {part!r} is not a symbol id")
    return tuple(map(int, parts))
