"""The accuracy figures: curves in, a Matplotlib figure out.

Nothing here selects, changes or names data. Every artist that shows data carries an id
(`mean/SCORE/TASK/MODEL`, `points/...`, `band/...`, `seed/SCORE/TASK/MODEL/SEED`,
`baseline/SCORE/TASK/NAME`), which the SVG keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.drawing import style
from reports.drawing.frame import XLABEL, Frame, empty_figure
from reports.drawing.marks import draw_band, draw_mean, draw_seed, points, say_empty
from reports.drawing.style import LineStyle
from reports.selection.captions import curves_caption
from reports.selection.curves import Curves

ROOM = 1.03


@dataclass(frozen=True)
class Panel:
    """One row of panels: a score, with what it is compared with."""

    score: str
    label: str
    baselines: tuple[str, ...]
    is_fraction: bool = True


FREE_RUNNING = Panel(
    "token_accuracy",
    "token accuracy,\nfree-running",
    ("chance_accuracy", "constant_accuracy", "causal_ceiling_accuracy"),
)
TEACHER_FORCED = Panel(
    "teacher_forced_token_accuracy",
    "token accuracy,\nteacher-forced",
    ("chance_accuracy", "constant_accuracy", "repeat_accuracy", "causal_ceiling_accuracy"),
)
EXACT_MATCH = Panel("sequence_accuracy", "exact match,\nfree-running", ())
CARRIED_BITS = Panel("carried_bits", "bits per sequence", ("target_bits",), is_fraction=False)


def accuracy_figure(curves: Curves) -> Figure:
    """Draw token accuracy, free-running above teacher-forced, one column per task."""
    return draw_curves(
        curves,
        (FREE_RUNNING, TEACHER_FORCED),
        title="Share of items answered right, by sequence length",
        explanation="Free-running: the model reads its own answers; teacher-forced: the gold ones.",
    )


def sequence_figure(curves: Curves) -> Figure:
    """Draw the share of sequences that are right in every item, one column per task."""
    return draw_curves(
        curves,
        (EXACT_MATCH,),
        title="Share of sequences answered without any error, by length",
        explanation="A sequence counts when every item of it is right; the model reads its own "
        "answers.",
    )


def bits_figure(curves: Curves) -> Figure:
    """Draw the bits that pass from source to output, beside all that the target holds."""
    return draw_curves(
        curves,
        (CARRIED_BITS,),
        title="Information that gets from source to answer, by length",
        explanation="Entropy of the target less the cross-entropy of the model (teacher-forced): "
        "a lower bound on what gets through, at this budget of training.",
    )


def draw_curves(curves: Curves, panels: Sequence[Panel], *, title: str, explanation: str) -> Figure:
    """Draw a row of panels for each score, one column per task."""
    tasks = sorted(curves.seeds["task"].unique())
    models = style.styles_for(curves.seeds["model"].unique())
    drawn = {name for panel in panels for name in panel.baselines}
    drawn &= set(curves.baselines["baseline"])
    frame = Frame(
        title=title,
        columns=tasks,
        legends=[
            list(models.values()),
            [look for name, look in style.BASELINE_STYLES.items() if name in drawn],
        ],
        xlabel=XLABEL,
        caption=curves_caption(
            curves, scores=[panel.score for panel in panels], explanation=explanation
        ),
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
        _set_heights(row[0], is_fraction=panel.is_fraction, has_values=bool(scores.notna().any()))
    return figure


def _draw_baselines(axis: Axes, table: pd.DataFrame, *, panel: Panel, task: str) -> None:
    for name in panel.baselines:
        line = table[(table["task"] == task) & (table["baseline"] == name)]
        look = style.BASELINE_STYLES[name]
        if len(line):
            axis.plot(
                *points(line, "value"),
                color=look.colour,
                linestyle=look.dash,
                linewidth=look.width,
                marker="_" if len(line) == 1 else "None",
                markersize=9,
                zorder=1.5,
                clip_on=False,
                gid=f"baseline/{panel.score}/{task}/{name}",
            )


def _draw_models(
    axis: Axes, curves: Curves, *, score: str, task: str, models: Mapping[str, LineStyle]
) -> None:
    seeds = curves.seeds[(curves.seeds["task"] == task) & (curves.seeds["score"] == score)]
    means = curves.means[(curves.means["task"] == task) & (curves.means["score"] == score)]
    for order, (model, look) in enumerate(models.items()):
        place = f"{score}/{task}/{model}"
        for seed, line in seeds[seeds["model"] == model].groupby("seed"):
            draw_seed(axis, *points(line, "value"), look, place=f"{place}/{seed}")
        mean = means[means["model"] == model].sort_values("length")
        draw_band(axis, mean, look, place=place)
        draw_mean(
            axis,
            *points(mean, "mean"),
            look,
            place=place,
            order=order,
            is_complete=(mean["n"] >= curves.facts.seeds).to_numpy(),
        )
    if not seeds["value"].notna().any():
        say_empty(axis)


def _set_heights(axis: Axes, *, is_fraction: bool, has_values: bool) -> None:
    if is_fraction:
        axis.set_ylim(0, 1)
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    elif has_values:
        low, high = axis.get_ylim()
        axis.set_ylim(min(0.0, low), high)
    else:
        axis.set_yticks([])
