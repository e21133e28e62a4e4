"""The heat maps of what probes found: accuracy by position, and from output to source."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports import style
from reports.captions import counted
from reports.heat import Grid, accuracy_grid, draw_grid
from results.probe_schema import ATTENTION, GRADIENT, OCCLUSION, TRUTH

MAP_TITLES = {
    ATTENTION: "Where attention looks",
    OCCLUSION: "What each output loses when one input is replaced",
    GRADIENT: "How steeply each output rises with each input",
}
MAP_MEANINGS = {
    ATTENTION: "Mean weight, teacher-forced.",
    OCCLUSION: "Mean loss of log-probability of the true item (nats) when one source item is "
    "another symbol; colours from the least to the largest of each panel.",
    GRADIENT: "Mean norm of the gradient of the margin to the embedding; colours from 0 to the "
    "largest of each panel.",
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
    )
    truth = here[(here["measure"] == TRUTH) & (here["value"] > 0.5)]

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
        caption=f"{MAP_MEANINGS[measure]} Rings: where the output item comes from, for tasks in "
        f"which that does not depend on the symbols. Seed {drawn['seed'].min()}.",
        decorate=draw_true_path,
    )


def map_lengths(maps: pd.DataFrame) -> Sequence[int]:
    """Return the lengths to draw maps of: the second shortest and the longest."""
    lengths = sorted(int(length) for length in maps["length"].unique())
    return tuple(dict.fromkeys((*lengths[:2][-1:], *lengths[-1:])))
