"""The figures by sequence length: scores, beyond the trained length, and by budget."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves
from reports.drawing.frame import (
    PANEL_HEIGHT_INCHES,
    XLABEL,
    beside_row,
    framed,
    mark_decades,
)
from reports.plots.compute import written_lengths
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
GUESSES = ("chance_accuracy", "constant_accuracy")
CEILING = "causal_ceiling_accuracy"
FACTORS = (1.0, 1.25, 1.5, 2.0)
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

    title: str
    panels: Mapping[Panel, tuple[str, ...]]
    explanation: str


FIGURES = {
    "accuracy": ByLength(
        title="Share of items answered right, by sequence length",
        panels={
            Panel("token_accuracy", "token accuracy,\nfree-running"): (*GUESSES, CEILING),
            Panel("teacher_forced_token_accuracy", "token accuracy,\nteacher-forced"): (
                *GUESSES,
                "repeat_accuracy",
                CEILING,
            ),
        },
        explanation="Free-running: fed its own answers; teacher-forced: fed the true ones.",
    ),
    "sequence_accuracy": ByLength(
        title="Share of sequences answered without any error, by length",
        panels={Panel("sequence_accuracy", "exact match,\nfree-running"): ()},
        explanation="The model is fed its own answers.",
    ),
    "carried_bits": ByLength(
        title="Information that gets from source to answer, by length",
        panels={
            Panel("carried_bits", "bits per sequence", is_fraction=False): ("target_bits",),
        },
        explanation="Entropy of the target less the model's cross-entropy: a lower bound.",
    ),
}


def length_curves(rows: pd.DataFrame, drawn: ByLength) -> Curves:
    """Turn the rows of one protocol and configuration into the curves of a figure."""
    return curves_of(rows, {panel.name: names for panel, names in drawn.panels.items()})


def length_figure(curves: Curves, drawn: ByLength) -> Figure:
    """Draw a row of panels for each score, one column per task."""
    table = curves.table
    looks = style.styles_of_lines(table["line"].unique())
    grid = draw_curves(
        table,
        list(drawn.panels),
        columns=style.titles_of(table["column"].unique()),
        looks=looks,
    )
    first = grid.axes[0, 0]
    first.set_xlim(0, ROOM * int(table["length"].max()))
    first.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    return framed(
        grid.figure,
        title=drawn.title,
        looks=looks,
        xlabel=XLABEL,
        caption=curves_caption(curves, explanation=drawn.explanation),
    )


def extrapolated(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Keep rows by length trained and tested; none if none was tested beyond its training."""
    rows = accuracy[(accuracy["status"] == OK) & (accuracy["protocol"] != MIXED_PROTOCOL)]
    return rows if (rows["length"] > rows["train_length"]).any() else rows.iloc[:0]


def beyond_of(rows: pd.DataFrame) -> Curves:
    """Turn rows by length trained and tested into curves by how many times as long the test is.

    Args:
        rows: What `extrapolated` returned, of one configuration; of the lengths trained, round
            ones are taken.
    """
    longer = rows[rows["length"] > rows["train_length"]]
    chosen = written_lengths(sorted(int(length) for length in longer["train_length"].unique()))
    kept = rows[(rows["length"] >= rows["train_length"]) & rows["train_length"].isin(chosen)]
    facts = facts_of(kept)
    place = {
        "row": kept["task"],
        "column": kept["train_length"],
        "x": kept["length"] / kept["train_length"],
    }
    of_models = points(kept, seeds=facts.seeds, y=kept["token_accuracy"], **place)
    constant = baseline_points(kept, "constant_accuracy", **place)
    return Curves(pd.concat([of_models, constant], ignore_index=True), facts)


def beyond_figure(beyond: Curves) -> Figure:
    """Draw accuracy against how many times as long as trained for, a column per length trained."""
    table = beyond.table
    looks = style.styles_of_lines(table["line"].unique())
    panels = [
        Panel(task, f"{beside_row(title, PANEL_HEIGHT_INCHES)}:\ntoken accuracy")
        for task, title in style.titles_of(table["row"].unique()).items()
    ]
    trained = sorted(int(length) for length in table["column"].unique())
    grid = draw_curves(
        table,
        panels,
        columns={length: f"trained up to {length}" for length in trained},
        looks=looks,
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
        title="Share of items answered right beyond the length trained for",
        looks=looks,
        xlabel="tested at so many times the length trained for",
        caption=curves_caption(beyond, explanation="Free-running, without training beyond ×1."),
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


def budget_figure(curves: Curves, model: str) -> Figure:
    """Draw a curve for each budget."""
    table = curves.table
    budgets = sorted(table["line"].unique(), key=lambda text: int(text.replace(",", "")))
    looks = {
        budget: style.LineStyle(f"up to {budget} updates", *BUDGET_LOOKS[place % len(BUDGET_LOOKS)])
        for place, budget in enumerate(budgets)
    }
    named = style.labels_of([model], shows=style.is_drawn)
    grid = draw_curves(
        table,
        [Panel(_SCORE, "token accuracy,\nfree-running")],
        columns=style.titles_of(table["column"].unique()),
        looks=looks,
        height=2.0,
    )
    first = grid.axes[0, 0]
    first.set_xlim(0, ROOM * int(table["length"].max()))
    first.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    return framed(
        grid.figure,
        title=f"{named[model]}: share of items answered right, by length and budget",
        looks=looks,
        xlabel=XLABEL,
        caption=curves_caption(curves, explanation="Updates are of the first stage."),
    )
