"""Lay out the README's table of L90, L50 and the seeds that solve the longest length."""

import math
from typing import Any

import pandas as pd

from reports.selection.looks import labels_of
from results.stats.over_seeds import solved_fraction
from results.stats.threshold_length import ABOVE, BELOW, NOT_IDENTIFIED, crossings, mean_crossing
from results.wording import markdown, told_apart

CURVE = ["task", "model"]
SOLVED_ACCURACY = 0.9
# Score, level and title of each column.
COLUMNS = (
    ("normalised_accuracy", 0.9, "nine tenths of the accuracy"),
    ("normalised_accuracy", 0.5, "half of the accuracy"),
    ("carried_share", 0.5, "half of the bits"),
)
NOTHING = "–"


def length_table(rows: pd.DataFrame) -> str:
    """Lay out as Markdown up to which length each model keeps a share, at its own lengths."""
    rows = rows.assign(carried_share=rows["carried_bits"] / rows["target_bits"])
    longest = int(rows["length"].max())
    titles = ["task", "model", *(title for *_, title in COLUMNS), f"seeds that solve {longest}"]
    lines = [f"| {' | '.join(titles)} |", f"|---|---|{'---:|' * (len(COLUMNS) + 1)}"]
    columns = [length_column(rows, score, level=level) for score, level, _ in COLUMNS]
    columns.append(_solved(rows[rows["length"] == longest]))
    tasks, models = names_of(rows)
    for task, of_task in rows.groupby("task"):
        present = {*of_task["model"]}
        for model in (model for model in models if model in present):
            cells = [column.get((str(task), model), NOTHING) for column in columns]
            lines.append(f"| {tasks[str(task)]} | {models[model]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def names_of(rows: pd.DataFrame) -> tuple[dict[str, str], dict[str, str]]:
    """Name tasks and models as they are written in a Markdown table, in its order."""
    tasks, models = told_apart(rows["task"]), labels_of(rows["model"])
    return (
        {name: markdown(text) for name, text in tasks.items()},
        {name: markdown(text) for name, text in models.items()},
    )


def length_column(rows: pd.DataFrame, score: str, *, level: float) -> dict[tuple[str, str], str]:
    """Write up to which length a score keeps a share, by task and model."""
    found = crossings(rows, score, CURVE, level=level)
    longest = found.assign(end=found["length"].where(found["kind"] == ABOVE))
    ends = longest.groupby(CURVE)["end"].min()
    return {
        (each["task"], each["model"]): _length(each, end=ends[each["task"], each["model"]])
        for each in mean_crossing(found, CURVE).to_dict("records")
    }


def _length(row: dict[Any, Any], *, end: float) -> str:
    """Name the mean length and its interval, or how many seeds have no such length."""
    n = row["n"]
    if row[ABOVE] == n:
        return f"> {end:.0f}"
    without = {
        f"> {end:.0f}": row[ABOVE],
        "below the shortest": row[BELOW],
        "not identified": row[NOT_IDENTIFIED],
    }
    if any(without.values()):
        return ", ".join(f"{words} in {count} of {n}" for words, count in without.items() if count)
    if math.isnan(row["low"]):
        return f"{row['length']:.0f}"
    return f"{row['length']:.0f} ({row['low']:.0f}–{row['high']:.0f})"


def _solved(rows: pd.DataFrame) -> dict[tuple[str, str], str]:
    found = solved_fraction(rows, CURVE, threshold=SOLVED_ACCURACY)
    return {
        (each["task"], each["model"]): f"{each['solved']} of {each['n']}"
        f" ({each['low']:.2f}–{each['high']:.2f})"
        for each in found.to_dict("records")
    }
