"""The heat maps of what probes found: accuracy by position, and from output to source."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.frame import framed
from reports.drawing.heatmap import MOST_WITH_WORDS, draw_heatmaps
from reports.selection.captions import counted
from results.schema.probe_rows import ATTENTION, GRADIENT, OCCLUSION, TRUTH

RING_COLOUR = "#FF5A36"
# Of each measure: the title, its meaning, and the unit of the largest value above each panel.
MAPS = {
    ATTENTION: ("Where attention looks", "Mean weight", ""),
    OCCLUSION: (
        "What each output loses when one input is replaced",
        "Mean loss of log-probability of the true item when one source item is another symbol",
        "nats",
    ),
    GRADIENT: (
        "How steeply each output rises with each input",
        "Mean gradient of the margin (true logit less the largest other) to the embedding",
        "nats/unit",
    ),
}


def positions_figure(positions: pd.DataFrame) -> Figure:
    """Draw accuracy by position and length, of rows of positions.csv of one configuration."""
    places = ["task", "model", "output_item", "length"]
    means = positions.groupby(places)["token_accuracy"].mean().reset_index()
    grid = draw_heatmaps(
        means.set_axis(["row", "column", "x", "y", "value"], axis=1),
        rows=style.titles_of(means["task"].unique()),
        columns=_titles(means),
        ylabel="length",
        limits=(0.0, 1.0),
        colour_label="share answered right",
    )
    return framed(
        grid.figure,
        title="Which items are answered right, by position and length",
        xlabel="position in the answer (items)",
        caption=f"Free-running; mean of {counted(positions['seed'].nunique(), 'seed')}.",
    )


def map_figure(maps: pd.DataFrame, *, measure: str, length: int) -> Figure:
    """Draw one map from output to source per task and model, with the true path where there is one.

    Args:
        maps: Rows of maps.csv of one configuration.
        measure: attention, occlusion or gradient.
        length: Source length.
    """
    title, meaning, unit = MAPS[measure]
    is_weight = measure == ATTENTION
    here = maps[maps["length"] == length]
    drawn = here[here["measure"] == measure]
    names = {"task": "row", "model": "column", "source_item": "x", "output_item": "y"}
    models, tasks = _titles(drawn), style.titles_of(here["task"].unique())
    grid = draw_heatmaps(
        drawn.rename(columns=names),
        rows={task: tasks[task] for task in sorted(drawn["task"].unique())},
        columns=models,
        ylabel="output item",
        limits=(0.0, 1.0) if is_weight else None,
        colour_label="weight" if is_weight else "",
        largest_unit=unit,
    )
    truth = here[(here["measure"] == TRUTH) & (here["value"] > 0.5)]
    sources, outputs = (
        pd.Index(sorted(drawn[name].unique())) for name in ("source_item", "output_item")
    )
    for place, path in truth.groupby(["task", "model"]):
        if place in grid.axes_dict:
            grid.axes_dict[place].scatter(
                sources.get_indexer(path["source_item"]) + 0.5,
                outputs.get_indexer(path["output_item"]) + 0.5,
                s=5,
                facecolors="none",
                edgecolors=RING_COLOUR,
                linewidths=0.6,
            )
    moving = sorted(set(here.loc[here["measure"] == TRUTH, "task"]) - set(truth["task"]))
    moving_titles = ", ".join(tasks[task] for task in moving)
    sentences = [
        f"{meaning}, teacher-forced, seed {drawn['seed'].min()}.",
        "" if is_weight else "Colours: from 0 to the largest of each panel.",
        f"Above it: the largest ({unit or 'weight'})." if len(models) > MOST_WITH_WORDS else "",
        "" if len(sources) == length else f"{len(sources)} of {length} positions are drawn.",
        "Rings: where the output item comes from." if len(truth) else "",
        f"It differs between the sequences of {moving_titles}." if moving else "",
    ]
    return framed(
        grid.figure,
        title=f"{title}, length {length}",
        xlabel="source item",
        caption=" ".join(filter(None, sentences)),
    )


def _titles(table: pd.DataFrame) -> dict[str, str]:
    return style.labels_of(table["model"].unique(), shows=style.is_drawn)


def map_lengths(maps: pd.DataFrame) -> Sequence[int]:
    """Choose the lengths to draw maps of: the second shortest and the longest."""
    lengths = sorted(int(length) for length in maps["length"].unique())
    return tuple(dict.fromkeys((*lengths[:2][-1:], *lengths[-1:])))
