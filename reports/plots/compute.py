"""Accuracy against training operations: rows to sums and curves, curves to a figure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from scipy.optimize import isotonic_regression

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves
from reports.drawing.frame import framed, mark_decades
from reports.selection.captions import curves_caption
from reports.selection.curves import (
    DEFAULT_PROTOCOL,
    SEED_CURVE,
    Curves,
    facts_of,
    own_length_rows,
    points,
)
from results.schema.rows import FORWARD_PASSES_PER_UPDATE, OK
from results.wording import NEVER_IN_A_NAME

# A mixed run trains on all lengths together: no sum belongs to one of them.
COMPUTE_PROTOCOLS = {DEFAULT_PROTOCOL: "summed over the stages", "independent": "of one length"}
BASELINES = ("chance_accuracy", "constant_accuracy", "causal_ceiling_accuracy")
SCORE = Panel("token_accuracy", "token accuracy,\nfree-running")
# Round lengths, far enough apart on a logarithmic axis.
WRITTEN_LENGTHS = (10, 20, 50, 100, 200, 500, 1000)
ROOM_ABOVE = 1.16
# Lengths stand in a row that no curve reaches, with room between them.
ROW_OF_LENGTHS = 1.06
DIGIT_INCHES, GAP_INCHES = 0.062, 0.05
LINK: dict[str, Any] = {
    "color": style.NOTE_COLOUR,
    "linewidth": 0.5,
    "alpha": 0.6,
    "zorder": 1.8,
}


@dataclass(frozen=True)
class Compute:
    """Everything that the figure of accuracy against training operations shows.

    Attributes:
        curves: Of these, x is the mean over seeds of the operations up to this length.
        baselines: task, baseline, lowest, highest: over the lengths.
        uncounted: Finished rows whose operations cannot be summed; in no curve.
    """

    curves: Curves
    baselines: pd.DataFrame
    uncounted: int


def training_operations(rows: pd.DataFrame) -> "pd.Series[float]":
    """Sum the operations spent on a model up to the end of each row's stage.

    A stage takes stage_updates x batch_size x 3 x forward_flops: a backward pass counts as two
    forward passes. In a curriculum the stages before it are added; a model of its own has none.

    Args:
        rows: Rows of one protocol, tested at the length of their stage.

    Returns:
        The sum by row; NaN where a stage before it is missing or has no forward_flops.
    """
    ordered = rows.sort_values([*SEED_CURVE, "length"])
    updates = ordered["stage_updates"].astype("float64")
    passes = FORWARD_PASSES_PER_UPDATE * ordered["forward_flops"].astype("float64")
    stages = pd.DataFrame(
        {"operations": updates * ordered["batch_size"] * passes, "updates": updates}
    )
    is_ladder = (ordered["protocol"] == DEFAULT_PROTOCOL).all()
    run = [ordered[name] for name in (SEED_CURVE if is_ladder else [*SEED_CURVE, "length"])]
    # Unlike pandas' own, numpy's sum stays unknown after the first unknown stage.
    sums = stages.groupby(run).transform(lambda column: np.cumsum(column.to_numpy()))
    is_whole = sums["updates"] == ordered["total_updates"].astype("float64")
    return sums["operations"].where(is_whole).reindex(rows.index)


def compute_of(frame: pd.DataFrame) -> Compute:
    """Turn the rows of one of COMPUTE_PROTOCOLS into accuracy against operations."""
    rows = own_length_rows(frame)
    facts = facts_of(rows)
    is_ok = rows["status"] == OK
    operations = training_operations(rows).where(is_ok)
    is_known = operations.notna() & rows["token_accuracy"].notna()
    point = [rows[name] for name in ("task", "model", "length")]
    table = points(
        rows,
        seeds=facts.seeds,
        row=SCORE.name,
        column=rows["task"],
        x=operations.where(is_known).groupby(point).transform("mean"),
        y=rows["token_accuracy"].where(is_known),
    )
    levels = rows.melt(id_vars="task", value_vars=list(BASELINES), var_name="baseline")
    by_task = levels.dropna(subset="value").groupby(["task", "baseline"])["value"]
    return Compute(
        Curves(table, facts),
        baselines=by_task.agg(lowest="min", highest="max").reset_index(),
        uncounted=int((is_ok & operations.isna()).sum()),
    )


def compute_figure(compute: Compute) -> Figure:
    """Draw free-running token accuracy against the operations of training, a column per task."""
    table = compute.curves.table
    models = style.styles_for(table["line"].unique())
    written = written_lengths(sorted(int(length) for length in table["length"].unique()))
    tasks = style.titles_of(table["column"].unique())
    grid = draw_curves(table, [SCORE], columns=tasks, looks=models, marked=written, height=1.9)
    first = grid.axes[0, 0]
    first.set_xscale("log")
    first.set_ylim(0, ROOM_ABOVE)
    mark_decades(first.xaxis, table["x"], texts=EngFormatter(sep=""))
    grid.figure.set_layout_engine("constrained")
    grid.figure.draw_without_rendering()  # Panels have their widths only now.
    for task in tasks:
        axis = grid.axes_dict[SCORE.name, task]
        _draw_baselines(axis, compute.baselines[compute.baselines["task"] == task])
        _draw_links(axis, table[table["column"] == task].dropna(subset="y"), lengths=written)
    span = COMPUTE_PROTOCOLS[compute.curves.facts.protocol]
    return framed(
        grid.figure,
        title="Share of items answered right, by operations of training",
        looks=models | style.styles_of_lines(NEVER_IN_A_NAME + compute.baselines["baseline"]),
        xlabel="training operations (G = 10⁹, T = 10¹²)",
        caption=f"Operations {span}; grey lines: models at one length. "
        f"{curves_caption(compute.curves)}",
    )


def written_lengths(lengths: Sequence[int]) -> list[int]:
    """Choose the lengths to write into a figure: round ones, else the first and the last."""
    return [length for length in lengths if length in WRITTEN_LENGTHS] or [lengths[0], lengths[-1]]


def _draw_baselines(axis: Axes, table: pd.DataFrame) -> None:
    """Draw lines across the panel; two where a baseline depends on the length."""
    for row in table.to_dict("records"):
        look = style.BASELINE_STYLES[row["baseline"]]
        for height in sorted({row["lowest"], row["highest"]}):
            axis.axhline(
                height, color=look.colour, linestyle=look.dash, linewidth=look.width, zorder=1.5
            )


def _draw_links(axis: Axes, known: pd.DataFrame, *, lengths: Collection[int]) -> None:
    """Join the models at each of these lengths, and write it above, led to the best model."""
    means = known.groupby(["length", "line"])[["x", "y"]].mean().reset_index()
    # Of one model at all lengths, so that they stand in their order.
    means = means.assign(whole=means.groupby("line")["y"].transform("mean"))
    led_to = {}
    for length, at_length in means[means["length"].isin(lengths)].groupby("length"):
        by_height = at_length.sort_values("y")
        axis.plot(by_height["x"], by_height["y"], **LINK)
        best = at_length.sort_values("whole").iloc[-1]
        led_to[str(length)] = (float(best["x"]), float(best["y"]))
    _write_lengths(axis, led_to)


def _write_lengths(axis: Axes, led_to: Mapping[str, tuple[float, float]]) -> None:
    """Write lengths in a row above the curves, each as near to its point as the others let it."""
    left, right = (math.log(end) for end in axis.get_xlim())
    width = axis.bbox.width / axis.figure.dpi
    places = places_apart(
        [width * (math.log(along) - left) / (right - left) for along, _ in led_to.values()],
        [DIGIT_INCHES * len(length) for length in led_to],
        gap=GAP_INCHES,
        end=width,
    )
    for (length, point), place in zip(led_to.items(), places, strict=True):
        axis.annotate(
            length,
            point,
            xytext=(place / width, ROW_OF_LENGTHS / ROOM_ABOVE),
            textcoords="axes fraction",
            ha="center",
            va="bottom",
            fontsize=style.SMALL_SIZE,
            color=style.NOTE_COLOUR,
            arrowprops={"arrowstyle": "-", "relpos": (0.5, 0.0), "shrinkA": 0, "shrinkB": 0} | LINK,
        )


def places_apart(
    wanted: Sequence[float], widths: Sequence[float], *, gap: float, end: float
) -> list[float]:
    """Find the centres nearest to those wanted at which texts keep their order and a gap.

    Neither Matplotlib nor seaborn moves texts apart. Texts that are too close become a group around
    the middle of what its texts want: isotonic regression of the wanted centres less the room that
    the texts before them take. All stay between 0 and `end`, as far as they fit.
    """
    if not wanted:
        return []
    taken = [0.0]
    for left, right in pairwise(widths):
        taken.append(taken[-1] + (left + right) / 2 + gap)
    free = [centre - room for centre, room in zip(wanted, taken, strict=False)]
    rising = isotonic_regression(free).x.tolist()
    low, high = widths[0] / 2, end - widths[-1] / 2 - taken[-1]
    return [max(low, min(high, each)) + room for each, room in zip(rising, taken, strict=True)]
