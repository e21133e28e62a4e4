"""Accuracy of one model by length, for several budgets of training."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.drawing.curves import Panel, draw_curves
from reports.drawing.frame import XLABEL, framed
from reports.drawing.style import (
    DASH_DOT,
    DASHED,
    DOTTED,
    SOLID,
    LineStyle,
    is_drawn,
    labels_of,
    titles_of,
)
from reports.selection.captions import curves_caption
from reports.selection.channel import BUDGET, half_lengths
from reports.selection.curves import Curves, facts_of, points
from results.stats.threshold_length import AT

# From the smallest budget to the largest.
LOOKS = (
    ("#9AD1F5", DOTTED, "o"),
    ("#18A07F", DASHED, "d"),
    ("#E69F00", DASH_DOT, "v"),
    ("#B5420A", SOLID, "s"),
    ("#0D0D0D", DASHED, "X"),
)
ROOM = 1.03
_SCORE = "token_accuracy"


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
        budget: LineStyle(f"up to {budget} updates", *LOOKS[place % len(LOOKS)])
        for place, budget in enumerate(budgets)
    }
    named = labels_of([model], shows=is_drawn)
    grid = draw_curves(
        table,
        [Panel(_SCORE, "token accuracy,\nfree-running")],
        columns=titles_of(table["column"].unique()),
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
