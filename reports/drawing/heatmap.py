"""The heat maps: a panel for each model, wrapped into rows, all on one scale of colours."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing.frame import empty_panels, figure_width, say_empty, write_titles

SEQUENTIAL = "viridis"
# White is nought, so that what is not there looks like nothing.
SIGNED = "PuOr_r"
# A single row of panels may be higher.
ONE_ROW_INCHES, HEIGHT_INCHES, BAR_INCHES, LABELS_INCHES = 1.9, 1.55, 0.7, 0.5
NAME_INCHES, AROUND_INCHES = 0.115, 0.4
MOST_ACROSS = 3


def draw_heatmaps(
    table: pd.DataFrame,
    *,
    panels: Mapping[str, str],
    ylabel: str,
    colour_label: str,
    is_signed: bool = False,
    names: Mapping[str, Mapping[int, str]] | None = None,
) -> tuple[Figure, dict[str, Axes]]:
    """Draw one heat map per panel, at most three beside each other.

    A cell is as wide as any other, so the first, a middle and the last position are named. The
    centre of a cell is half a step beyond its place among the positions.

    Args:
        table: panel, x, y, value.
        panels: Their titles, from left to right.
        colour_label: What the colours show, beside a bar of them.
        is_signed: Whether values may be below 0. The scale of all panels is then as long on either
            side of 0 as the largest of their values; else it is from 0 to 1.
        names: Of every position of x and y, where all of them are named.

    Returns:
        The figure, and the axes of every panel.
    """
    # As even as they can be: four in two rows of two.
    across = math.ceil(len(panels) / math.ceil(len(panels) / MOST_ACROSS))
    places = {name: divmod(place, across) for place, name in enumerate(panels)}
    grid = empty_panels(
        pd.DataFrame(places.values(), columns=["row", "column"]).astype(str),
        rows=[str(row) for row in dict(places.values())],
        columns={str(column): "" for column in range(across)},
        height=max(
            ONE_ROW_INCHES if across == len(panels) else HEIGHT_INCHES,
            NAME_INCHES * len(names["y"]) + AROUND_INCHES if names else 0.0,
        ),
        bar_inches=BAR_INCHES,
    )
    axes = {name: grid.axes[place] for name, place in places.items()}
    positions = {side: sorted(table[side].unique()) for side in ("x", "y")}
    largest = float(table["value"].abs().max()) or 1.0
    for axis in grid.axes.flat:
        axis.set_axis_off()  # Else slow: sns.heatmap draws the whole figure each time.
    for name, axis in axes.items():
        known = table[table["panel"] == name].dropna(subset="value")
        axis.grid(visible=False)
        if known.empty:
            say_empty(axis)
            continue
        cells = known.pivot(index="y", columns="x", values="value")
        sns.heatmap(
            cells.reindex(index=positions["y"], columns=positions["x"]).astype(float),
            ax=axis,
            cmap=SIGNED if is_signed else SEQUENTIAL,
            vmin=-largest if is_signed else 0.0,
            vmax=largest if is_signed else 1.0,
            cbar=False,
            xticklabels=False,
            yticklabels=False,
            rasterized=True,  # In an SVG ten thousand cells would be as many shapes.
        )
        axis.set(xlabel="", ylabel="", ylim=(0, len(positions["y"])))
    for axis in axes.values():
        axis.set_axis_on()
        if names:
            axis.set_xticks(*_all_of(positions["x"], names["x"]))
            axis.set_yticks(*_all_of(positions["y"], names["y"]))
            axis.tick_params(
                axis="x", labelrotation=90 * any(len(x) > 1 for x in names["x"].values())
            )
            axis.tick_params(length=0)
        else:
            axis.set_xticks(*_ends_and_middle(positions["x"]))
            axis.set_yticks(*_ends_and_middle(positions["y"]), rotation=0)
        axis.tick_params(labelbottom=True)
    for row in grid.axes:
        row[0].set_ylabel(ylabel, visible=True)
    room = (figure_width() - LABELS_INCHES - BAR_INCHES) / across
    write_titles(grid.figure, {axis: panels[name] for name, axis in axes.items()}, room=room)
    meshes = [axis.collections[0] for axis in axes.values() if axis.collections]
    grid.figure.set_layout_engine("constrained")
    if meshes:
        bar = grid.figure.colorbar(meshes[0], ax=grid.axes, aspect=30, label=colour_label)
        bar.outline.set_visible(False)
    return grid.figure, axes


def _all_of(positions: Sequence[int], names: Mapping[int, str]) -> tuple[list[float], list[str]]:
    return [place + 0.5 for place in range(len(positions))], [names[each] for each in positions]


def _ends_and_middle(positions: Sequence[int]) -> tuple[list[float], list[str]]:
    values = np.array(positions, dtype=float)
    middle = int(np.abs(values - values[-1] / 2).argmin())
    places = sorted({0, middle, len(positions) - 1})
    return [place + 0.5 for place in places], [str(positions[place]) for place in places]
