"""The figure of capacity: bits by length, and on the scale of the state."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing.frame import Frame, empty_figure
from reports.drawing.marks import draw_band, draw_mean, points, say_empty
from reports.drawing.style import DASH_DOT, DASHED, DOTTED, NOTE_COLOUR, SOLID, Dash, LineStyle
from reports.plots.capacity_caption import capacity_caption
from reports.plots.capacity_data import Capacity, in_order
from reports.plots.capacity_sizes import ONE_ITEM, TARGET, Looks, draw_by_state, draw_half, heights

COLOURS = ("#9AD1F5", "#18A07F", "#00417F", "#E69F00", "#B5420A")
DASHES: tuple[Dash, ...] = (SOLID, DASHED, DASH_DOT, DOTTED)
MARKERS = ("o", "s", "d", "v", "^")
CURVE_WIDTH, DOT_SIZE = 1.1, 2.2
HALF = LineStyle("half of it", "#9A9A9A", DOTTED, width=1.0)


def capacity_figure(capacity: Capacity) -> Figure:
    """Draw carried bits against those of the target and by size of the state, and L50."""
    longest = int(capacity.bits["length"].max())
    states = {
        size: LineStyle(f"state {size}", COLOURS[place % len(COLOURS)], SOLID)
        for place, size in enumerate(in_order(capacity.bits["hidden"]))
    }
    alphabets = {
        size: LineStyle(
            f"{size} symbols",
            NOTE_COLOUR,
            DASHES[place % len(DASHES)],
            MARKERS[place % len(MARKERS)],
        )
        for place, size in enumerate(in_order(capacity.bits["symbols"]))
    }
    frame = Frame(
        title="How many bits a state carries, by its size and that of the alphabet",
        columns=[
            "bits against all bits",
            "per number of the state",
            f"bits at length {longest}",
            "half get through",
        ],
        legends=[[*states.values(), *alphabets.values()], [TARGET, HALF, ONE_ITEM]],
        xlabel="",
        caption=capacity_caption(capacity),
        left_inches=0.62,
    )
    figure, axes = empty_figure(frame, rows=1, is_shared=False)
    (plain, scaled, by_state, half) = axes[0]
    looks = {
        (hidden, symbols): LineStyle("", look.colour, alphabet.dash, alphabet.marker, CURVE_WIDTH)
        for hidden, look in states.items()
        for symbols, alphabet in alphabets.items()
    }
    _draw_bits(plain, capacity, looks, x="target_bits", y="mean")
    plain.set_xlabel("bits of the target")
    plain.set_ylabel("bits carried")
    _draw_bits(scaled, capacity, looks, x="target_per_number", y="bits_per_number")
    scaled.set_xlabel("bits of the target / numbers")
    scaled.set_ylabel("bits carried / numbers")
    if capacity.collapse:
        scaled.axvline(capacity.collapse.load, color=NOTE_COLOUR, linewidth=0.6, gid="load")
    at_longest = capacity.bits[capacity.bits["length"] == longest]
    draw_by_state(by_state, at_longest, looks, seeds=capacity.seeds)
    draw_half(half, capacity.half, looks, seeds=capacity.seeds)
    return figure


def _draw_bits(axis: Axes, capacity: Capacity, looks: Looks, *, x: str, y: str) -> None:
    values = capacity.bits[y].dropna()
    if values.empty:
        say_empty(axis)
        return
    for order, ((hidden, symbols), look) in enumerate(looks.items()):
        line = _of(capacity.bits, hidden=hidden, symbols=symbols).sort_values("length")
        if line.empty:
            continue
        place = f"{y}/{hidden}/{symbols}"
        if y == "mean":
            draw_band(axis, line, look, place=place, x=x)
        is_complete = (line["n"] >= capacity.seeds).to_numpy()
        # Curves part to the right: a marker on each point would hide the others before that.
        is_longest = (line["length"] == line["length"].max()).to_numpy()
        along, up = points(line, y, x=x)
        draw_mean(
            axis,
            along,
            up,
            look,
            place=place,
            order=order,
            is_complete=is_complete,
            is_marked=is_longest,
        )
        axis.plot(
            along[is_complete & ~is_longest],
            up[is_complete & ~is_longest],
            color=look.colour,
            linestyle="None",
            marker="o",
            markersize=DOT_SIZE,
            markeredgewidth=0,
            zorder=3 + 0.1 * order,
            clip_on=False,
            gid=f"lengths/{place}",
        )
    bottom, top = heights(values)
    for share, look in ((1.0, TARGET), (0.5, HALF)):
        axis.plot(
            [0, top / share],
            [0, top],
            color=look.colour,
            linestyle=look.dash,
            linewidth=look.width,
            zorder=1.5,
        )
    axis.set_xlim(0, float(capacity.bits[x].max()) * 1.05)
    axis.set_ylim(bottom, top)


def _of(table: pd.DataFrame, *, hidden: int, symbols: int) -> pd.DataFrame:
    return table[(table["hidden"] == hidden) & (table["symbols"] == symbols)]
