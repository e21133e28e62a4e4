"""Heat maps: panels by task and model, on the frame of the other figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.drawing import style
from reports.drawing.axes import decimal_ticks, ends_of, put_ticks
from reports.drawing.frame import Frame, empty_figure
from reports.drawing.marks import say_empty

COLOURS = "viridis"
CORNER_INCHES = 0.12


@dataclass(frozen=True)
class Grid:
    """What a figure of heat maps shows.

    Attributes:
        table: row, column (the panels), x, y, value.
        rows: Panels from top to bottom.
        columns: Panels from left to right.
        column_labels: Their titles.
        ylabel: Label of the vertical axis.
        value_label: What the colours stand for.
        limits: Values at the ends of the colours; the largest value by panel where None.
        largest_text: What stands above each panel, with the largest value in place of `{}`;
            nothing where it is empty.
        is_scattered: Whether cells stand alone, at any x and y on logarithmic axes, instead of
            side by side.
    """

    table: pd.DataFrame
    rows: Sequence[str]
    columns: Sequence[str]
    column_labels: Sequence[str]
    ylabel: str
    value_label: str
    limits: tuple[float, float] | None = (0.0, 1.0)
    largest_text: str = ""
    is_scattered: bool = False


def accuracy_grid(rows: pd.DataFrame, *, x: str, y: str, ylabel: str) -> Grid:
    """Return free-running token accuracy, mean over seeds, one panel per task and model.

    Args:
        rows: Rows of one configuration.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
    """
    models = style.styles_for(rows["model"].unique())
    means = rows.groupby(["task", "model", x, y])["token_accuracy"].mean().reset_index()
    names = {"task": "row", "model": "column", x: "x", y: "y", "token_accuracy": "value"}
    return Grid(
        table=means.rename(columns=names),
        rows=sorted(rows["task"].unique()),
        columns=list(models),
        column_labels=[look.label for look in models.values()],
        ylabel=ylabel,
        value_label="share answered right",
    )


def draw_grid(
    grid: Grid,
    *,
    title: str,
    xlabel: str,
    caption: str,
    decorate: Callable[[Axes, str, str], None] = lambda axis, row, column: None,
) -> Figure:
    """Draw one heat map per panel, with one scale of colours.

    Args:
        decorate: Draws more onto the panel of a row and a column.
    """
    frame = Frame(
        title=title,
        columns=grid.column_labels,
        legends=[],
        xlabel=xlabel,
        caption=caption,
        left_inches=0.75,
        right_inches=0.62,
        corner_inches=CORNER_INCHES if grid.largest_text else 0.0,
    )
    figure, axes = empty_figure(frame, rows=len(grid.rows))
    mesh = None
    for row, panels in zip(grid.rows, axes, strict=True):
        for column, axis in zip(grid.columns, panels, strict=True):
            here = (grid.table["row"] == row) & (grid.table["column"] == column)
            known = grid.table[here].dropna(subset="value")
            draw = _draw_squares if grid.is_scattered else _draw_panel
            drawn = draw(axis, known, limits=grid.limits)
            if grid.largest_text and len(known):
                _write_above(axis, grid.largest_text.format(f"{known['value'].max():.3g}"))
            mesh = drawn or mesh
            if grid.is_scattered:
                _set_logarithmic(axis, grid.table)
            decorate(axis, row, column)
            axis.grid(visible=False)
        panels[0].set_ylabel(f"{row}\n{grid.ylabel}")
    if mesh is not None and grid.limits is not None:
        _draw_scale(figure, mesh, axes[-1][-1], label=grid.value_label)
    return figure


def _draw_panel(
    axis: Axes, known: pd.DataFrame, *, limits: tuple[float, float] | None
) -> ScalarMappable | None:
    if known.empty:
        say_empty(axis)
        return None
    table = known.pivot_table(index="y", columns="x", values="value", aggfunc="first")
    low, high = _ends(known, limits)
    mesh = axis.pcolormesh(
        _edges(table.columns.to_numpy(dtype=float)),
        _edges(table.index.to_numpy(dtype=float)),
        np.ma.masked_invalid(table.to_numpy(dtype=float)),
        cmap=COLOURS,
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    _set_ticks(axis)
    return mesh


def _draw_squares(
    axis: Axes, known: pd.DataFrame, *, limits: tuple[float, float] | None
) -> ScalarMappable | None:
    if known.empty:
        say_empty(axis)
        return None
    low, high = _ends(known, limits)
    squares = axis.scatter(
        known["x"],
        known["y"],
        c=known["value"],
        cmap=COLOURS,
        vmin=low,
        vmax=high,
        marker="s",
        s=16,
        linewidths=0,
    )
    return squares


def _write_above(axis: Axes, text: str) -> None:
    axis.annotate(
        text,
        (1.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=style.CAPTION_SIZE,
        color=style.NOTE_COLOUR,
    )


def _set_logarithmic(axis: Axes, table: pd.DataFrame) -> None:
    along, up = (decimal_ticks(table[name].to_numpy(dtype=float)) for name in ("x", "y"))
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(*ends_of(along))
    axis.set_ylim(*ends_of(up))
    put_ticks(axis.xaxis, along, text="{:g}".format)
    put_ticks(axis.yaxis, up, text="{:g}".format)


def _ends(known: pd.DataFrame, limits: tuple[float, float] | None) -> tuple[float, float]:
    return limits or (min(0.0, float(known["value"].min())), float(known["value"].max()))


def _set_ticks(axis: Axes) -> None:
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return the borders of cells around these centres, half way to their neighbours."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[:-1] + centres[1:]) / 2
    first, last = 2 * centres[0] - between[0], 2 * centres[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def _draw_scale(figure: Figure, mesh: ScalarMappable, last: Axes, *, label: str) -> None:
    place = last.get_position()
    width = figure.get_figwidth()
    axis = figure.add_axes((place.x1 + 0.09 / width, place.y0, 0.09 / width, place.height))
    bar = figure.colorbar(mesh, cax=axis)
    bar.set_label(label, fontsize=style.CAPTION_SIZE)
    bar.ax.tick_params(labelsize=style.CAPTION_SIZE)
