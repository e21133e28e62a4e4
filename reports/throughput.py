"""The throughput figure: rates in, a Matplotlib figure out; nothing here changes data."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, NullLocator

from reports import style
from reports.captions import rates_caption
from reports.layout import XLABEL, Frame, empty_figure
from reports.marks import draw_band, draw_mean, points
from reports.rates import Rates, phase_name, phases_of


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
        axis.set_xscale("log")
        axis.set_yscale("log")
        for side, form in ((axis.xaxis, EngFormatter(sep="")), (axis.yaxis, EngFormatter(sep=""))):
            side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            side.set_major_formatter(form)
            side.set_minor_locator(NullLocator())
            side.set_minor_formatter(NullFormatter())
    axes[0][0].set_ylabel("tokens per second")
    return figure
