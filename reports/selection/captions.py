"""What a reader has to know of a figure, in two lines: seeds, settings, and what is missing."""

import pandas as pd

from reports.selection.curves import Curves, Facts
from results.wording import told_apart

ENCODERS = {"bi": "two-way", "uni": "one-way"}
# tests/models/test_mirror.py shows it.
MIRRORED = "With an encoder, copy and reverse are one experiment, mirrored."


def curves_caption(curves: Curves, *, explanation: str = "") -> str:
    """Write the caption of a figure of curves, after a sentence of its own."""
    facts = curves.facts
    symbols = ", ".join(
        f"{size} ({', '.join(names)})" for size, names in sorted(_tasks_by_size(facts).items())
    )
    parts = [
        explanation,
        seeds_sentence(curves.table, facts.seeds),
        f"{facts.protocol.capitalize()}; "
        f"{model_settings(facts.cell, hidden=facts.hidden, encoder=facts.encoder)}; "
        f"symbols: {symbols}.",
        MIRRORED if facts.encoder == "bi" and {"copy", "reverse"} <= {*facts.symbols} else "",
        unfinished_rows(facts.unfinished, rows=facts.rows),
    ]
    return " ".join(part for part in parts if part)


def seeds_sentence(table: pd.DataFrame, planned: int, *, mean: str = "mean") -> str:
    """Say which line is the mean of how many seeds; `mean` names it.

    Args:
        table: Of a figure of curves.
        planned: Seeds that have a row, finished or not.
    """
    finished = table.dropna(subset=["seed", "y"])
    if finished.empty:
        return f"n = 0 of {counted(planned, 'seed')}: no row finished."
    if planned == 1:
        return "n = 1 seed, so no interval."
    text = f"Bold: {mean} of {planned} seeds; thin: each seed; band: 95 % t-interval."
    return text if finished["is_complete"].all() else f"{text} Hollow: not all seeds finished."


def _tasks_by_size(facts: Facts) -> dict[int, list[str]]:
    by_size: dict[int, list[str]] = {}
    titles = told_apart(facts.symbols)
    for task, size in facts.symbols.items():
        by_size.setdefault(size, []).append(titles[task])
    return by_size


def unfinished_rows(count: int, *, rows: int) -> str:
    """Say how many rows did not finish; nothing where all did."""
    return f"{count:,} of {counted(rows, 'row')} did not finish." if count else ""


def model_settings(cell: str, *, encoder: str, hidden: int | None = None) -> str:
    """Write what the models have in common; without the state where sizes differ."""
    name = cell.upper() if cell in ("lstm", "gru") else cell
    state = "" if hidden is None else f" of {hidden} units"
    return f"{name}{state}, {ENCODERS.get(encoder, encoder)} encoder"


def counted(count: int, noun: str) -> str:
    """Write `1 seed`, `3 seeds`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
