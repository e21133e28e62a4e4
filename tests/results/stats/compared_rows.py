"""Tables of rows as they are read from a folder, to compare."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from results.schema.columns import columns_of
from results.schema.rows import AccuracyRow, ThroughputRow
from results.tables import DTYPES
from tests.rows import accuracy_row


def frame_of(rows: Sequence[AccuracyRow] | Sequence[ThroughputRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            item.name: pd.Series([getattr(row, item.name) for row in rows], dtype=DTYPES[item.kind])
            for item in columns_of(type(rows[0]))
        }
    )


def seeds(
    values: Sequence[float], score: str = "token_accuracy", **changes: Any
) -> list[AccuracyRow]:
    """Return one row per value; each is another seed."""
    return [
        accuracy_row(seed=seed, **changes | {score: value})
        for seed, value in enumerate(values, start=11)
    ]
