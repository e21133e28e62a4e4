"""The panel that all curves share: every seed, their mean, its interval, and baselines."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from scipy.optimize import isotonic_regression

from reports.drawing import style
from reports.drawing.frame import (
    FILLED,
    LABELS_INCHES,
    PANEL_HEIGHT_INCHES,
    empty_panels,
    figure_width,
    inches_of,
    mark_decades,
    say_empty,
)
from reports.drawing.style import LineStyle
from results.stats.intervals import FEWEST_FOR_BAND, mean_interval

MARK_EVERY_POINT_UP_TO = 10
# Of labels at the ends of lines.
LABEL_INCHES, LABELS_WIDTH_INCHES = 0.125, 1.75
SAMPLE_AT, LABEL_AT = (1.05, 1.15), 1.18  # Shares of the width of a panel.
FREE_SHARE = 0.03  # Of the height of a panel: a label that is nearer to its line is not led to it.
Spread = Callable[["pd.Series[float]"], tuple[float, float]] | tuple[str, float] | None


@dataclass(frozen=True)
class Panel:
    """One row of panels: a value of the column `row`, and its vertical axis."""

    name: str
    label: str
    is_fraction: bool = True
    is_logarithmic: bool = False


def t_interval(values: "pd.Series[float]") -> tuple[float, float]:
    """Give seaborn the ends of the 95 % t-interval of the mean; none of few seeds.

    The interval of three is so wide that the thin line of each says more.
    """
    if len(values) < FEWEST_FOR_BAND:
        return math.nan, math.nan
    return mean_interval(values.to_numpy(dtype=float))[1:]


def draw_curves(
    table: pd.DataFrame,
    panels: Sequence[Panel],
    *,
    columns: Mapping[Any, str],
    looks: Mapping[str, LineStyle],
    height: float = PANEL_HEIGHT_INCHES,
    **options: Any,
) -> sns.FacetGrid:
    """Draw a row of panels for each score.

    Args:
        table: row, column (the panel), line (a model or a baseline), seed, length, x, y;
            is_complete, false where a marker is hollow.
        columns: Panels from left to right, with their titles.
        looks: Of every line, in the order of the legend.
        height: Of a panel, in inches.
        options: Of `draw_lines`.
    """
    names = [panel.name for panel in panels]
    grid = empty_panels(table, rows=names, columns=columns, height=height)
    for panel, axes in zip(panels, grid.axes, strict=True):
        of_row = table[table["row"] == panel.name]
        for column, axis in zip(columns, axes, strict=True):
            if panel.is_logarithmic:
                # Before drawing: seaborn averages logarithms where the axis is logarithmic.
                axis.set_yscale("log")
            draw_lines(axis, of_row[of_row["column"] == column], looks, **options)
        _set_heights(axes[0], panel, of_row["y"])
        axes[0].set_ylabel(panel.label, visible=True)
    return grid


def draw_lines(
    axis: Axes,
    table: pd.DataFrame,
    looks: Mapping[str, LineStyle],
    *,
    estimator: str = "mean",
    errorbar: Spread = t_interval,
    is_by_seed: bool = True,
) -> None:
    """Draw the lines of one panel.

    Args:
        is_by_seed: Whether each seed has a thin line.
    """
    plot = partial(sns.lineplot, x="x", y="y", ax=axis, sort=False, clip_on=False, legend=False)
    known = table[table[["x", "y"]].notna().all(axis=1)]
    models = [name for name, look in looks.items() if look.marker and (known["line"] == name).any()]
    for name, look in looks.items():
        mine = known[known["line"] == name].sort_values("length")
        if not look.marker and len(mine):
            # One point has no line.
            plot(
                mine,
                estimator=None,
                color=look.colour,
                linestyle=look.dash,
                linewidth=look.width,
                marker="_" if len(mine) == 1 else None,
                markeredgecolor=look.colour,
                zorder=1.5,
            )
    for order, name in enumerate(models):
        look, mine = looks[name], table[table["line"] == name].sort_values("length")
        if is_by_seed:
            plot(
                mine.assign(unit=_stretches_by_seed(mine)).dropna(subset=["x", "y"]),
                units="unit",
                estimator=None,
                color=look.colour,
                linewidth=0.5,
                alpha=0.55,
                marker=".",
                markersize=1.6,
                markeredgewidth=0,
                zorder=2.2,
            )
        plot_mean = partial(
            plot,
            estimator=estimator,
            color=look.colour,
            marker=look.marker,
            # Where curves coincide, markers that shrink upwards leave all of them visible.
            markersize=max(3.4, 5.0 - 0.3 * order),
        )
        for _, piece in mine.groupby(_stretches(mine)):
            lengths = piece.dropna(subset=["x", "y"])["length"].unique().tolist()
            if not lengths:
                continue  # A line without points has a place all the same, outside of the panel.
            turn = 1 if len(lengths) <= MARK_EVERY_POINT_UP_TO else 2
            is_alone = len(lengths) == 1
            plot_mean(
                piece,
                errorbar=errorbar,
                # A band around one point has no width.
                err_style="bars" if is_alone else "band",
                err_kws={"elinewidth": 1.0} if is_alone else {"alpha": 0.16, "linewidth": 0},
                linestyle=look.dash,
                linewidth=look.width,
                # seaborn marks every point; markers that take turns hide less.
                markevery=[place for place in range(len(lengths)) if place % turn == order % turn],
                markeredgewidth=0.35,
                zorder=3 + 0.1 * order,
            )
        hollow = mine[~mine["is_complete"] & mine["y"].notna()]
        if len(hollow):
            # seaborn has no marker that depends on the point: these lie on top of the full ones.
            plot_mean(
                hollow,
                errorbar=None,
                linestyle="none",
                markerfacecolor="white",
                markeredgecolor=look.colour,
                markeredgewidth=0.8,
                zorder=3.05 + 0.1 * order,
            )
    if not models:
        say_empty(axis)
    axis.set(xlabel="", ylabel="")


def _stretches(table: pd.DataFrame) -> "pd.Series[int]":
    """Number the stretches without a gap: seaborn drops missing points and draws across."""
    counts = table.groupby("length")["y"].count()
    return table["length"].map(counts.eq(0).cumsum())


def _stretches_by_seed(table: pd.DataFrame) -> "pd.Series[str]":
    gaps = table["y"].isna().groupby(table["seed"]).cumsum()
    return table["seed"].astype(str) + " " + gaps.astype(str)


def _set_heights(axis: Axes, panel: Panel, values: "pd.Series[float]") -> None:
    if panel.is_fraction:
        axis.set_ylim(0, 1)
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    elif panel.is_logarithmic:
        mark_decades(axis.yaxis, values, texts=FuncFormatter("{:g}".format))
    elif values.notna().any():
        low, high = axis.get_ylim()
        axis.set_ylim(min(0.0, low), high)
    else:
        axis.set_yticks([])


def label_ends(
    grid: sns.FacetGrid, table: pd.DataFrame, looks: Mapping[str, LineStyle]
) -> dict[str, LineStyle]:
    """Name the lines beside the last panel, if all of them end there and there is room.

    Args:
        grid: One row of panels, as `draw_curves` left it.
        table: What it drew.
        looks: Of every line.

    Returns:
        What a legend has to name: all lines, or none.
    """
    axis = grid.axes[0, -1]
    last = table[table["column"] == grid.col_names[-1]].dropna(subset=["x", "y"])
    ends = {
        name: (float(x["x"].max()), float(x.loc[x["x"] == x["x"].max(), "y"].mean()))
        for name, x in last.groupby("line")
    }
    font = FontProperties(size=style.TEXT_SIZE)
    is_narrow = max(inches_of(look.label, font) for look in looks.values()) <= LABELS_WIDTH_INCHES
    height = axis.get_position().height * grid.figure.get_figheight()
    room = (figure_width() - LABELS_WIDTH_INCHES - LABELS_INCHES) / len(grid.col_names)
    bold = FontProperties(weight="bold", size=style.PANEL_TITLE_SIZE)
    titles = [line for each in grid.axes[0] for line in each.get_title().split("\n")]
    fits = is_narrow and LABEL_INCHES * len(looks) <= height
    fits = fits and all(inches_of(title, bold) <= FILLED * room for title in titles)
    if not fits or len(grid.axes) > 1 or set(ends) != set(looks):
        return dict(looks)
    order = sorted(ends, key=lambda name: ends[name][1])
    # Through the scale of the axis, which may be logarithmic.
    to_share = axis.transData - axis.transAxes
    wanted = [height * float(to_share.transform(ends[name])[1]) for name in order]
    places = places_apart(wanted, [LABEL_INCHES] * len(order), gap=0.0, end=height)
    for name, at, place in zip(order, wanted, places, strict=True):
        look, middle = looks[name], place / height
        shared: dict[str, Any] = {"transform": axis.transAxes, "clip_on": False}
        axis.add_line(
            Line2D(
                SAMPLE_AT,
                (middle, middle),
                color=look.colour,
                linestyle=look.dash,
                linewidth=look.width,
                marker=look.marker or "None",
                markersize=3.6,
                markeredgecolor="white",
                markeredgewidth=0.35,
                markevery=[1],
                **shared,
            )
        )
        if abs(place - at) > FREE_SHARE * height:
            lead = ((1.0, SAMPLE_AT[0]), (at / height, middle))
            axis.add_line(Line2D(*lead, color=look.colour, linewidth=0.5, alpha=0.7, **shared))
        axis.text(LABEL_AT, middle, look.label, va="center", gid="end", **shared)
    return {}


def places_apart(
    wanted: Sequence[float], widths: Sequence[float], *, gap: float, end: float
) -> list[float]:
    """Find the centres nearest to those wanted at which texts keep their order and a gap.

    Neither Matplotlib nor seaborn moves texts apart. Texts that are too close become a group around
    the middle of what its texts want: isotonic regression of the wanted centres less the room that
    the texts before them take. All stay between 0 and `end`, as far as they fit.
    """
    taken = [0.0]
    for left, right in pairwise(widths):
        taken.append(taken[-1] + (left + right) / 2 + gap)
    free = [centre - room for centre, room in zip(wanted, taken, strict=True)]
    rising = isotonic_regression(free).x.tolist()
    low, high = widths[0] / 2, end - widths[-1] / 2 - taken[-1]
    return [max(low, min(high, each)) + room for each, room in zip(rising, taken, strict=True)]
