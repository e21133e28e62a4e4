"""What a reader has to know of a figure, in two lines: seeds, settings, and what is missing."""

import math
from collections.abc import Collection

import pandas as pd

from reports.selection.curves import MIXED_PROTOCOL, Curves, Facts
from reports.selection.looks import labels_of
from results.claims.evidence import PUBLISHED
from results.stats.intervals import FEWEST_FOR_BAND
from results.wording import told_apart

ENCODERS = {"bi": "two-way", "uni": "one-way"}
# tests/models/test_mirror.py shows it.
MIRRORED = "Reverse is copy, mirrored."
PUBLISHED_BUDGET = int(str(PUBLISHED["budget_updates"]))
SHARES = {0.25: "a quarter of", 0.5: "half", 1.0: "", 2.0: "twice", 4.0: "four times"}
# The budget of quick is round, and 3 % above a quarter.
NEARLY = 0.05


def curves_caption(curves: Curves, *, explanation: str = "") -> str:
    """Write the caption of a figure of curves, after a sentence of its own."""
    facts = curves.facts
    sizes = " or ".join(map(str, sorted({*facts.symbols.values()})))
    parts = [
        explanation,
        seeds_sentence(curves.table, facts.seeds),
        f"{settings_of(facts)}; {sizes} symbols.",
        MIRRORED if facts.encoder == "bi" and {"copy", "reverse"} <= {*facts.symbols} else "",
        _without_values(curves.table),
        unfinished_rows(facts.unfinished, rows=facts.rows),
    ]
    return " ".join(part for part in parts if part)


def _without_values(table: pd.DataFrame) -> str:
    """Name the models that are in a legend, and have no line in a panel where others have one."""
    of_models = table.dropna(subset="seed")
    counts = of_models.groupby(["row", "column", "line"])["y"].count()
    most = counts.groupby(["row", "column"]).transform("max")
    empty = counts[(counts == 0) & (most > 0)].reset_index()
    if empty.empty:
        return ""
    if empty["line"].nunique() > 1:
        return f"{empty['line'].nunique()} models have no value in some panel."
    (model,), tasks = empty["line"].unique(), sorted(told_apart(empty["column"]).values())
    return f"{labels_of([model])[model]} has no value on {' and '.join(tasks)}."


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
    band = "; band: 95 % t-interval" if planned >= FEWEST_FOR_BAND else ""
    is_complete = bool(finished["is_complete"].all())
    fewest = finished.groupby("line")["seed"].nunique().min()
    # A line of fewer seeds by plan, as the largest budget has.
    seeds = f"{fewest} to {planned}" if is_complete and fewest < planned else f"{planned}"
    text = f"Bold: {mean} of {seeds} seeds; thin: each{band}."
    return text if is_complete else f"{text} Hollow: a seed is missing."


def unfinished_rows(count: int, *, rows: int) -> str:
    """Say how many rows did not finish; nothing where all did."""
    return f"{count:,} of {counted(rows, 'row')} did not finish." if count else ""


def settings_of(facts: Facts) -> str:
    """Write how the models of a figure were trained, and what those of the suite are."""
    if len(facts.budgets) == 1:
        budget = budget_words(*facts.budgets, protocol=facts.protocol)
    else:
        each = ", ".join(f"{budget:,}" for budget in facts.budgets)
        budget = (
            f"up to {each} updates{_of_a_stage(facts.protocol)}, {PUBLISHED_BUDGET:,} published"
        )
    text = f"{facts.protocol.capitalize()}, {budget}"
    ours = recurrent(facts.models)
    if not ours:
        return text
    whose = "" if ours == facts.models else "RNN and Seq2Seq: "
    settings = model_settings(facts.cell, hidden=facts.hidden, encoder=facts.encoder)
    return f"{text}; {whose}{settings}"


def budget_words(budget: int, *, protocol: str = "") -> str:
    """Write a budget, and what share it is of the published one."""
    share = budget / PUBLISHED_BUDGET
    near = [each for each in SHARES if math.isclose(each, share, rel_tol=NEARLY)]
    words = SHARES[near[0]] if near else f"{share:.2g} {'times' if share > 1 else 'of'}"
    return f"up to {budget:,} updates{_of_a_stage(protocol)}, {words} the published budget".replace(
        "  ", " "
    )


def _of_a_stage(protocol: str) -> str:
    return "" if protocol == MIXED_PROTOCOL else " a length"


def recurrent(models: Collection[str]) -> frozenset[str]:
    """Keep the models of the suite that have a recurrent cell and, but for the RNN, an encoder."""
    return frozenset(
        name
        for name in models
        if name in ("rnn", "rnn-aligned") or name.partition("+")[0] == "seq2seq"
    )


def model_settings(cell: str, *, encoder: str, hidden: int | None = None) -> str:
    """Write what the models have in common; without the state where sizes differ."""
    name = cell.upper() if cell in ("lstm", "gru") else cell
    state = "" if hidden is None else f" of {hidden} units"
    return f"{name}{state}, {ENCODERS.get(encoder, encoder)} encoder"


def counted(count: int, noun: str) -> str:
    """Write `1 seed`, `3 seeds`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
