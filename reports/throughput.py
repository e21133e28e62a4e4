"""The throughput figure: rates in, a Matplotlib figure out; nothing here changes data."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from reports import style
from reports.captions import rates_caption
from reports.layout import XLABEL, Frame, empty_figure
from reports.marks import draw_band, draw_mean, points, say_empty
from reports.rates import Rates, phase_name, phases_of

STEPS = (1.0, 2.0, 5.0)
ROOM = 1.08


def throughput_figure(rates: Rates) -> Figure:
    """Draw tokens per second, one column per phase, both axes logarithmic."""
    phases = phases_of(rates)
    models = style.styles_for(rates.table["model"].unique())
    frame = Frame(
        title="Tokens per second, by sequence length",
        columns=[phase_name(phase) for phase in phases],
        legends=[list(models.values())],
        xlabel=XLABEL,
        caption=rates_caption(rates.facts),
    )
    figure, axes = empty_figure(frame, rows=1)
    for phase, axis in zip(phases, axes[0], strict=True):
        # Scales first: a band without a single number cannot be put on a logarithmic axis later.
        axis.set_xscale("log")
        axis.set_yscale("log")
        rows = rates.table[rates.table["phase"] == phase]
        for order, (model, look) in enumerate(models.items()):
            line = rows[rows["model"] == model].sort_values("length")
            place = f"tokens_per_second/{phase}/{model}"
            draw_band(axis, line, look, place=place)
            draw_mean(
                axis,
                *points(line, "rate"),
                look,
                place=place,
                order=order,
                is_complete=np.ones(len(line), dtype=bool),
            )
        if not rows["rate"].notna().any():
            say_empty(axis)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(LogLocator(subs=STEPS))
            side.set_major_formatter(EngFormatter(sep=""))
            side.set_minor_locator(NullLocator())
    first = axes[0][0]
    first.set_xlim(*_enclosing_ticks(rates.table["length"].to_numpy(dtype=float)))
    first.set_ylim(*_enclosing_ticks(rates.table["rate"].dropna().to_numpy(dtype=float)))
    first.set_ylabel("tokens per second")
    return figure


def _enclosing_ticks(values: np.ndarray) -> tuple[float, float]:
    """Return the ticks below and above all values, so that even a narrow range has two."""
    if not len(values):
        return 1.0, 10.0
    low, high = float(values.min()), float(values.max())
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in STEPS]
    below = max(tick for tick in ticks if tick <= low)
    above = min(tick for tick in ticks if tick >= high and tick > below)
    return below / ROOM, above * ROOM
