"""The figures by sequence length: scores, beyond the trained length, and by budget."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from seaborn import FacetGrid

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves, label_ends
from reports.drawing.frame import XLABEL, framed, mark_decades
from reports.selection.captions import curves_caption
from reports.selection.channel import BUDGET, half_lengths
from reports.selection.curves import (
    MIXED_PROTOCOL,
    Curves,
    baseline_points,
    curves_of,
    facts_of,
    points,
)
from results.schema.rows import OK
from results.stats.threshold_length import AT

ROOM = 1.03
GUESSING, CEILING = "constant_accuracy", "causal_ceiling_accuracy"
FACTORS = (1.0, 1.25, 1.5, 2.0)
HEIGHT_INCHES = 1.9
# Round lengths, far enough apart to compare.
WRITTEN_LENGTHS = (10, 20, 50, 100, 200, 500, 1000)
# From the smallest budget to the largest.
BUDGET_LOOKS = (
    ("#9AD1F5", style.DOTTED, "o"),
    ("#18A07F", style.DASHED, "d"),
    ("#E69F00", style.DASH_DOT, "v"),
    ("#B5420A", style.SOLID, "s"),
    ("#0D0D0D", style.DASHED, "X"),
)
_SCORE = "token_accuracy"


@dataclass(frozen=True)
class ByLength:
    """A figure of scores by length: its panels, each with its baselines."""

    panels: Mapping[Panel, tuple[str, ...]]
    explanation: str


FIGURES = {
    "accuracy": ByLength(
        panels={Panel("token_accuracy", "share of items right"): (GUESSING, CEILING)},
        explanation="Free-running: fed its own answers.",
    ),
    "teacher_forced": ByLength(
        panels={
            Panel("teacher_forced_token_accuracy", "share of items right,\nteacher-forced"): (
                GUESSING,
                "repeat_accuracy",
                CEILING,
            ),
        },
        explanation="Teacher-forced: fed the true items.",
    ),
    "sequence_accuracy": ByLength(
        panels={Panel("sequence_accuracy", "share of sequences right"): ()},
        explanation="Free-running: fed its own answers.",
    ),
    "carried_bits": ByLength(
        panels={
            Panel("carried_bits", "carried bits per sequence", is_fraction=False): ("target_bits",),
        },
        explanation="A lower bound on what passes.",
    ),
}


def length_curves(rows: pd.DataFrame, drawn: ByLength) -> Curves:
    """Turn the rows of one protocol and configuration into the curves of a figure."""
    return curves_of(rows, {panel.name: names for panel, names in drawn.panels.items()})


def length_figure(curves: Curves, drawn: ByLength, *, title: str) -> Figure:
    """Draw a row of panels for each score, one column per task."""
    table = curves.table
    looks = style.styles_of_lines(table["line"].unique())
    grid = draw_curves(
        table,
        list(drawn.panels),
        columns=style.titles_of(table["column"].unique()),
        looks=looks,
        height=HEIGHT_INCHES,
    )
    return framed(
        _by_length(grid, table).figure,
        title=title,
        looks=label_ends(grid, table, looks),
        xlabel=XLABEL,
        caption=curves_caption(curves, explanation=drawn.explanation),
    )


def _by_length(grid: FacetGrid, table: pd.DataFrame) -> FacetGrid:
    first = grid.axes[0, 0]
    first.set_xlim(0, ROOM * int(table["length"].max()))
    first.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    return grid


def extrapolated(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Keep rows by length trained and tested; none if none was tested beyond its training."""
    rows = accuracy[(accuracy["status"] == OK) & (accuracy["protocol"] != MIXED_PROTOCOL)]
    return rows if (rows["length"] > rows["train_length"]).any() else rows.iloc[:0]


def trained_length(rows: pd.DataFrame) -> int:
    """Choose the length trained for of `beyond_of`: the longest round one tested beyond it."""
    longer = rows.loc[rows["length"] > rows["train_length"], "train_length"].astype(int)
    lengths = sorted(longer.unique())
    return int(max((each for each in lengths if each in WRITTEN_LENGTHS), default=lengths[-1]))


def beyond_of(rows: pd.DataFrame, *, trained: int) -> Curves:
    """Turn rows of one length trained for into curves by how many times as long the test is.

    Args:
        rows: What `extrapolated` returned, of one configuration.
    """
    kept = rows[(rows["length"] >= trained) & (rows["train_length"] == trained)]
    # A model that was never tested beyond would be one mark without a curve.
    tested = kept.loc[kept["length"] > trained, "model"]
    kept = kept[kept["model"].isin(tested)]
    facts = facts_of(kept)
    place = {"row": _SCORE, "column": kept["task"], "x": kept["length"] / trained}
    of_models = points(kept, seeds=facts.seeds, y=kept[_SCORE], **place)
    guessing = baseline_points(kept, GUESSING, **place)
    return Curves(pd.concat([of_models, guessing], ignore_index=True), facts)


def beyond_figure(beyond: Curves, *, trained: int, title: str) -> Figure:
    """Draw accuracy against how many times as long as trained for, a column per task."""
    table = beyond.table
    looks = style.styles_of_lines(table["line"].unique())
    grid = draw_curves(
        table,
        [Panel(_SCORE, "share of items right")],
        columns=style.titles_of(table["column"].unique()),
        looks=looks,
        height=HEIGHT_INCHES,
    )
    first = grid.axes[0, 0]
    first.set_xscale("log")
    mark_decades(first.xaxis, table["x"], texts=FuncFormatter("×{:g}".format))
    if table["x"].max() <= FACTORS[-1]:
        first.xaxis.set_major_locator(FixedLocator(FACTORS))
    for axis in grid.axes.flat:
        axis.xaxis.set_minor_locator(NullLocator())
    return framed(
        grid.figure,
        title=title,
        looks=label_ends(grid, table, looks),
        xlabel=f"tested at so many times the {trained} items trained for",
        caption=curves_caption(beyond, explanation="Free-running; no training beyond ×1."),
    )


def half_lines(rows: pd.DataFrame) -> list[str]:
    """Say at which length half of the items are lost, for each budget, as a mean over seeds."""
    found = half_lengths(rows)
    lines = []
    for (task, model, budget), each in found.groupby(["task", "model", BUDGET]):
        lengths = each.loc[each["kind"] == AT, "length"]
        where = f"{lengths.mean():.3g}" if len(lengths) == len(each) else "no one length"
        seeds = ", ".join(f"{length:.3g}" for length in each["length"].astype(float))
        lines.append(f"{task}, {model}, budget {budget:,}: half lost at {where} ({seeds})")
    return lines


def budget_curves(rows: pd.DataFrame) -> Curves:
    """Turn the rows of one model into a curve for each budget, and a panel for each task."""
    facts = facts_of(rows)
    place = {"row": _SCORE, "column": rows["task"], "line": rows[BUDGET].map("{:,}".format)}
    table = points(rows, seeds=facts.seeds, x=rows["length"], y=rows[_SCORE], **place)
    # One with fewer seeds than another is complete all the same.
    return Curves(table.assign(is_complete=table["y"].notna()), facts)


def budget_figure(curves: Curves, *, title: str) -> Figure:
    """Draw a curve for each budget."""
    table = curves.table
    budgets = sorted(table["line"].unique(), key=lambda text: int(text.replace(",", "")))
    looks = {
        budget: style.LineStyle(f"up to {budget} updates", *BUDGET_LOOKS[place % len(BUDGET_LOOKS)])
        for place, budget in enumerate(budgets)
    }
    grid = draw_curves(
        table,
        [Panel(_SCORE, "share of items right")],
        columns=style.titles_of(table["column"].unique()),
        looks=looks,
        height=HEIGHT_INCHES,
    )
    named = style.labels_of(curves.facts.models, shows=style.is_drawn)
    return framed(
        _by_length(grid, table).figure,
        title=title,
        looks=label_ends(grid, table, looks),
        xlabel=XLABEL,
        caption=curves_caption(curves, explanation=f"{', '.join(named.values())}, free-running."),
    )
