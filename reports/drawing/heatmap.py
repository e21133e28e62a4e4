"""The heat maps: panels by task and model, on the frame of the other figures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns

from reports.drawing import style
from reports.drawing.frame import beside_row, empty_panels, say_empty

COLOURS = "viridis"
HEIGHT_INCHES, BAR_INCHES = 1.45, 0.7
# Panels beside each other that have room for words, and for three numbers below.
MOST_WITH_WORDS, MOST_WITH_THREE = 5, 10


def draw_heatmaps(
    table: pd.DataFrame,
    *,
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    ylabel: str,
    limits: tuple[float, float] | None,
    colour_label: str = "",
    largest_unit: str | None = None,
) -> sns.FacetGrid:
    """Draw one heat map per panel.

    A cell is as wide as any other, so the first, a middle and the last position are named. The
    centre of a cell is half a step beyond its place among the positions.

    Args:
        table: row, column (the panels), x, y, value.
        rows: Panels from top to bottom, with their titles.
        columns: Panels from left to right, with their titles.
        limits: Values at the ends of the colours; those of each panel where None.
        colour_label: What the colours show, beside a bar of them.
        largest_unit: Of the largest value, which is written above each panel; None for no value.
    """
    grid = empty_panels(
        table,
        rows=list(rows),
        columns=columns,
        height=HEIGHT_INCHES,
        bar_inches=BAR_INCHES if colour_label else 0.0,
    )
    if largest_unit is not None:
        for axis in grid.axes[0]:
            axis.set_title(axis.get_title(), pad=14)  # Above the largest value.
    for axis in grid.axes.flat:
        axis.set_axis_off()  # Else slow: sns.heatmap draws the whole figure each time.
    places = {side: sorted(table[side].unique()) for side in ("x", "y")}
    for (row, column), axis in grid.axes_dict.items():
        here = (table["row"] == row) & (table["column"] == column)
        known = table[here].dropna(subset="value")
        axis.grid(visible=False)
        if known.empty:
            say_empty(axis)
            continue
        cells = known.pivot(index="y", columns="x", values="value")
        low, high = limits or (min(0.0, float(known["value"].min())), float(known["value"].max()))
        sns.heatmap(
            cells.reindex(index=places["y"], columns=places["x"]).astype(float),
            ax=axis,
            cmap=COLOURS,
            vmin=low,
            vmax=high,
            cbar=False,
            xticklabels=False,
            yticklabels=False,
        )
        axis.set(xlabel="", ylabel="", ylim=(0, len(places["y"])))
        if largest_unit is not None:
            largest = known["value"].max()
            axis.annotate(
                f"largest {largest:.3g} {largest_unit}".strip()
                if len(columns) <= MOST_WITH_WORDS
                else f"{largest:.2g}",
                (1.0, 1.0),
                xycoords="axes fraction",
                xytext=(0, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=style.SMALL_SIZE,
                color=style.NOTE_COLOUR,
            )
    for axis in grid.axes.flat:
        axis.set_axis_on()
        ticks, numbers = _ends_and_middle(places["x"])
        first = 0 if len(columns) <= MOST_WITH_THREE else -1
        axis.set_xticks(ticks[first:], numbers[first:])
        axis.set_yticks(*_ends_and_middle(places["y"]), rotation=0)
    for title, axes in zip(rows.values(), grid.axes, strict=True):
        axes[0].set_ylabel(f"{beside_row(title, HEIGHT_INCHES)}\n{ylabel}", visible=True)
    meshes = [axis.collections[0] for axis in grid.axes.flat if axis.collections]
    grid.figure.set_layout_engine("constrained")
    if colour_label and meshes:
        bar = grid.figure.colorbar(meshes[0], ax=grid.axes, aspect=40, label=colour_label)
        bar.outline.set_visible(False)
    return grid


def _ends_and_middle(positions: Sequence[int]) -> tuple[list[float], list[str]]:
    values = np.array(positions, dtype=float)
    middle = int(np.abs(values - values[-1] / 2).argmin())
    places = sorted({0, middle, len(positions) - 1})
    return [place + 0.5 for place in places], [str(positions[place]) for place in places]
