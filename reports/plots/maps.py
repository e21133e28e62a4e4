"""The heat maps of what probes found: accuracy by position, and from output to source."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.heatmap import Grid, accuracy_grid, draw_grid
from reports.selection.captions import counted
from results.schema.probe_rows import ATTENTION, GRADIENT, OCCLUSION, TRUTH

MAP_TITLES = {
    ATTENTION: "Where attention looks",
    OCCLUSION: "What each output loses when one input is replaced",
    GRADIENT: "How steeply each output rises with each input",
}
MAP_MEANINGS = {
    ATTENTION: "Mean weight, teacher-forced.",
    OCCLUSION: "Mean loss of log-probability of the true item (nats) when one source item is "
    "another symbol; colours from 0, or the least if that is below, to the largest of each panel, "
    "written above it. Teacher-forced: before each output a model that reads output items has read "
    "the true ones. They contradict the other symbol once its own output is past, so outputs after "
    "it may lose too.",
    GRADIENT: "Mean norm of the gradient of the margin (nats: logit of the true item less the "
    "largest of the others), per unit of the embedding; colours from 0 to the largest of each "
    "panel, written above it. "
    "Teacher-forced: the true items before each output stay as they are.",
}
LARGEST_TEXTS = {
    ATTENTION: "largest {}",
    OCCLUSION: "largest {} nats",
    GRADIENT: "largest {} nats per unit",
}


def positions_figure(positions: pd.DataFrame) -> Figure:
    """Draw accuracy by position in the answer and length, one panel per task and model.

    Args:
        positions: Rows of positions.csv of one configuration, at the lengths trained for.
    """
    grid = accuracy_grid(positions, x="output_item", y="length", ylabel="length")
    return draw_grid(
        grid,
        title="Which items are answered right, by position and length",
        xlabel="position in the answer (items)",
        caption="Free-running token accuracy at each position of the answer, mean of "
        f"{counted(positions['seed'].nunique(), 'seed')}.",
    )


def map_figure(maps: pd.DataFrame, *, measure: str, length: int) -> Figure:
    """Draw one map from output to source per task and model, with the true path where there is one.

    Args:
        maps: Rows of maps.csv of one configuration.
        measure: attention, occlusion or gradient.
        length: Source length.
    """
    here = maps[maps["length"] == length]
    drawn = here[here["measure"] == measure]
    models = style.styles_for(drawn["model"].unique())
    grid = Grid(
        table=drawn.rename(
            columns={"task": "row", "model": "column", "source_item": "x", "output_item": "y"}
        ),
        rows=sorted(drawn["task"].unique()),
        columns=list(models),
        column_labels=[look.label for look in models.values()],
        ylabel="output item",
        value_label="weight",
        limits=(0.0, 1.0) if measure == ATTENTION else None,
        largest_text=LARGEST_TEXTS[measure],
    )
    truth = here[(here["measure"] == TRUTH) & (here["value"] > 0.5)]
    moving = sorted(set(here.loc[here["measure"] == TRUTH, "task"]) - set(truth["task"]))

    def draw_true_path(axis: Axes, task: str, model: str) -> None:
        path = truth[(truth["task"] == task) & (truth["model"] == model)]
        axis.scatter(
            path["source_item"],
            path["output_item"],
            s=5,
            facecolors="none",
            edgecolors="#FF5A36",
            linewidths=0.6,
            gid=f"truth/{task}/{model}",
        )

    return draw_grid(
        grid,
        title=f"{MAP_TITLES[measure]}, length {length}",
        xlabel="source item",
        caption=_map_caption(drawn, measure=measure, length=length, moving=moving),
        decorate=draw_true_path,
    )


def _map_caption(drawn: pd.DataFrame, *, measure: str, length: int, moving: Sequence[str]) -> str:
    outputs, sources = (drawn[name].nunique() for name in ("output_item", "source_item"))
    parts = [MAP_MEANINGS[measure]]
    if sources < length:
        parts.append(
            f"Drawn: {outputs} output items by {sources} of the {length} source items, about one "
            f"in {round(length / sources)}; those between are left out."
        )
    parts.append(
        "Rings: where the output item comes from, for tasks in which that does not depend on the "
        "symbols."
    )
    if moving:
        parts.append(f"{', '.join(moving)}: mean over sequences, whose true positions differ.")
    return " ".join([*parts, f"Seed {drawn['seed'].min()}."])


def map_lengths(maps: pd.DataFrame) -> Sequence[int]:
    """Return the lengths to draw maps of: the second shortest and the longest."""
    lengths = sorted(int(length) for length in maps["length"].unique())
    return tuple(dict.fromkeys((*lengths[:2][-1:], *lengths[-1:])))
