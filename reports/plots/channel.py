"""Bits through a channel of known capacity: rows to tables, tables to a figure."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from reports.drawing.curves import t_interval
from reports.drawing.frame import figure_width, framed, mark_decades
from reports.drawing.style import DASHED, DOTTED, NOTE_COLOUR, SOLID, Dash, LineStyle
from reports.selection.captions import budget_words, counted, model_settings, unfinished_rows
from reports.selection.channel import CONTROL, FULL_LOAD, NOISE, SIGNS, Channel, efficiency
from results.stats.intervals import FEWEST_FOR_BAND

COLOURS = ("#9AD1F5", "#18A07F", "#00417F", "#E69F00", "#B5420A", "#CC79A7", "#0D0D0D")
MARKERS = ("o", "s", "^", "d", "v", "p")
DASHES: dict[str, Dash] = {NOISE: SOLID, SIGNS: DOTTED, CONTROL: DASHED}
HEIGHT_INCHES = 2.1
BOUND = LineStyle("nothing can lie above", "#CC79A7", SOLID, width=1.6)


def efficiency_lines(channel: Channel) -> list[str]:
    """Say what share of its capacity each channel carries at full load."""
    return [
        f"{row.model}, {row.capacity:g} bits, {row.build}, budget {row.budget_updates:,}: carries "
        f"{row.share:.3f} of its capacity ({row.low:.3f} to {row.high:.3f}; "
        f"n = {counted(int(row['n']), 'seed')}) at {FULL_LOAD:g} times its bits or more"
        for _, row in efficiency(channel).iterrows()
    ]


def channel_figure(channel: Channel, *, title: str) -> Figure:
    """Draw accuracy against length, and bits carried against bits of the target."""
    points = channel.points
    capacities = sorted(points["capacity"].unique())
    colours = {size: COLOURS[place % len(COLOURS)] for place, size in enumerate(capacities)}
    builds = dict(zip(sorted(points["build"].unique(), key=_by_ratio), MARKERS, strict=False))
    figure, (items, bits) = plt.subplots(1, 2, figsize=(figure_width(), HEIGHT_INCHES))
    _draw_items(items, points[points["budget_updates"] == channel.least_budget], colours)
    _draw_bits(bits, points[points["model"] != CONTROL], colours, builds, channel.least_budget)
    of_capacity = [LineStyle(f"{size:g} bits", colours[size], SOLID) for size in capacities]
    of_build = [LineStyle(name, NOTE_COLOUR, SOLID, mark, 0.0) for name, mark in builds.items()]
    control = LineStyle("with attention beside it", NOTE_COLOUR, DASHED)
    has_control = bool((points["model"] == CONTROL).any())
    looks = [*of_capacity, *of_build, *[control] * has_control, BOUND]
    return framed(
        figure,
        title=title,
        looks={look.label: look for look in looks},
        caption=channel_caption(channel),
    )


def _by_ratio(build: str) -> tuple[int, str]:
    return len(build), build


def _draw_items(axis: Axes, points: pd.DataFrame, colours: Mapping[float, str]) -> None:
    axis.set_xscale("log")
    points = points.assign(run=points["build"] + " " + points["seed"].astype(str))
    for model in (NOISE, CONTROL):
        plot = partial(
            sns.lineplot,
            points[points["model"] == model],
            x="length",
            y="token_accuracy",
            hue="capacity",
            palette=dict(colours),
            legend=False,
            ax=axis,
        )
        plot(linestyle=DASHES[model], linewidth=1.3, errorbar=t_interval)
        # Of one seed and build each: a mean over seeds alone would hide how far they are apart.
        plot(units="run", estimator=None, linewidth=0.4, alpha=0.5)
    for capacity, colour in colours.items():
        rows = points[(points["model"] == NOISE) & (points["capacity"] == capacity)]
        if rows.empty:
            continue
        # Where the target has as many bits as the channel passes.
        at = float((rows["length"] / rows["load"]).iloc[0])
        axis.plot([at], [0.0], marker="|", markersize=9, color=colour, clip_on=False)
    mark_decades(axis.xaxis, points["length"], texts=FuncFormatter("{:g}".format))
    axis.set(xlabel="sequence length (items)", ylabel="share of items right")
    axis.set_ylim(0, 1.02)


def _draw_bits(
    axis: Axes,
    points: pd.DataFrame,
    colours: Mapping[float, str],
    builds: Mapping[str, str],
    least_budget: int,
) -> None:
    axis.set_xscale("log")
    by = ["capacity", "build", "budget_updates", "load"]
    means = points.groupby(by, as_index=False)["share"].mean()
    for row in means.itertuples():
        is_longer = row.budget_updates > least_budget
        axis.plot(
            [row.load],
            [row.share],
            marker=builds[row.build],
            markersize=4.5,
            color=colours[row.capacity],
            markerfacecolor="none" if is_longer else colours[row.capacity],
            clip_on=False,
        )
    loads = np.geomspace(max(means["load"].min(), 1e-3), means["load"].max(), 50)
    loads = np.sort(np.append(loads, 1.0))  # Its corner.
    axis.plot(loads, np.minimum(loads, 1), color=BOUND.colour, linewidth=BOUND.width, zorder=1)
    mark_decades(axis.xaxis, means["load"], texts=FuncFormatter("{:g}".format))
    axis.set(xlabel="bits of the target / capacity", ylabel="bits carried /\ncapacity")
    axis.set_ylim(min(0.0, float(means["share"].min())), 1.05)


def channel_caption(channel: Channel) -> str:
    """Write the caption of the figure."""
    facts, points = channel.facts, channel.points
    budgets = sorted(points["budget_updates"].unique())
    settings = model_settings(facts.cell, hidden=facts.hidden, encoder=facts.encoder)
    sentences = [
        f"{', '.join(facts.symbols)}; {settings}; {budget_words(channel.least_budget)}"
        + (f", hollow: {budgets[-1]:,}." if len(budgets) > 1 else "."),
        f"Bold: mean of all SNRs and {counted(facts.seeds, 'seed')}; thin: each model run"
        + ("; band: 95 % t-interval." if facts.seeds >= FEWEST_FOR_BAND else "."),
        "Mark below: the target has as many bits as the channel passes.",
        unfinished_rows(facts.unfinished, rows=facts.rows),
    ]
    return " ".join(filter(None, sentences))
