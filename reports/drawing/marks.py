"""The marks that all figures share: a curve with its markers, and the band around it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.drawing.style import NOTE_COLOUR, LineStyle

MARK_EVERY_POINT_UP_TO = 10


def draw_seed(
    axis: Axes, x: np.ndarray, values: np.ndarray, look: LineStyle, *, place: str
) -> None:
    """Draw the thin curve of one seed."""
    axis.plot(
        x,
        values,
        color=look.colour,
        linewidth=0.5,
        alpha=0.55,
        marker=".",
        markersize=1.2,
        zorder=2.2,
        clip_on=False,
        gid=f"seed/{place}",
    )


def draw_band(
    axis: Axes, table: pd.DataFrame, look: LineStyle, *, place: str, x: str = "length"
) -> None:
    """Draw the span from `low` to `high`, nothing where it is NaN."""
    along, low = points(table, "low", x=x)
    high = points(table, "high")[1]
    if np.isfinite(low).any():
        axis.fill_between(
            along,
            low,
            high,
            color=look.colour,
            alpha=0.16,
            linewidth=0,
            zorder=2.0,
            gid=f"band/{place}",
        )
        alone = _stands_alone(low)
        axis.vlines(
            along[alone],
            low[alone],
            high[alone],
            color=look.colour,
            alpha=0.16,
            linewidth=5,
            zorder=2.0,
        )


def draw_mean(
    axis: Axes,
    x: np.ndarray,
    mean: np.ndarray,
    look: LineStyle,
    *,
    place: str,
    order: int,
    is_complete: np.ndarray,
    is_marked: np.ndarray | None = None,
) -> None:
    """Draw a curve and its markers; hollow where `is_complete` is false.

    Args:
        order: Place of the curve in the legend; later ones lie above.
        is_complete: Whether all seeds are behind a value, or it is certain in another way.
        is_marked: Which complete values have a marker; without it they take turns.
    """
    above = 3 + 0.1 * order
    axis.plot(
        x,
        mean,
        color=look.colour,
        linestyle=look.dash,
        linewidth=look.width,
        zorder=above,
        clip_on=False,
        gid=f"mean/{place}",
    )
    # Where curves coincide, markers that take turns and shrink upwards leave all of them visible.
    if is_marked is None:
        turn = 1 if len(x) <= MARK_EVERY_POINT_UP_TO else 2
        is_marked = np.arange(len(x)) % turn == order % turn
    is_marked = is_marked | _stands_alone(mean)
    size = max(3.4, 5.0 - 0.3 * order)
    for is_shown, face, edge, width, kind in (
        (is_complete & is_marked, look.colour, "white", 0.35, "points"),
        (~is_complete, "white", look.colour, 0.8, "hollow"),
    ):
        axis.plot(
            x[is_shown],
            mean[is_shown],
            linestyle="None",
            marker=look.marker,
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=edge,
            markeredgewidth=width,
            zorder=above + 0.05,
            clip_on=False,
            gid=f"{kind}/{place}",
        )


def _stands_alone(values: np.ndarray) -> np.ndarray:
    """Return where a value has no neighbour, so that no line shows it."""
    is_there = np.concatenate([[False], np.isfinite(values), [False]])
    alone: np.ndarray = is_there[1:-1] & ~is_there[:-2] & ~is_there[2:]
    return alone


def points(table: pd.DataFrame, value: str, *, x: str = "length") -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of a table in rising order, or what `x` is there, and the values."""
    ordered = table.sort_values("length")
    return ordered[x].to_numpy(dtype=float), ordered[value].to_numpy(dtype=float)


def say_empty(axis: Axes) -> None:
    """Write into a panel that it has nothing to show."""
    axis.text(
        0.5,
        0.5,
        "no finished row",
        transform=axis.transAxes,
        ha="center",
        va="center",
        color=NOTE_COLOUR,
    )
