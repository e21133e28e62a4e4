"""From rows of accuracy.csv to the table of a figure: selection, names, facts; no drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.errors import ResultsError
from results.schema.rows import OK, SETTING_COLUMNS
from results.stats.over_seeds import one_configuration
from results.wording import NEVER_IN_A_NAME

DEFAULT_PROTOCOL = "curriculum"
MIXED_PROTOCOL = "mixed"
SEED_CURVE = ["task", "model", "seed"]


@dataclass(frozen=True)
class Facts:
    """What a caption states: of `rows`, `unfinished` have no score; `seeds` counts both."""

    protocol: str
    seeds: int
    symbols: dict[str, int]
    cell: str
    hidden: int
    encoder: str
    rows: int
    unfinished: int


@dataclass(frozen=True)
class Curves:
    """Everything that a figure of curves shows.

    Attributes:
        table: row, column (the panel), line (a model or a baseline), seed (none of a baseline),
            length, x, y (missing where a row did not finish); is_complete: whether all seeds of
            the line have a value at this length.
        facts: For the caption.
    """

    table: pd.DataFrame
    facts: Facts


def require_one_configuration(frame: pd.DataFrame) -> None:
    """Refuse rows that mix settings within one curve, or between curves of one figure.

    Raises:
        ResultsError: They do; names the setting and the config_ids to choose from.
    """
    one_configuration(frame)
    for protocol, rows in frame.groupby("protocol"):
        for name in SETTING_COLUMNS:
            # Tasks have alphabets of their own; all else has to be the same in the whole figure.
            groups = rows.groupby("task") if name == "symbols" else [("all tasks", rows)]
            for label, group in groups:
                _require_same(group, name, where=f"{label}, {protocol}")


def _require_same(rows: pd.DataFrame, name: str, *, where: str) -> None:
    found = rows.drop_duplicates(name)
    if len(found) > 1:
        choices = "; ".join(
            f"{row.config_id} ({row.task}, {row.model}: {name}={getattr(row, name)})"
            for row in found.itertuples()
        )
        raise ResultsError(
            f"{where}: {name} differs between curves; choose one with --config ID: {choices}"
        )


def protocols_of(frame: pd.DataFrame) -> list[str]:
    """List the protocols in the table, the default one first."""
    return sorted(frame["protocol"].unique(), key=lambda name: (name != DEFAULT_PROTOCOL, name))


def own_length_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows tested at a length that they were trained for: those that make a curve.

    A model climbing a ladder, or fresh for each length, is tested at the length of its stage. A
    model of mixed lengths is tested at each up to its largest. Longer tests are extrapolation,
    which is another question and another figure.
    """
    is_mixed = frame["protocol"] == MIXED_PROTOCOL
    is_own = frame["length"] == frame["train_length"]
    is_within = frame["length"] <= frame["train_length"]
    return frame[is_own | (is_mixed & is_within)]


def curves_of(frame: pd.DataFrame, scores: Mapping[str, Sequence[str]]) -> Curves:
    """Turn the rows of one protocol and configuration into curves over the length.

    Args:
        scores: The columns that become rows of panels, each with its baselines.

    Raises:
        ResultsError: The table is empty, holds several protocols, or two rows of one seed for one
            point.
    """
    protocols = protocols_of(frame)
    if len(protocols) != 1:
        raise ResultsError(f"protocol: one is needed, not {', '.join(protocols) or 'none'}")
    rows = own_length_rows(frame)
    facts = facts_of(rows)
    require_one_row_per_point(rows)
    parts = []
    for score, baselines in scores.items():
        place = {"row": score, "column": rows["task"], "x": rows["length"]}
        parts.append(points(rows, seeds=facts.seeds, y=rows[score], **place))
        parts += [baseline_points(rows, name, **place) for name in baselines]
    return Curves(pd.concat(parts, ignore_index=True), facts)


def points(frame: pd.DataFrame, *, seeds: int, **columns: Any) -> pd.DataFrame:
    """Name columns as a figure of curves needs them, a point for each row of accuracy.csv.

    Args:
        seeds: How many a complete point has.
        columns: row, column, x and y; and line or length, where another column has its place.
    """
    names = {"line": frame["model"], "seed": frame["seed"], "length": frame["length"]}
    table = pd.DataFrame(names | columns, index=frame.index)
    table = table.astype({"x": float, "y": float})
    finished = table.groupby(["row", "column", "line", "length"])["y"].transform("count")
    return table.assign(is_complete=finished >= seeds)


def baseline_points(frame: pd.DataFrame, name: str, **columns: Any) -> pd.DataFrame:
    """Name columns in the same way, with one point of a baseline for each place."""
    table = points(frame, seeds=0, y=frame[name], **columns).drop(columns="seed")
    # A model may be called as a baseline is.
    return (
        table.assign(line=f"{NEVER_IN_A_NAME}{name}")
        .dropna(subset="y")
        .drop_duplicates(["row", "column", "length"])
    )


def require_one_row_per_point(rows: pd.DataFrame) -> None:
    """Refuse two rows of one seed at one length.

    Raises:
        ResultsError: There are two; names the point.
    """
    repeated = rows[rows.duplicated([*SEED_CURVE, "length"])]
    if len(repeated):
        row = repeated.iloc[0]
        raise ResultsError(
            f"{row['task']}, {row['model']}, seed {row['seed']}, length {row['length']}: two rows, "
            "reached over different lengths; give each set of --lengths a folder of its own (--out)"
        )


def facts_of(rows: pd.DataFrame) -> Facts:
    """Collect what the rows of a figure have in common.

    Raises:
        ResultsError: There is no row.
    """
    if rows.empty:
        raise ResultsError("no row was tested at a length that it was trained for")
    first = rows.iloc[0]
    symbols = rows.groupby("task")["symbols"].first()
    return Facts(
        protocol=str(first["protocol"]),
        seeds=int(rows["seed"].nunique()),
        symbols={str(task): int(size) for task, size in symbols.items()},
        cell=str(first["cell"]),
        hidden=int(first["hidden"]),
        encoder=str(first["encoder"]),
        rows=len(rows),
        unfinished=int((rows["status"] != OK).sum()),
    )
