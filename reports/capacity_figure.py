"""The figure of capacity: bits by length, and on the scale of the state."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.capacity import Capacity, in_order
from reports.captions import counted, model_settings
from reports.layout import Frame, empty_figure
from reports.marks import draw_band, draw_mean, points, say_empty
from reports.style import DASH_DOT, DASHED, DOTTED, SOLID, Dash, LineStyle

COLOURS = ("#9AD1F5", "#00417F", "#18A07F", "#E69F00", "#B5420A")
DASHES: tuple[Dash, ...] = (SOLID, DASHED, DASH_DOT, DOTTED)
MARKERS = ("o", "s", "d", "v", "^")
TARGET = LineStyle("all the information in the target", "#CFCFCF", SOLID, width=4.0)


def capacity_figure(capacity: Capacity) -> Figure:
    """Draw carried bits against length, then both per number of the state, and L50."""
    looks = _looks(capacity)
    frame = Frame(
        title="How many bits a state carries, by its size and that of the alphabet",
        columns=["bits against all bits", "per number of the state", "half come through"],
        legends=[list(looks.values()), [TARGET]],
        xlabel="",
        caption=_caption(capacity),
        left_inches=0.62,
    )
    figure, axes = empty_figure(frame, rows=1, is_shared=False)
    (plain, scaled, half) = axes[0]
    _draw_bits(plain, capacity, looks, x="target_bits", y="mean", xlabel="bits of the target")
    plain.set_ylabel("bits carried")
    _draw_bits(
        scaled,
        capacity,
        looks,
        x="target_per_number",
        y="bits_per_number",
        xlabel="bits of the target / numbers",
    )
    scaled.set_ylabel("bits carried / numbers")
    _draw_half(half, capacity, looks)
    return figure


def _looks(capacity: Capacity) -> Mapping[tuple[int, int], LineStyle]:
    hidden = in_order(capacity.bits["hidden"])
    symbols = in_order(capacity.bits["symbols"])
    return {
        (size, alphabet): LineStyle(
            f"state {size}, {alphabet} symbols",
            COLOURS[hidden.index(size) % len(COLOURS)],
            DASHES[symbols.index(alphabet) % len(DASHES)],
            MARKERS[symbols.index(alphabet) % len(MARKERS)],
        )
        for size in hidden
        for alphabet in symbols
        if not _of(capacity.bits, hidden=size, symbols=alphabet).empty
    }


def _draw_bits(
    axis: Axes,
    capacity: Capacity,
    looks: Mapping[tuple[int, int], LineStyle],
    *,
    x: str,
    y: str,
    xlabel: str,
) -> None:
    for order, ((hidden, symbols), look) in enumerate(looks.items()):
        line = _of(capacity.bits, hidden=hidden, symbols=symbols)
        place = f"{y}/{hidden}/{symbols}"
        if y == "mean":
            draw_band(axis, line, look, place=place, x=x)
        draw_mean(
            axis,
            *points(line, y, x=x),
            look,
            place=place,
            order=order,
            is_complete=(line["n"] >= capacity.seeds).to_numpy(),
        )
    values = capacity.bits[y].dropna()
    if values.empty:
        say_empty(axis)
        return
    top = float(values.max()) * 1.15
    axis.plot([0, top], [0, top], color=TARGET.colour, linewidth=TARGET.width, zorder=1.5)
    axis.set_xlim(left=0)
    axis.set_ylim(min(0.0, float(values.min()) * 1.15), top)
    axis.set_xlabel(xlabel)


def _draw_half(axis: Axes, capacity: Capacity, looks: Mapping[tuple[int, int], LineStyle]) -> None:
    for (hidden, symbols), look in looks.items():
        row = _of(capacity.half, hidden=hidden, symbols=symbols).dropna(subset="length")
        axis.plot(
            row["numbers"],
            row["half_bits"],
            color=look.colour,
            marker=look.marker,
            linestyle="None",
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            gid=f"half/{hidden}/{symbols}",
        )
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.set_xlabel("numbers in the state")
    axis.set_ylabel("bits of the target at L50")


def _of(table: pd.DataFrame, *, hidden: int, symbols: int) -> pd.DataFrame:
    return table[(table["hidden"] == hidden) & (table["symbols"] == symbols)]


def _caption(capacity: Capacity) -> str:
    bounded = capacity.half[["above", "below", "not_identified"]].sum(axis=1).gt(0).sum()
    missing = (
        f" {counted(int(bounded), 'size')} without a point: in some seed the curve does not cross "
        "one half within the lengths measured."
        if bounded
        else ""
    )
    settings = model_settings(capacity.cell, encoder=capacity.encoder)
    interval = ", and 95 % t-interval on the left" if capacity.seeds > 1 else ""
    return (
        "Seq2Seq without attention. Bits carried: entropy of the target less the cross-entropy of "
        "the model, a lower bound on what gets through at this budget of training, not a capacity. "
        f"L50: length at which half of the bits get through. Task: {capacity.task}. {settings}. "
        f"Up to {capacity.budget_updates:,} updates per stage. n = "
        f"{counted(capacity.seeds, 'seed')}: mean{interval}.{missing}"
    )
