"""The figure of capacity: bits by those of the target, and the length at which half get through."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETUPBASE
from matplotlib.ticker import FuncFormatter

from reports.drawing import style
from reports.drawing.curves import draw_lines, t_interval
from reports.drawing.frame import WIDTH_INCHES, framed, mark_decades, say_empty
from reports.drawing.style import DASH_DOT, DASHED, DOTTED, NOTE_COLOUR, SOLID, LineStyle
from reports.plots.capacity_data import Capacity
from reports.selection.captions import model_settings, seeds_sentence, unfinished_rows

COLOURS = ("#9AD1F5", "#18A07F", "#00417F", "#E69F00", "#B5420A")
DASHES = (SOLID, DASHED, DASH_DOT, DOTTED)
MARKERS = ("o", "s", "d", "v", "p")
TARGET = style.BASELINE_STYLES["target_bits"]
HALF = LineStyle("half of it", "#9A9A9A", DOTTED, width=1.0)
ONE_ITEM = LineStyle("one item per hidden unit (Collins et al. 2017)", "#CC79A7", SOLID, width=1.6)
ROOM = 1.05


def capacity_figure(capacity: Capacity) -> Figure:
    """Draw carried bits against those of the target, and L50 against the state."""
    table = capacity.curves.table
    states = {
        int(size): LineStyle(f"state {size}", COLOURS[place % len(COLOURS)], SOLID)
        for place, size in enumerate(sorted(table["hidden"].unique()))
    }
    alphabets = {
        int(size): LineStyle(
            f"{size} symbols",
            NOTE_COLOUR,
            DASHES[place % len(DASHES)],
            MARKERS[place % len(MARKERS)],
        )
        for place, size in enumerate(sorted(table["symbols"].unique()))
    }
    looks = {
        f"{hidden}/{symbols}": LineStyle("", look.colour, other.dash, other.marker, width=1.1)
        for hidden, look in states.items()
        for symbols, other in alphabets.items()
    }
    figure, (bits, half) = plt.subplots(1, 2, figsize=(WIDTH_INCHES, 2.6))
    # Curves part to the right: a marker on each point would hide the others before that.
    draw_lines(bits, table, looks, marked=[int(table["length"].max())])
    _draw_target(bits, longest=ROOM * float(table["x"].max()))
    _draw_half(half, capacity, states=list(states), alphabets=alphabets)
    return framed(
        figure,
        title="How many bits a state carries, by its size and that of the alphabet",
        looks={
            look.label: look
            for look in (*states.values(), *alphabets.values(), TARGET, HALF, ONE_ITEM)
        },
        caption=capacity_caption(capacity),
    )


def _draw_target(axis: Axes, *, longest: float) -> None:
    bottom, top = axis.get_ylim()
    for share, look in ((1.0, TARGET), (0.5, HALF)):
        sns.lineplot(
            x=[0.0, longest],
            y=[0.0, share * longest],
            ax=axis,
            color=look.colour,
            linestyle=look.dash,
            linewidth=look.width,
            zorder=1.5,
        )
    axis.set(xlim=(0, longest), ylim=(min(0.0, bottom), top))
    axis.set(xlabel="bits of the target", ylabel="bits carried")


def _draw_half(
    axis: Axes, capacity: Capacity, *, states: list[int], alphabets: Mapping[int, LineStyle]
) -> None:
    """Draw L50 by state, alphabets side by side; an arrow where it is only known to be longer."""
    axis.set_yscale("log")  # Before drawing: seaborn averages logarithms then.
    for is_bound, rows in capacity.half.groupby("is_bound"):
        shared: dict[str, Any] = {
            "x": "hidden",
            "y": "length",
            "hue": "symbols",
            "order": states,
            "hue_order": list(alphabets),
            # One shade for all: the marker shows the alphabet, the place shows the state.
            "palette": [look.colour for look in alphabets.values()],
            "dodge": 0.5 if len(alphabets) > 1 else False,
            "legend": False,
            "ax": axis,
        }
        sns.stripplot(rows, **shared, size=2, alpha=0.55, jitter=False)
        points = shared | {"linestyle": "none", "linewidth": 1.0}
        markers = [look.marker for look in alphabets.values()]
        sns.pointplot(rows, **points, errorbar=t_interval, markers=markers, markersize=4.5)
        if is_bound:
            sns.pointplot(rows, **points, errorbar=None, markers=CARETUPBASE, markersize=8)
    places = range(len(states))
    if capacity.half.empty:
        say_empty(axis)
        return
    axis.hlines(
        states,
        [place - 0.4 for place in places],
        [place + 0.4 for place in places],
        color=ONE_ITEM.colour,
        linewidth=ONE_ITEM.width,
        zorder=1.5,
    )
    axis.set_xticks(list(places), [str(state) for state in states])
    lengths = [*capacity.half["length"], *states]
    mark_decades(axis.yaxis, lengths, texts=FuncFormatter("{:g}".format))
    axis.set(xlabel="hidden units", ylabel="L50: half of the bits\nget through (items)")


def capacity_caption(capacity: Capacity) -> str:
    """Write the caption of the figure."""
    facts = capacity.curves.facts
    sentences = [
        f"Seq2Seq, {', '.join(facts.symbols)}; {model_settings(facts.cell, encoder=facts.encoder)};"
        f" up to {capacity.budget_updates:,} updates per stage.",
        seeds_sentence(capacity.curves.table, facts.seeds),
        "Arrow: longer." if capacity.half["is_bound"].any() else "",
        f"Most per number of the state: {capacity.most_per_number:.2g} bits.",
        *(
            f"{style.styles_for([model])[model].label} carries at least {share:.3f} of the bits."
            for model, share in capacity.least_shares.items()
        ),
        unfinished_rows(facts.unfinished, rows=facts.rows),
    ]
    return " ".join(filter(None, sentences))
