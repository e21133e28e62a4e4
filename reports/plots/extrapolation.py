"""The figure of accuracy beyond the trained length: rows to tables, tables to a figure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.axes import decimal_ticks, ends_of, put_ticks
from reports.drawing.frame import Frame, empty_figure
from reports.drawing.marks import draw_band, draw_mean, draw_seed, points, say_empty
from reports.drawing.style import LineStyle
from reports.plots.compute import written_lengths
from reports.selection.captions import figure_caption
from reports.selection.curves import SERIES, Facts, facts_of
from results.stats.over_seeds import mean_over_seeds

FACTORS = (1.0, 1.25, 1.5, 2.0)
BASELINE = "constant_accuracy"
SCORE = "token_accuracy"


@dataclass(frozen=True)
class Beyond:
    """Everything that the figure shows.

    Attributes:
        seeds: task, model, seed, train_length, length, token_accuracy; factor, of length by
            train_length.
        means: task, model, train_length, length, factor, mean, low, high, n, failed.
        constant: task, train_length, length, factor, constant_accuracy.
        facts: For the caption.
    """

    seeds: pd.DataFrame
    means: pd.DataFrame
    constant: pd.DataFrame
    facts: Facts


def beyond_of(rows: pd.DataFrame) -> Beyond:
    """Turn rows by length trained and tested into curves by how many times as long the test is.

    Args:
        rows: What `extrapolated` returned, of one configuration; of the lengths trained, round
            ones are taken.
    """
    at_least = rows[rows["length"] >= rows["train_length"]]
    beyond = at_least[at_least["length"] > at_least["train_length"]]
    chosen = written_lengths(sorted(int(length) for length in beyond["train_length"].unique()))
    kept = at_least[at_least["train_length"].isin(chosen)]
    kept = kept.assign(factor=(kept["length"] / kept["train_length"]).astype(float))
    place = ["task", "model", "train_length", "length", "factor"]
    where = ["task", "train_length", "length", "factor"]
    return Beyond(
        seeds=kept[[*SERIES, "train_length", "length", "factor", SCORE]],
        means=mean_over_seeds(kept, SCORE, place),
        constant=kept.groupby(where)[BASELINE].first().dropna().reset_index(),
        facts=facts_of(kept, left_out=0),
    )


def beyond_figure(beyond: Beyond) -> Figure:
    """Draw accuracy against how many times as long as trained for, a column per length trained."""
    tasks = sorted(beyond.means["task"].unique())
    models = style.styles_for(beyond.means["model"].unique())
    trained = sorted(int(length) for length in beyond.means["train_length"].unique())
    frame = Frame(
        title="Share of items answered right beyond the length trained for",
        columns=[f"trained up to {length}" for length in trained],
        legends=[list(models.values()), [style.BASELINE_STYLES[BASELINE]]],
        xlabel="tested at so many times the length trained for",
        caption=figure_caption(
            beyond.means,
            beyond.facts,
            explanation="The same trained models at longer and longer sequences, without training "
            "on them; the leftmost point is the length trained for. Free-running: the model reads "
            "its own answers.",
        ),
        left_inches=0.7,
    )
    figure, axes = empty_figure(frame, rows=len(tasks))
    for task, row in zip(tasks, axes, strict=True):
        for length, axis in zip(trained, row, strict=True):
            axis.set_xscale("log")
            _draw_panel(axis, beyond, models, task=task, trained=length)
        row[0].set_ylabel(f"{task}:\ntoken accuracy")
        row[0].set_ylim(0, 1)
        row[0].set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    ticks = factor_ticks(beyond.means["factor"].to_numpy(dtype=float))
    for axis in (axis for row in axes for axis in row):
        put_ticks(axis.xaxis, ticks, text="×{:g}".format)
    axes[0][0].set_xlim(*ends_of(ticks))
    return figure


def factor_ticks(factors: np.ndarray) -> list[float]:
    """Return 1, 1.25, 1.5 and 2, or 1, 2 and 5 of each decade where the tests go further."""
    if factors.max() > FACTORS[-1]:
        return decimal_ticks(np.append(factors, 1.0))
    return list(FACTORS)


def _draw_panel(
    axis: Axes, beyond: Beyond, models: Mapping[str, LineStyle], *, task: str, trained: int
) -> None:
    seeds, means, constant = (
        table[(table["task"] == task) & (table["train_length"] == trained)]
        for table in (beyond.seeds, beyond.means, beyond.constant)
    )
    if means.empty:
        say_empty(axis)
        return
    look = style.BASELINE_STYLES[BASELINE]
    axis.plot(
        *points(constant, BASELINE, x="factor"),
        color=look.colour,
        linestyle=look.dash,
        linewidth=look.width,
        zorder=1.5,
        gid=f"baseline/beyond/{task}/{trained}",
    )
    for order, (model, line_style) in enumerate(models.items()):
        place = f"beyond/{task}/{trained}/{model}"
        for seed, line in seeds[seeds["model"] == model].groupby("seed"):
            draw_seed(axis, *points(line, SCORE, x="factor"), line_style, place=f"{place}/{seed}")
        mean = means[means["model"] == model].sort_values("length")
        draw_band(axis, mean, line_style, place=place, x="factor")
        draw_mean(
            axis,
            *points(mean, "mean", x="factor"),
            line_style,
            place=place,
            order=order,
            is_complete=(mean["n"] >= beyond.facts.seeds).to_numpy(),
        )
