"""The figure of influence: how much each source position moves the answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.axes import write_plainly
from reports.drawing.frame import Frame, empty_figure
from reports.drawing.marks import draw_band, draw_mean, draw_seed, points, say_empty
from reports.drawing.style import LineStyle
from reports.selection.captions import counted
from results.schema.probe_rows import CONTEXT, GRADIENT, INITIAL, OCCLUSION, TRAINED
from results.schema.rows import OK
from results.stats.over_seeds import mean_over_seeds


@dataclass(frozen=True)
class Effect:
    """One row of panels."""

    measure: str
    parameters: str
    column: str
    label: str
    is_logarithmic: bool = False


PANELS = (
    Effect(OCCLUSION, TRAINED, "aligned_effect", "occlusion, on the\nitem's own output (nats)"),
    Effect(OCCLUSION, TRAINED, "effect", "occlusion, mean of\nall outputs (nats)"),
    Effect(GRADIENT, TRAINED, "effect", "gradient of the margin", True),
    Effect(CONTEXT, TRAINED, "effect", "|d final state / d x|,\ntrained", True),
    Effect(CONTEXT, INITIAL, "effect", "|d final state / d x|,\nuntrained", True),
)


def influence_figure(influence: pd.DataFrame, *, length: int) -> Figure:
    """Draw the effect of each source position, one column per task.

    Args:
        influence: Rows of influence.csv of one configuration.
        length: Source length.
    """
    here = influence[influence["length"] == length]
    tasks = sorted(here["task"].unique())
    models = style.styles_for(here["model"].unique())
    seeds = here["seed"].nunique()
    frame = Frame(
        title=f"How much each source position moves the answer, length {length}",
        columns=tasks,
        legends=[list(models.values())],
        xlabel="source item",
        caption="From above: what the output that is a copy of the source item loses when that "
        "item is replaced by another symbol; what all lose on average; slope of their margins; "
        "norm of the derivative of the final state, the one after the last source item, after and "
        f"before training.{_without_state(here, models)} Teacher-forced; line, mean of "
        f"{counted(seeds, 'seed')}, of their logarithms where the axis is logarithmic; thin lines, "
        f"each{'; band, 95 % t-interval' if seeds > 1 else ''}.",
        # Two lines of a label beside numbers as long as −0.00025.
        left_inches=0.95,
    )
    figure, axes = empty_figure(frame, rows=len(PANELS))
    for panel, row in zip(PANELS, axes, strict=True):
        is_here = (here["measure"] == panel.measure) & (here["parameters"] == panel.parameters)
        for task, axis in zip(tasks, row, strict=True):
            if panel.is_logarithmic:
                axis.set_yscale("log")
            _draw_panel(axis, here[is_here & (here["task"] == task)], panel, models)
        if panel.is_logarithmic:
            write_plainly(row[0].yaxis)
        row[0].set_ylabel(panel.label)
    return figure


def _without_state(here: pd.DataFrame, models: Mapping[str, LineStyle]) -> str:
    """Name the models that are missing in the panels of the final state."""
    known = set(here.loc[here["measure"] == CONTEXT, "model"])
    labels = [look.label for model, look in models.items() if model not in known]
    if not labels:
        return ""
    return (
        " Not in the last two rows, since no final state passes from source to answer, or none is "
        f"told: {', '.join(labels)}."
    )


def _draw_panel(
    axis: Axes, rows: pd.DataFrame, panel: Effect, models: Mapping[str, LineStyle]
) -> None:
    known = rows.dropna(subset=panel.column)
    if panel.is_logarithmic:
        known = known[known[panel.column] > 0]
    if known.empty:
        say_empty(axis)
        return
    # The statistics and marks are those of curves over the length; here positions take its place.
    table = known.assign(value=known[panel.column], status=OK, length=known["source_item"])
    table = table.assign(logarithm=np.log(table["value"])) if panel.is_logarithmic else table
    for order, (model, look) in enumerate(models.items()):
        lines = table[table["model"] == model]
        if lines.empty:
            continue
        place = f"{panel.measure}-{panel.parameters}-{panel.column}/{rows['task'].iloc[0]}/{model}"
        for seed, line in lines.groupby("seed"):
            draw_seed(axis, *points(line, "value"), look, place=f"{place}/{seed}")
        score = "logarithm" if panel.is_logarithmic else "value"
        mean = mean_over_seeds(lines, score, ["model", "length"])
        if panel.is_logarithmic:
            ends = ["mean", "low", "high"]
            mean[ends] = np.exp(mean[ends])
        draw_band(axis, mean, look, place=place)
        draw_mean(
            axis,
            *points(mean, "mean"),
            look,
            place=place,
            order=order,
            is_complete=(mean["n"] >= lines["seed"].nunique()).to_numpy(),
        )
