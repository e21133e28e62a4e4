"""The tables of `bench.compare` as text, with what has to be said below them."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from results.schema.rows import OK
from results.stats.comparison import BETTER, SAME, WORSE, expected_by_chance
from results.stats.pairs import Pairs

# What a comparison is made for may differ.
PROVENANCE = (
    "commit",
    "torch_version",
    "python_version",
    "device",
    "model_version",
    "recipe_version",
)


def provenance_text(frames: Sequence[pd.DataFrame]) -> str:
    """Return what made the rows that are ok."""
    facts = []
    for name in PROVENANCE:
        columns = [frame.loc[frame["status"] == OK, name] for frame in frames if name in frame]
        values = sorted({str(value) for column in columns for value in column.dropna()})
        facts.append(f"{name} {', '.join(values) or 'unknown'}")
    return "; ".join(facts)


def section(heading: str, table: pd.DataFrame, pairs: Pairs, *, chance: str) -> str:
    """Return a table between its heading and its tally.

    Args:
        chance: What to say before the number of rows that chance alone would tell apart.
    """
    lines = [heading]
    if len(table):
        lines += _aligned(table)
    lines.append(_tally(table["verdict"]))
    with_interval = int(table["low"].notna().sum())
    if with_interval:
        expected = expected_by_chance(table)
        lines.append(f"{chance} {expected:.1f} of the {with_interval} rows with an interval")
    lines += _unpaired("A", pairs.only_a, other="B")
    lines += _unpaired("B", pairs.only_b, other="A")
    return "\n".join(lines)


def _tally(verdicts: "pd.Series[Any]") -> str:
    counts = dict.fromkeys((BETTER, WORSE, SAME), 0) | verdicts.value_counts().to_dict()
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"{len(verdicts)} {'row' if len(verdicts) == 1 else 'rows'}: {told}"


def _unpaired(side: str, counts: dict[str, int], *, other: str) -> Iterable[str]:
    if counts:
        rows = sum(counts.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        yield f"Not compared: {rows} CSV rows that are ok in {side} alone; in {other} {reasons}"


def _aligned(table: pd.DataFrame) -> Iterable[str]:
    """Yield the lines of a table: numbers to the right, words to the left."""
    columns = []
    for name in table.columns:
        cells = [str(name), *map(_cell, table[name])]
        width = max(map(len, cells))
        is_number = pd.api.types.is_numeric_dtype(table[name])
        columns.append([cell.rjust(width) if is_number else cell.ljust(width) for cell in cells])
    for line in zip(*columns, strict=True):
        yield "  ".join(line).rstrip()


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if pd.isna(value):
        return "-"
    return f"{value:.2e}" if 0 < abs(value) < 0.001 else f"{value:.4f}"
