"""The figures: curves in, a Matplotlib figure out.

Nothing here selects, changes or names data. Every artist that shows data carries an id
(`mean/SCORE/TASK/MODEL`, `points/...`, `band/...`, `seed/SCORE/TASK/MODEL/SEED`,
`baseline/SCORE/TASK/NAME`), which the SVG keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from reports import style
from reports.captions import curves_caption, rates_caption
from reports.curves import Curves
from reports.layout import Frame, empty_figure
from reports.rates import Rates, phase_name, phases_of
from reports.style import LineStyle

XLABEL = "sequence length (items)"
MARK_EVERY_POINT_UP_TO = 10
ROOM = 1.03


@dataclass(frozen=True)
class Panel:
    """One row of panels: a score, with what it is compared with."""

    score: str
    label: str
    baselines: tuple[str, ...]
    is_fraction: bool = True


FREE_RUNNING = Panel(
    "token_accuracy", "token accuracy,\nfree-running",
    ("chance_accuracy", "constant_accuracy", "causal_ceiling_accuracy"),
)
TEACHER_FORCED = Panel(
    "teacher_forced_token_accuracy", "token accuracy,\nteacher-forced",
    ("chance_accuracy", "constant_accuracy", "repeat_accuracy", "causal_ceiling_accuracy"),
)
EXACT_MATCH = Panel("sequence_accuracy", "exact match,\nfree-running", ())
CARRIED_BITS = Panel("carried_bits", "bits per sequence", ("target_bits",), is_fraction=False)


def accuracy_figure(curves: Curves) -> Figure:
    """Draw token accuracy, free-running above teacher-forced, one column per task."""
    return _draw_curves(
        curves, (FREE_RUNNING, TEACHER_FORCED),
        title="Share of items answered right, by sequence length",
        explanation="Free-running: the model reads its own answers; teacher-forced: the gold ones.",
    )


def sequence_figure(curves: Curves) -> Figure:
    """Draw the share of sequences that are right in every item, one column per task."""
    return _draw_curves(
        curves, (EXACT_MATCH,),
        title="Share of sequences answered without any error, by length",
        explanation="A sequence counts when every item of it is right; the model reads its own "
                    "answers.",
    )


def bits_figure(curves: Curves) -> Figure:
    """Draw the bits that pass from source to output, beside all that the target holds."""
    return _draw_curves(
        curves, (CARRIED_BITS,),
        title="Information that gets from source to answer, by length",
        explanation="Entropy of the target less the cross-entropy of the model (teacher-forced): "
                    "a lower bound on what gets through, at this budget of training.",
    )


def _draw_curves(
    curves: Curves, panels: Sequence[Panel], *, title: str, explanation: str
) -> Figure:
    tasks = sorted(curves.seeds["task"].unique())
    models = style.styles_for(curves.seeds["model"].unique())
    drawn = {name for panel in panels for name in panel.baselines}
    drawn &= set(curves.baselines["baseline"])
    frame = Frame(
        title=title,
        columns=tasks,
        legends=[list(models.values()),
                 [look for name, look in style.BASELINE_STYLES.items() if name in drawn]],
        xlabel=XLABEL,
        caption=curves_caption(curves, scores=[panel.score for panel in panels],
                               explanation=explanation),
    )
    figure, axes = empty_figure(frame, rows=len(panels))
    for panel, row in zip(panels, axes, strict=True):
        for task, axis in zip(tasks, row, strict=True):
            _draw_baselines(axis, curves.baselines, panel=panel, task=task)
            _draw_models(axis, curves, score=panel.score, task=task, models=models)
        row[0].set_ylabel(panel.label)
        row[0].set_xlim(0, ROOM * int(curves.seeds["length"].max()))
        row[0].xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
        scores = curves.seeds.loc[curves.seeds["score"] == panel.score, "value"]
        _set_heights(row[0], is_fraction=panel.is_fraction, has_values=scores.notna().any())
    return figure


def _draw_baselines(axis: Axes, table: pd.DataFrame, *, panel: Panel, task: str) -> None:
    for name in panel.baselines:
        line = table[(table["task"] == task) & (table["baseline"] == name)]
        look = style.BASELINE_STYLES[name]
        if len(line):
            axis.plot(*_points(line, "value"), color=look.colour, linestyle=look.dash,
                      linewidth=look.width, marker="_" if len(line) == 1 else "None",
                      markersize=9, zorder=1.5, clip_on=False,
                      gid=f"baseline/{panel.score}/{task}/{name}")


def _draw_models(
    axis: Axes, curves: Curves, *, score: str, task: str, models: Mapping[str, LineStyle]
) -> None:
    seeds = curves.seeds[(curves.seeds["task"] == task) & (curves.seeds["score"] == score)]
    means = curves.means[(curves.means["task"] == task) & (curves.means["score"] == score)]
    for order, (model, look) in enumerate(models.items()):
        place = f"{score}/{task}/{model}"
        for seed, line in seeds[seeds["model"] == model].groupby("seed"):
            axis.plot(*_points(line, "value"), color=look.colour, linewidth=0.5, alpha=0.55,
                      marker=".", markersize=1.2, zorder=2.2, clip_on=False,
                      gid=f"seed/{place}/{seed}")
        mean = means[means["model"] == model].sort_values("length")
        _draw_band(axis, mean, look, place=place)
        _draw_mean(axis, *_points(mean, "mean"), look, place=place, order=order,
                   is_complete=(mean["n"] >= curves.facts.seeds).to_numpy())
    if not seeds["value"].notna().any():
        axis.text(0.5, 0.5, "no finished row", transform=axis.transAxes, ha="center",
                  va="center", color=style.NOTE_COLOUR)


def _draw_band(axis: Axes, table: pd.DataFrame, look: LineStyle, *, place: str) -> None:
    length, low = _points(table, "low")
    high = _points(table, "high")[1]
    if np.isfinite(low).any():
        axis.fill_between(length, low, high, color=look.colour, alpha=0.16, linewidth=0,
                          zorder=2.0, gid=f"band/{place}")
        alone = _stands_alone(low)
        axis.vlines(length[alone], low[alone], high[alone], color=look.colour, alpha=0.16,
                    linewidth=5, zorder=2.0)


def _draw_mean(
    axis: Axes, length: np.ndarray, mean: np.ndarray, look: LineStyle, *, place: str, order: int,
    is_complete: np.ndarray,
) -> None:
    above = 3 + 0.1 * order
    axis.plot(length, mean, color=look.colour, linestyle=look.dash, linewidth=look.width,
              zorder=above, clip_on=False, gid=f"mean/{place}")
    # Where curves coincide, markers that take turns and shrink upwards leave all of them visible.
    turn = 1 if len(length) <= MARK_EVERY_POINT_UP_TO else 2
    is_marked = (np.arange(len(length)) % turn == order % turn) | _stands_alone(mean)
    size = max(3.4, 5.0 - 0.3 * order)
    for is_shown, face, edge, width, kind in (
        (is_complete & is_marked, look.colour, "white", 0.35, "points"),
        (~is_complete, "white", look.colour, 0.8, "hollow"),
    ):
        axis.plot(length[is_shown], mean[is_shown], linestyle="None", marker=look.marker,
                  markersize=size, markerfacecolor=face, markeredgecolor=edge,
                  markeredgewidth=width, zorder=above + 0.05, clip_on=False,
                  gid=f"{kind}/{place}")


def _stands_alone(values: np.ndarray) -> np.ndarray:
    """Return where a value has no neighbour, so that no line shows it."""
    is_there = np.concatenate([[False], np.isfinite(values), [False]])
    alone: np.ndarray = is_there[1:-1] & ~is_there[:-2] & ~is_there[2:]
    return alone


def _points(table: pd.DataFrame, value: str) -> tuple[np.ndarray, np.ndarray]:
    ordered = table.sort_values("length")
    return ordered["length"].to_numpy(dtype=float), ordered[value].to_numpy(dtype=float)


def _set_heights(axis: Axes, *, is_fraction: bool, has_values: bool) -> None:
    if is_fraction:
        axis.set_ylim(0, 1)
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    elif has_values:
        low, high = axis.get_ylim()
        axis.set_ylim(min(0.0, low), high)
    else:
        axis.set_yticks([])


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
            _draw_band(axis, line, look, place=place)
            _draw_mean(axis, *_points(line, "rate"), look, place=place, order=order,
                       is_complete=np.ones(len(line), dtype=bool))
        axis.set_xscale("log")
        axis.set_yscale("log")
        for side, form in ((axis.xaxis, EngFormatter(sep="")), (axis.yaxis, EngFormatter(sep=""))):
            side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            side.set_major_formatter(form)
            side.set_minor_locator(NullLocator())
            side.set_minor_formatter(NullFormatter())
    axes[0][0].set_ylabel("tokens per second")
    return figure
