"""The README's tables of accuracy: how far models hold, and their scores at four lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import own_length_rows, protocols_of, require_one_configuration
from reports.tables.lengths import SOLVED_ACCURACY, length_column, length_table, names_of
from results.errors import ResultsError
from results.schema.rows import OK
from results.stats.over_seeds import mean_over_seeds

LENGTHS = (10, 50, 100, 200)
POINT = ["task", "model", "length"]
NOTHING = "–"
MIDDLE = 50
SIZE = ("memory_numbers", "parameters")
SUMMARY = ["token_accuracy", "sequence_accuracy", "carried_bits", "target_bits", *SIZE]
HOLDS = (
    "**How far it holds**: the length up to which nine tenths or half is kept, of the accuracy "
    "from the best constant answer (0) to all right (1) and of the bits; geometric mean (95 % "
    f"interval). Solved: {SOLVED_ACCURACY:g} of the sequences without an error (Wilson interval)."
)
SIZES = (
    "**Size**: trained parameters, with the alphabet of each task, and numbers that pass from a "
    "source to its answer"
)


@dataclass(frozen=True)
class Table:
    """One score at every length, beside a known value in the column `beside`, if any."""

    score: str
    heading: str
    digits: int
    beside: str = ""
    beside_label: str = ""


TABLES = (
    Table(
        "token_accuracy",
        "Token accuracy, free-running",
        3,
        beside="constant_accuracy",
        beside_label="best constant answer",
    ),
    Table("sequence_accuracy", "Exact match of the whole sequence, free-running", 3),
    Table(
        "carried_bits",
        "Carried bits per sequence",
        0,
        beside="target_bits",
        beside_label="all the information in the target",
    ),
)


def _own_rows(frame: pd.DataFrame) -> pd.DataFrame:
    if frame.empty:
        raise ResultsError("the results hold no row")
    require_one_configuration(frame)
    return own_length_rows(frame)


def accuracy_tables(frame: pd.DataFrame) -> str:
    """Write all tables as Markdown, protocol by protocol.

    Raises:
        ResultsError: There is no row, or settings are mixed.
    """
    rows = _own_rows(frame)
    parts = []
    for protocol in protocols_of(rows):
        own = rows[rows["protocol"] == protocol]
        parts.append(
            f"Protocol `{protocol}`, {counted(own['seed'].nunique(), 'seed')}: mean "
            "(lowest–highest seed) at the length that the model was trained for; n where "
            "fewer seeds finished."
        )
        parts += [HOLDS, length_table(own)]
        for table in TABLES:
            parts += [f"**{table.heading}**", _score_table(own, table)]
        parts += [SIZES, _size_table(own)]
    return "\n\n".join(parts)


def headline_table(frame: pd.DataFrame) -> str:
    """Write one line for each task and model, with what its longest length has, as Markdown.

    Raises:
        ResultsError: There is no row, or settings are mixed.
    """
    rows = _own_rows(frame)
    end = int(rows["length"].max())
    titles = [
        "half lost at",
        *(f"items right at {length}" for length in (MIDDLE, end)),
        *(f"{what} at {end}" for what in ("sequences right", "bits", "memory numbers")),
        "parameters",
    ]
    lines = _head(["task", "model"], titles)
    halves = length_column(rows, "normalised_accuracy", level=0.5)
    middle, longest = (_means(rows[rows["length"] == length]) for length in (MIDDLE, end))
    tasks, models = names_of(rows)
    for curve in ((task, model) for task in tasks for model in models):
        if curve not in longest:
            continue
        own = longest[curve]
        cells = [
            halves.get(curve, NOTHING),
            _share(middle.get(curve, {}).get("token_accuracy")),
            _share(own["token_accuracy"]),
            _share(own["sequence_accuracy"]),
            f"{own['carried_bits']:.0f} of {own['target_bits']:.0f}",
            *(NOTHING if pd.isna(own[name]) else f"{own[name]:,.0f}" for name in SIZE),
        ]
        lines.append(f"| {tasks[curve[0]]} | {models[curve[1]]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _means(rows: pd.DataFrame) -> dict[Any, dict[Any, Any]]:
    """Average what the headline shows over the seeds, by task and model."""
    return rows.groupby(["task", "model"])[SUMMARY].mean().to_dict("index")


def _share(value: Any) -> str:
    return NOTHING if value is None or pd.isna(value) else f"{value:.2f}"


def _score_table(rows: pd.DataFrame, table: Table) -> str:
    lengths = _lengths_of(rows)
    lines = _head(["task", "model"], [f"length {length}" for length in lengths])
    cells = _cells(rows[rows["length"].isin(lengths)], table)
    tasks, models = names_of(rows)
    for task, of_task in rows.groupby("task"):
        present = {*of_task["model"]}
        for model in (model for model in models if model in present):
            line = [cells.get((task, model, length), NOTHING) for length in lengths]
            lines.append(f"| {tasks[str(task)]} | {models[model]} | {' | '.join(line)} |")
        if table.beside:
            known = of_task.dropna(subset=table.beside).groupby("length")[table.beside].first()
            line = [_number(known.get(length), table, mark="*") for length in lengths]
            lines.append(f"| {tasks[str(task)]} | *{table.beside_label}* | {' | '.join(line)} |")
    return "\n".join(lines)


def _size_table(rows: pd.DataFrame) -> str:
    lengths = _lengths_of(rows)
    tasks, models = names_of(rows)
    of_tasks = [f"parameters, {name}" for name in tasks.values()]
    lines = _head(["model"], [*of_tasks, *(f"numbers at {length}" for length in lengths)])
    parameters = rows.groupby(["model", "task"])["parameters"].first()
    numbers = rows.groupby(["model", "length"])["memory_numbers"].first()
    for model, label in models.items():
        cells = [parameters.get((model, task)) for task in tasks]
        cells += [numbers.get((model, length)) for length in lengths]
        texts = [NOTHING if cell is None or pd.isna(cell) else f"{cell:,}" for cell in cells]
        lines.append(f"| {label} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _lengths_of(rows: pd.DataFrame) -> list[int]:
    return [length for length in LENGTHS if (rows["length"] == length).any()]


def _head(names: Sequence[str], numbers: Sequence[str]) -> list[str]:
    titles = [*names, *numbers]
    return [f"| {' | '.join(titles)} |", f"|{'---|' * len(names)}{'---:|' * len(numbers)}"]


def _cells(rows: pd.DataFrame, table: Table) -> dict[tuple[Any, ...], str]:
    """Write every cell, by task, model and length."""
    summary = mean_over_seeds(rows, table.score, POINT).set_index(POINT)
    finished = rows[rows["status"] == OK].groupby(POINT)[table.score]
    summary["lowest"], summary["highest"] = finished.min(), finished.max()
    seeds = rows["seed"].nunique()
    cells: dict[Any, str] = {}
    for point, row in summary.to_dict("index").items():
        if not row["n"]:
            cells[point] = "did not finish" if row["failed"] else NOTHING
            continue
        mean, low, high = (_number(row[name], table) for name in ("mean", "lowest", "highest"))
        text = mean if low == mean == high else f"{mean} ({low}–{high})"
        cells[point] = text if row["n"] == seeds else f"{text}, n = {row['n']}"
    return cells


def _number(value: Any, table: Table, *, mark: str = "") -> str:
    return NOTHING if value is None else f"{mark}{value:.{table.digits}f}{mark}"
