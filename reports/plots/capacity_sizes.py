"""The panels of capacity that have a point for each size: bits at one length, and L50."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, Transform

from reports.drawing.marks import say_empty
from reports.drawing.style import NOTE_COLOUR, SOLID, LineStyle
from reports.plots.capacity_data import in_order

Looks = Mapping[tuple[int, int], LineStyle]
TARGET = LineStyle("all the information in the target", "#CFCFCF", SOLID, width=4.0)
ONE_ITEM = LineStyle(
    "one item per hidden unit, after Collins et al. 2017", "#CC79A7", SOLID, width=1.2
)
ROOM = 1.15
STEP_POINTS = 5.0


def draw_by_state(axis: Axes, bits: pd.DataFrame, looks: Looks, *, seeds: int) -> None:
    """Draw the bits at one length against the numbers of the state, beside those of the target."""
    known = bits.dropna(subset="mean")
    if known.empty:
        say_empty(axis)
        return
    _draw_sizes(axis, known, looks, x="numbers", y="mean", seeds=seeds)
    for row in known.drop_duplicates("symbols").to_dict("records"):
        dash = looks[row["hidden"], row["symbols"]].dash
        axis.axhline(
            row["target_bits"],
            color=TARGET.colour,
            linestyle=dash,
            linewidth=1.6,
            zorder=1.5,
            gid=f"target {row['symbols']}",
        )
    axis.set_xlim(0, float(known["numbers"].max()) * ROOM)
    axis.set_ylim(heights(pd.concat([known["mean"], known["target_bits"]])))
    axis.set_xlabel("numbers in the state")
    axis.set_ylabel("bits carried")


def draw_half(axis: Axes, half: pd.DataFrame, looks: Looks, *, seeds: int) -> None:
    """Draw L50 against hidden units; an arrow upwards where it is only known to be longer."""
    bounds = _side_by_side(
        half.dropna(subset="least_length").rename(columns={"least_length": "least"})
    )
    tops = pd.concat([half["length"], half["high"], bounds["least"]]).dropna()
    if tops.empty:
        say_empty(axis)
        return
    widest = float(half["hidden"].max()) * ROOM
    axis.plot(
        [0, widest], [0, widest], color=ONE_ITEM.colour, linewidth=ONE_ITEM.width, gid="one item"
    )
    known = half.dropna(subset="length")
    _draw_sizes(axis, known, looks, x="hidden", y="length", seeds=seeds)
    _draw_sizes(axis, bounds, looks, x="hidden", y="least", seeds=seeds, is_joined=False)
    for row in bounds.to_dict("records"):
        axis.annotate(
            "",
            xy=(row["hidden"], row["least"]),
            xycoords=_aside(axis, steps=row["steps"]),
            xytext=(0, 14),
            textcoords="offset points",
            arrowprops={"arrowstyle": "<-", "color": NOTE_COLOUR, "linewidth": 0.8},
        )
    axis.set_xlim(0, widest)
    axis.set_ylim(0, float(tops.max()) * 1.2)
    axis.set_xlabel("hidden units")
    axis.set_ylabel("L50 (items)")


def heights(values: "pd.Series[float]") -> tuple[float, float]:
    """Return the ends of a vertical axis from zero, or below it, to above all values."""
    return min(0.0, float(values.min()) * ROOM), max(0.0, float(values.max()) * ROOM) or 1.0


def _draw_sizes(
    axis: Axes,
    table: pd.DataFrame,
    looks: Looks,
    *,
    x: str,
    y: str,
    seeds: int,
    is_joined: bool = True,
) -> None:
    """Draw a point for each size, hollow where a seed is missing, and its interval if it has one.

    Where alphabets coincide, their markers shrink upwards.

    Args:
        table: A row for each size; `steps` aside, where it has that column.
        is_joined: Whether a line joins the states of one alphabet.
    """
    alphabets = in_order(symbols for _, symbols in looks)
    for _, line in table.sort_values(x).groupby("symbols"):
        places = list(zip(line["hidden"], line["symbols"], strict=True))
        dash = looks[places[0]].dash
        order = alphabets.index(places[0][1])
        if is_joined:
            axis.plot(
                line[x], line[y], color=NOTE_COLOUR, linestyle=dash, linewidth=0.8, zorder=2.5
            )
        for place, row in zip(places, line.to_dict("records"), strict=True):
            look = looks[place]
            aside = _aside(axis, steps=row.get("steps", 0.0))
            axis.vlines(
                row[x], row["low"], row["high"], color=look.colour, linewidth=0.8, transform=aside
            )
            axis.plot(
                [row[x]],
                [row[y]],
                color=look.colour,
                marker=look.marker,
                linestyle="None",
                markersize=max(3.2, 6.0 - 1.1 * order),
                markerfacecolor=look.colour if row["n"] >= seeds else "white",
                markeredgecolor="white" if row["n"] >= seeds else look.colour,
                markeredgewidth=0.4 if row["n"] >= seeds else 0.8,
                zorder=3 + 0.1 * order,
                clip_on=False,
                transform=aside,
                gid=f"{y}/{place[0]}/{place[1]}",
            )


def _side_by_side(bounds: pd.DataFrame) -> pd.DataFrame:
    """Add how many steps aside each bound is drawn: those of one state are often one length."""
    of_state = bounds.groupby("hidden")["symbols"]
    return bounds.assign(steps=of_state.rank() - (of_state.transform("size") + 1) / 2)


def _aside(axis: Axes, *, steps: float) -> Transform:
    """Return where a point is drawn that keeps its values but stands so many steps to the right."""
    inches = axis.figure.dpi_scale_trans
    return axis.transData + ScaledTranslation(steps * STEP_POINTS / 72, 0, inches)
