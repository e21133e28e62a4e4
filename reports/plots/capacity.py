"""Carried bits by size of state and alphabet: rows to tables, tables to a figure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.markers import CARETUPBASE
from matplotlib.ticker import FuncFormatter

from reports.drawing import style
from reports.drawing.curves import draw_lines, t_interval
from reports.drawing.frame import WIDTH_INCHES, framed, mark_decades, say_empty
from reports.drawing.style import DASH_DOT, DASHED, DOTTED, NOTE_COLOUR, SOLID, LineStyle
from reports.selection.captions import (
    counted,
    model_settings,
    seeds_sentence,
    unfinished_rows,
)
from reports.selection.curves import Curves, facts_of, points
from results.schema.rows import OK
from results.stats.over_seeds import mean_over_seeds
from results.stats.size_scaling import SIZES, Collapse, Spread, collapse_of
from results.stats.threshold_length import ABOVE, AT, crossings
from results.wording import told_apart

MODEL = "seq2seq"
NUMBERS_PER_UNIT = {"lstm": 2}  # h and c; every other cell has h alone.
FEWEST_SIZES = 2
COLOURS = ("#9AD1F5", "#18A07F", "#00417F", "#E69F00", "#B5420A")
DASHES = (SOLID, DASHED, DASH_DOT, DOTTED)
MARKERS = ("o", "s", "d", "v", "p")
TARGET = style.BASELINE_STYLES["target_bits"]
HALF = LineStyle("half of it", "#9A9A9A", DOTTED, width=1.0)
ONE_ITEM = LineStyle("one item per hidden unit (Collins et al. 2017)", "#CC79A7", SOLID, width=1.6)
ROOM = 1.05


@dataclass(frozen=True)
class Capacity:
    """Everything that the figure of capacity shows.

    Attributes:
        curves: Carried bits (y) by those of the target (x); the columns hidden and symbols too.
        half: hidden, symbols, seed, length, is_bound: the length at which half of the bits get
            through, or the longest one where they do in some seed. Nothing is extrapolated, so a
            size of which a seed says neither has no row.
        collapse: How far the sizes lie apart; None where nothing can be compared.
        most_per_number: Most bits carried for each number of the state, mean over seeds.
        least_shares: Least share of the bits, mean over seeds, at any size and length of the
            other models of these sizes, by model.
        budget_updates: Updates per stage at most.
    """

    curves: Curves
    half: pd.DataFrame
    collapse: Collapse | None
    most_per_number: float
    least_shares: Mapping[str, float]
    budget_updates: int


def has_sizes(accuracy: pd.DataFrame) -> bool:
    """Tell if rows of `seq2seq` have several sizes of state or alphabet in one task."""
    return bool((_sizes(accuracy) >= FEWEST_SIZES).any())


def _sizes(accuracy: pd.DataFrame) -> "pd.Series[int]":
    rows = accuracy[accuracy["model"] == MODEL]
    return rows.drop_duplicates(["task", *SIZES]).groupby("task").size()


def capacity_of(accuracy: pd.DataFrame) -> Capacity:
    """Turn rows at the lengths trained for into bits by size.

    Args:
        accuracy: Rows of one protocol; of its tasks, the one with the most sizes is taken.
    """
    of_task = accuracy[accuracy["task"] == _sizes(accuracy).idxmax()]
    of_task = of_task.assign(carried_share=of_task["carried_bits"] / of_task["target_bits"])
    rows, others = of_task[of_task["model"] == MODEL], of_task[of_task["model"] != MODEL]
    facts = facts_of(rows)
    numbers = rows["hidden"] * NUMBERS_PER_UNIT.get(facts.cell, 1)
    rows = rows.assign(
        bits_per_number=rows["carried_bits"] / numbers,
        target_per_number=rows["target_bits"] / numbers,
    )
    finished = rows[(rows["status"] == OK) & rows["carried_bits"].notna()]
    lines = rows["hidden"].astype(str) + "/" + rows["symbols"].astype(str)
    bits = {"x": rows["target_bits"], "y": rows["carried_bits"], "line": lines}
    table = points(rows, seeds=facts.seeds, row="bits", column="bits", **bits)
    per_number = mean_over_seeds(rows, "bits_per_number", [*SIZES, "length"])
    shares = mean_over_seeds(others, "carried_share", ["model", *SIZES, "length"])
    least = shares.dropna(subset="mean").groupby("model")["mean"]
    return Capacity(
        Curves(table.join(rows[SIZES]), facts),
        half=_half_lengths(finished),
        collapse=collapse_of(finished, x="target_per_number", y="bits_per_number"),
        most_per_number=float(per_number["mean"].max()),
        least_shares={str(model): float(means.min()) for model, means in least},
        budget_updates=int(rows["budget_updates"].iloc[0]),
    )


def _half_lengths(finished: pd.DataFrame) -> pd.DataFrame:
    each = crossings(finished, "carried_share", SIZES)
    size = [each[name] for name in SIZES]
    is_known = each["kind"].isin([AT, ABOVE]).groupby(size).transform("all")
    is_bound = (each["kind"] == ABOVE).groupby(size).transform("any")
    return each.assign(is_bound=is_bound)[is_known].reset_index(drop=True)


def collapse_lines(collapse: Collapse | None) -> list[str]:
    """Say how far the curves of several sizes lie apart; no line where none are compared."""
    if collapse is None:
        return []
    return [
        f"At {collapse.load:.2g} bits of the target per number of the state, {collapse.sizes} "
        f"sizes differ by a factor of {_factor(collapse.all)}: states at one alphabet by "
        f"{_factor(collapse.states)}, alphabets at one state by {_factor(collapse.alphabets)}; "
        f"n = {counted(collapse.n, 'seed')}."
    ]


def _factor(spread: Spread) -> str:
    if math.isnan(spread.ratio):
        return "an unknown factor"
    if math.isnan(spread.low):
        return f"{spread.ratio:.2f}"
    return f"{spread.ratio:.2f} ({spread.low:.2f} to {spread.high:.2f})"


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
    labels = style.labels_of(capacity.least_shares, shows=style.is_drawn)
    tasks = ", ".join(told_apart(facts.symbols).values())
    sentences = [
        f"Seq2Seq, {tasks}; {model_settings(facts.cell, encoder=facts.encoder)};"
        f" up to {capacity.budget_updates:,} updates per stage.",
        seeds_sentence(capacity.curves.table, facts.seeds),
        "Arrow: longer." if capacity.half["is_bound"].any() else "",
        f"Most per number of the state: {capacity.most_per_number:.2g} bits.",
        *(
            f"{labels[model]} carries at least {share:.3f} of the bits."
            for model, share in capacity.least_shares.items()
        ),
        unfinished_rows(facts.unfinished, rows=facts.rows),
    ]
    return " ".join(filter(None, sentences))
