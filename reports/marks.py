"""The marks that all figures share: a curve with its markers, and the band around it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.style import NOTE_COLOUR, LineStyle

MARK_EVERY_POINT_UP_TO = 10


def draw_band(axis: Axes, table: pd.DataFrame, look: LineStyle, *, place: str) -> None:
    """Draw the span from `low` to `high`, nothing where it is NaN."""
    length, low = points(table, "low")
    high = points(table, "high")[1]
    if np.isfinite(low).any():
        axis.fill_between(
            length,
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
            length[alone],
            low[alone],
            high[alone],
            color=look.colour,
            alpha=0.16,
            linewidth=5,
            zorder=2.0,
        )


def draw_mean(
    axis: Axes,
    length: np.ndarray,
    mean: np.ndarray,
    look: LineStyle,
    *,
    place: str,
    order: int,
    is_complete: np.ndarray,
) -> None:
    """Draw a curve and its markers; hollow where not all seeds are behind the mean."""
    above = 3 + 0.1 * order
    axis.plot(
        length,
        mean,
        color=look.colour,
        linestyle=look.dash,
        linewidth=look.width,
        zorder=above,
        clip_on=False,
        gid=f"mean/{place}",
    )
    # Where curves coincide, markers that take turns and shrink upwards leave all of them visible.
    turn = 1 if len(length) <= MARK_EVERY_POINT_UP_TO else 2
    is_marked = (np.arange(len(length)) % turn == order % turn) | _stands_alone(mean)
    size = max(3.4, 5.0 - 0.3 * order)
    for is_shown, face, edge, width, kind in (
        (is_complete & is_marked, look.colour, "white", 0.35, "points"),
        (~is_complete, "white", look.colour, 0.8, "hollow"),
    ):
        axis.plot(
            length[is_shown],
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


def points(table: pd.DataFrame, value: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of a table in rising order, and the values there."""
    ordered = table.sort_values("length")
    return ordered["length"].to_numpy(dtype=float), ordered[value].to_numpy(dtype=float)


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
