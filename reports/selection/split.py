"""Rows of different settings never stand in one figure: each has its own, whose name says which."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.schema.rows import SETTING_COLUMNS

_SELF_EXPLAINING = ("device", "device_name", "cell", "encoder")


def split(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the rows of each setting, by a suffix that names what differs; empty for a single one.

    Args:
        names: Columns that may differ.
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
    """Return the rows of accuracy.csv of each setting of model and training.

    Tasks have alphabets of their own: they count only where one task has several.
    """
    alphabets = frame.groupby("task")["symbols"].nunique()
    has_one_alphabet = bool((alphabets <= 1).all())
    names = [name for name in SETTING_COLUMNS if name != "symbols" or not has_one_alphabet]
    return split(frame, names)


def split_by_all_but_size(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of accuracy.csv of each setting but the sizes of state and alphabet."""
    sizes = ("hidden", "embedding", "symbols")
    return split(frame, [name for name in SETTING_COLUMNS if name not in sizes])


def _slug(name: str, value: Any) -> str:
    text = "unnamed" if pd.isna(value) else str(value)
    words = text if name in _SELF_EXPLAINING else f"{name} {text}"
    return "-" + re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
