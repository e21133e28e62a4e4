"""The figures of throughput.csv: costs in, a Matplotlib figure out; nothing here changes data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.axes import (
    byte_ticks,
    bytes_text,
    decimal_ticks,
    ends_of,
    number_text,
    put_ticks,
)
from reports.drawing.frame import LEFT_INCHES, XLABEL, Frame, Notes, empty_figure
from reports.drawing.marks import draw_band, draw_mean, points, say_empty
from reports.drawing.style import LineStyle
from reports.plots.cost_captions import memory_caption, throughput_caption
from reports.plots.throughput_data import (
    COST_NAMES,
    MEMORY,
    TIME,
    Costs,
    exponents_of,
    phase_name,
    phases_of,
)


@dataclass(frozen=True)
class Quantity:
    """What a figure of costs has on its vertical axis.

    Attributes:
        name: What the ids of the artists begin with.
        column: Column of the table that is drawn.
        cost: Cost whose growth stands below the panels.
        is_timed: Whether the table has its spread over rounds, and where that is noisy.
        left_inches: Room for the texts of the ticks.
    """

    name: str
    column: str
    cost: str
    title: str
    label: str
    is_timed: bool
    ticks: Callable[[np.ndarray], list[float]]
    tick_text: Callable[[float], str]
    caption: Callable[..., str]
    left_inches: float = LEFT_INCHES


RATE = Quantity(
    name="tokens_per_second",
    column="rate",
    cost=TIME,
    title="Tokens per second, by sequence length",
    label="tokens per second",
    is_timed=True,
    ticks=decimal_ticks,
    tick_text=number_text,
    caption=throughput_caption,
)
PEAK_MEMORY = Quantity(
    name="peak_memory",
    column="memory_bytes",
    cost=MEMORY,
    title="Peak memory, by sequence length",
    label="peak memory",
    is_timed=False,
    ticks=byte_ticks,
    tick_text=bytes_text,
    caption=memory_caption,
    left_inches=0.75,
)


def throughput_figure(costs: Costs) -> Figure:
    """Draw tokens per second, one column per phase, both axes logarithmic."""
    return _draw_costs(costs, RATE)


def memory_figure(costs: Costs) -> Figure:
    """Draw peak memory, one column per phase, both axes logarithmic."""
    return _draw_costs(costs, PEAK_MEMORY)


def _draw_costs(costs: Costs, quantity: Quantity) -> Figure:
    phases = phases_of(costs)
    models = style.styles_for(costs.table["model"].unique())
    exponents = exponents_of(costs, quantity.cost)
    frame = Frame(
        title=quantity.title,
        columns=[phase_name(phase) for phase in phases],
        legends=[list(models.values())],
        xlabel=XLABEL,
        caption=quantity.caption(costs.facts, is_fitted=bool(exponents)),
        notes=_notes(exponents, models, cost=quantity.cost) if exponents else None,
        left_inches=quantity.left_inches,
    )
    figure, axes = empty_figure(frame, rows=1)
    drawn = costs.table[["length", quantity.column]].dropna().to_numpy(dtype=float)
    value_ticks = quantity.ticks(drawn[:, 1])
    length_ticks = decimal_ticks(costs.table["length"].to_numpy(dtype=float))
    for phase, axis in zip(phases, axes[0], strict=True):
        # Scales first: a band without a single number cannot be put on a logarithmic axis later.
        axis.set_xscale("log")
        axis.set_yscale("log")
        _draw_models(axis, costs.table[costs.table["phase"] == phase], quantity, models=models)
        put_ticks(axis.xaxis, length_ticks, text=number_text)
        put_ticks(axis.yaxis, value_ticks, text=quantity.tick_text)
    first = axes[0][0]
    first.set_xlim(*ends_of(length_ticks))
    first.set_ylim(*ends_of(value_ticks))
    first.set_ylabel(quantity.label)
    return figure


def _draw_models(
    axis: Axes, rows: pd.DataFrame, quantity: Quantity, *, models: Mapping[str, LineStyle]
) -> None:
    for order, (model, look) in enumerate(models.items()):
        line = rows[rows["model"] == model].sort_values("length")
        place = f"{quantity.name}/{rows['phase'].iloc[0]}/{model}"
        if quantity.is_timed:
            draw_band(axis, line, look, place=place)
        is_solid = np.full(len(line), True)
        if quantity.is_timed:
            is_solid = ~line["is_noisy"].to_numpy()
        draw_mean(
            axis,
            *points(line, quantity.column),
            look,
            place=place,
            order=order,
            is_complete=is_solid,
        )
    if not rows[quantity.column].notna().any():
        say_empty(axis)


def _notes(
    exponents: Mapping[str, Mapping[str, str]], models: Mapping[str, LineStyle], *, cost: str
) -> Notes:
    return Notes(
        heading=f"{COST_NAMES[cost]} grows as length to the power of p",
        columns=[
            [
                replace(look, label=texts.get(model, "not measured"))
                for model, look in models.items()
            ]
            for texts in exponents.values()
        ],
    )
