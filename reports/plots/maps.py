"""The heat maps of what probes found: accuracy by position, and from output to source."""

import string
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.frame import framed
from reports.drawing.heatmap import draw_heatmaps
from reports.selection.captions import counted, settings_of
from reports.selection.curves import facts_of
from results.schema.probe_rows import ATTENTION, OCCLUSION, TRUTH

RING_COLOUR = "#FF5A36"
# Of each measure: its meaning, and what the colours show.
MAPS = {
    ATTENTION: ("Mean weight", "weight"),
    OCCLUSION: ("Mean loss of log-probability, one source item replaced", "loss (nats)"),
}


def positions_figure(positions: pd.DataFrame, *, title: str) -> Figure:
    """Draw accuracy by position and length, a panel per model.

    Args:
        positions: Rows of positions.csv of one configuration and task, with their settings.
    """
    means = positions.groupby(["model", "output_item", "length"])["token_accuracy"].mean()
    figure, _ = draw_heatmaps(
        means.reset_index().set_axis(["panel", "x", "y", "value"], axis=1),
        panels=_titles(positions),
        ylabel="length",
        colour_label="share right",
    )
    seeds = counted(positions["seed"].nunique(), "seed")
    return framed(
        figure,
        title=title,
        xlabel="position in the answer (items)",
        caption=f"Free-running; mean of {seeds}. {settings_of(facts_of(positions))}.",
    )


def map_figure(maps: pd.DataFrame, *, measure: str, title: str) -> Figure:
    """Draw one map from output to source per model, with the true path where there is one.

    Args:
        maps: Rows of maps.csv of one configuration, task and length, with their settings.
        measure: attention or occlusion.
    """
    meaning, colours = MAPS[measure]
    drawn = maps[maps["measure"] == measure]
    names = {"model": "panel", "source_item": "x", "output_item": "y"}
    figure, axes = draw_heatmaps(
        drawn.rename(columns=names),
        panels=_titles(drawn),
        ylabel="output item",
        colour_label=colours,
        is_signed=measure != ATTENTION,
    )
    truth = maps[(maps["measure"] == TRUTH) & (maps["value"] > 0.5)]
    sources, outputs = (
        pd.Index(sorted(drawn[name].unique())) for name in ("source_item", "output_item")
    )
    for model, path in truth.groupby("model"):
        if str(model) in axes:
            axes[str(model)].scatter(
                sources.get_indexer(path["source_item"]) + 0.5,
                outputs.get_indexer(path["output_item"]) + 0.5,
                s=5,
                facecolors="none",
                edgecolors=RING_COLOUR,
                linewidths=0.6,
            )
    length = int(drawn["length"].iloc[0])
    sentences = [
        f"{meaning}, teacher-forced, seed {drawn['seed'].min()}.",
        "" if len(sources) == length else f"{len(sources)} of {length} positions are drawn.",
        "Rings: the true path." if len(truth) else "The true path differs between sequences.",
        f"{settings_of(facts_of(drawn))}.",
    ]
    return framed(
        figure,
        title=title,
        xlabel="source item",
        caption=" ".join(filter(None, sentences)),
    )


def weights_figure(weights: pd.DataFrame, *, title: str) -> Figure:
    """Draw the weights of one sequence, a panel per model, with the symbols on both sides.

    Args:
        weights: Rows of weights.csv of one configuration and task, with their settings.
    """
    names = {
        side: {
            int(item): _symbol(int(symbol), weights)
            for item, symbol in zip(weights[f"{end}_item"], weights[f"{what}_symbol"], strict=True)
        }
        for side, end, what in (("x", "source", "source"), ("y", "output", "target"))
    }
    columns = {"model": "panel", "source_item": "x", "output_item": "y", "weight": "value"}
    figure, _ = draw_heatmaps(
        weights.rename(columns=columns),
        panels=_titles(weights),
        ylabel="right answer",
        colour_label="weight",
        names=names,
    )
    settings = settings_of(facts_of(weights))
    return framed(
        figure,
        title=title,
        xlabel="source",
        caption=f"One sequence, teacher-forced, seed {weights['seed'].min()}. {settings}.",
    )


def _symbol(symbol: int, weights: pd.DataFrame) -> str:
    """Write a symbol as a letter, or as a number where the alphabet has more symbols."""
    is_short = int(weights["symbols"].max()) <= len(string.ascii_uppercase)
    return string.ascii_uppercase[symbol] if is_short else str(symbol)


def _titles(table: pd.DataFrame) -> dict[str, str]:
    return style.labels_of(table["model"].unique(), shows=style.is_drawn)


def map_lengths(maps: pd.DataFrame) -> Sequence[int]:
    """Choose the lengths to draw maps of: the second shortest and the longest."""
    lengths = sorted(int(length) for length in maps["length"].unique())
    return tuple(dict.fromkeys((*lengths[:2][-1:], *lengths[-1:])))
