"""The panel that all curves share: every seed, their mean, its interval, and baselines."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from reports.drawing.frame import PANEL_HEIGHT_INCHES, empty_panels, mark_decades, say_empty
from reports.drawing.style import LineStyle
from results.stats.intervals import mean_interval

MARK_EVERY_POINT_UP_TO = 10
Spread = Callable[["pd.Series[float]"], tuple[float, float]] | tuple[str, float] | None


@dataclass(frozen=True)
class Panel:
    """One row of panels: a value of the column `row`, and its vertical axis."""

    name: str
    label: str
    is_fraction: bool = True
    is_logarithmic: bool = False


def t_interval(values: "pd.Series[float]") -> tuple[float, float]:
    """Give seaborn the ends of the 95 % t-interval of the mean."""
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
    marked: Collection[int] = (),
) -> None:
    """Draw the lines of one panel.

    Args:
        is_by_seed: Whether each seed has a thin line.
        marked: Lengths that have a marker; without any, curves take turns.
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
                markevery=[
                    place
                    for place, length in enumerate(lengths)
                    if (length in marked if marked else place % turn == order % turn)
                ],
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
