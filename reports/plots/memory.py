"""Bits carried against the numbers that pass from source to answer: rows to a table to a figure."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from reports.drawing import style
from reports.drawing.frame import empty_panels, framed, mark_decades
from reports.drawing.style import DOTTED, NOTE_COLOUR, LineStyle
from reports.selection.captions import counted, settings_of, unfinished_rows
from reports.selection.curves import Facts
from reports.selection.memory import ALL_BITS

HEIGHT_INCHES = 2.3
# Of all models: a line where each number that passes carries one bit.
ONE_BIT = LineStyle("one bit for each number", NOTE_COLOUR, DOTTED, width=1.0)


def memory_figure(points: pd.DataFrame, *, title: str, facts: Facts) -> Figure:
    """Draw a line for each model, a point for each length, a panel for each task.

    Args:
        points: What `memory_of` returned.
        facts: Of the rows behind it.
    """
    models = list(dict.fromkeys(points["model"]))
    looks = style.styles_of_lines(models)
    table = points.assign(row="bits", column=points["task"])
    grid = empty_panels(
        table,
        rows=["bits"],
        columns=style.titles_of(table["column"].unique()),
        height=HEIGHT_INCHES,
    )
    for task, axis in zip(grid.col_names, grid.axes[0], strict=True):
        axis.set_xscale("log")
        axis.set_yscale("log")
        _draw(axis, table[table["task"] == task], looks, ends=points["memory_numbers"])
        mark_decades(axis.xaxis, points["memory_numbers"], texts=FuncFormatter("{:g}".format))
        mark_decades(axis.yaxis, points["carried_bits"], texts=FuncFormatter("{:g}".format))
    grid.axes[0, 0].set_ylabel("bits carried", visible=True)
    return framed(
        grid.figure,
        title=title,
        looks={**looks, ONE_BIT.label: ONE_BIT},
        xlabel="numbers that pass from source to answer",
        caption=_caption(facts),
    )


def _draw(
    axis: Axes, points: pd.DataFrame, looks: Mapping[str, LineStyle], *, ends: "pd.Series[float]"
) -> None:
    span = (float(ends.min()), float(ends.max()))
    axis.plot(span, span, color=ONE_BIT.colour, linestyle=ONE_BIT.dash, linewidth=ONE_BIT.width)
    for name, look in looks.items():
        mine = points[points["model"] == name].sort_values("length")
        # Not `draw_lines`: seaborn would average all lengths of a state of fixed size, which
        # goes straight up. Thin: each seed.
        for _, of_seed in mine.groupby("seed"):
            axis.plot(
                of_seed["memory_numbers"],
                of_seed["carried_bits"],
                color=look.colour,
                linewidth=0.5,
                alpha=0.55,
            )
        means = mine.groupby("length")[["memory_numbers", "carried_bits", "share"]].mean()
        axis.plot(
            means["memory_numbers"],
            means["carried_bits"],
            color=look.colour,
            linestyle=look.dash,
            linewidth=look.width,
        )
        for is_all, rows in means.groupby(means["share"] >= ALL_BITS):
            axis.plot(
                rows["memory_numbers"],
                rows["carried_bits"],
                linestyle="none",
                marker=look.marker,
                markersize=4.2,
                markeredgewidth=0.8,
                markeredgecolor=look.colour,
                color="white" if is_all else look.colour,
            )


def _caption(facts: Facts) -> str:
    parts = [
        f"A point is a length; hollow: {ALL_BITS:.0%} of the target's bits or more get through. "
        f"Bold: mean of {counted(facts.seeds, 'seed')}; thin: each.".replace("%", " %"),
        f"{settings_of(facts)}.",
        unfinished_rows(facts.unfinished, rows=facts.rows),
    ]
    return " ".join(part for part in parts if part)
