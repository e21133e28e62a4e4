"""Accuracy against training operations: sums in, a Matplotlib figure out; nothing changes data."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.axes import decimal_ticks, ends_of, number_texts, put_ticks
from reports.drawing.frame import Frame, empty_figure
from reports.drawing.marks import draw_band, draw_mean, draw_seed, points, say_empty
from reports.drawing.placing import places_apart
from reports.drawing.style import LineStyle
from reports.plots.operations import Compute
from reports.selection.captions import counted, figure_caption

PREFIXES = {"k": "10³", "M": "10⁶", "G": "10⁹", "T": "10¹²", "P": "10¹⁵", "E": "10¹⁸"}
COUNTED = (
    "Operations: updates × sequences × 3 × those of a teacher-forced pass over one sequence (a "
    "backward pass counts as two); without validation and optimiser."
)
SPAN = {
    "curriculum": "They add up over the stages, so further right is also longer.",
    "independent": "Those of the model trained at this length alone.",
}
LINKS = "Grey lines join the models at the length written above."
LEADS = "Grey lines lead to the point of the length written above."
# Round lengths, far enough apart on a logarithmic axis.
WRITTEN_LENGTHS = (10, 20, 50, 100, 200, 500, 1000)
X = "operations"
ROOM_ABOVE = 1.16
# Lengths stand in a row that no curve reaches, with room between them.
ROW_OF_LENGTHS = 1.06
DIGIT_INCHES = 0.058
GAP_INCHES = 0.05
LINK_WIDTH, LINK_ALPHA, LINK_ORDER = 0.5, 0.6, 1.8


def compute_figure(compute: Compute) -> Figure:
    """Draw free-running token accuracy against the operations of training, a column per task."""
    tasks = sorted(compute.seeds["task"].unique())
    models = style.styles_for(compute.seeds["model"].unique())
    drawn = set(compute.baselines["baseline"])
    ticks = decimal_ticks(compute.seeds[X].dropna().to_numpy(dtype=float))
    tick_text = number_texts(ticks)
    frame = Frame(
        title="Share of items answered right, by operations of training",
        columns=tasks,
        legends=[
            list(models.values()),
            [look for name, look in style.BASELINE_STYLES.items() if name in drawn],
        ],
        xlabel=_xlabel([tick_text(tick) for tick in ticks]),
        caption=compute_caption(compute),
    )
    figure, axes = empty_figure(frame, rows=1)
    written = written_lengths(sorted(compute.seeds["length"].unique()))
    first = axes[0][0]
    first.set_xscale("log")
    first.set_xlim(*ends_of(ticks))
    first.set_ylim(0, ROOM_ABOVE)
    for task, axis in zip(tasks, axes[0], strict=True):
        _draw_baselines(axis, compute.baselines, task=task)
        _draw_links(axis, compute.means, task=task, lengths=written)
        for order, (model, look) in enumerate(models.items()):
            _draw_model(axis, compute, look, curve=(task, model), order=order, marked=written)
        if compute.means.loc[compute.means["task"] == task, "mean"].isna().all():
            say_empty(axis)
        put_ticks(axis.xaxis, ticks, text=tick_text)
    first.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    first.set_ylabel("token accuracy,\nfree-running")
    return figure


def compute_caption(compute: Compute) -> str:
    """Return the caption of the figure."""
    known = compute.means.dropna(subset="mean")
    joins = known.groupby(["task", "length"]).size().gt(1).any()
    explanation = " ".join([COUNTED, SPAN[compute.facts.protocol], LINKS if joins else LEADS])
    parts = [figure_caption(compute.means, compute.facts, explanation=explanation)]
    if (compute.baselines["highest"] > compute.baselines["lowest"]).any():
        parts.append("A baseline that depends on the length has a line at its lowest and highest.")
    if compute.uncounted:
        parts.append(
            f"Not shown: {counted(compute.uncounted, 'row')} whose operations are unknown, at "
            "this length or at one before."
        )
    return " ".join(parts)


def written_lengths(lengths: Sequence[int]) -> list[int]:
    """Return the lengths that are written into the figure: round ones, else the first and last."""
    return [length for length in lengths if length in WRITTEN_LENGTHS] or [lengths[0], lengths[-1]]


def _xlabel(texts: Sequence[str]) -> str:
    meanings = [f"{sign} = {power}" for sign, power in PREFIXES.items() if sign in "".join(texts)]
    return " ".join(["training operations", *([f"({', '.join(meanings)})"] if meanings else [])])


def _draw_baselines(axis: Axes, table: pd.DataFrame, *, task: str) -> None:
    for row in table[table["task"] == task].to_dict("records"):
        look = style.BASELINE_STYLES[row["baseline"]]
        for height in sorted({row["lowest"], row["highest"]}):
            axis.axhline(
                height,
                color=look.colour,
                linestyle=look.dash,
                linewidth=look.width,
                zorder=1.5,
                gid=f"baseline/compute/{task}/{row['baseline']}",
            )


def _draw_links(axis: Axes, means: pd.DataFrame, *, task: str, lengths: Sequence[int]) -> None:
    """Join the models at each of these lengths, and write it above, led to the best model."""
    known = means[(means["task"] == task) & means["mean"].notna()]
    # Of one model at all lengths, so that they stand in their order.
    known = known.assign(whole=known.groupby("model")["mean"].transform("mean"))
    led_to = {}
    for length in lengths:
        joined = known[known["length"] == length].sort_values("mean")
        if joined.empty:
            continue
        axis.plot(
            joined[X].to_numpy(dtype=float),
            joined["mean"].to_numpy(dtype=float),
            color=style.NOTE_COLOUR,
            linewidth=LINK_WIDTH,
            alpha=LINK_ALPHA,
            zorder=LINK_ORDER,
            gid=f"length/compute/{task}/{length}",
        )
        best = joined.sort_values("whole").iloc[-1]
        led_to[length] = (float(best[X]), float(best["mean"]))
    _write_lengths(axis, led_to)


def _write_lengths(axis: Axes, led_to: Mapping[int, tuple[float, float]]) -> None:
    """Write lengths in a row above the curves, each as near to its point as the others let it."""
    left, right = (math.log(end) for end in axis.get_xlim())
    width = axis.bbox.width / axis.figure.dpi
    places = places_apart(
        [width * (math.log(along) - left) / (right - left) for along, _ in led_to.values()],
        [DIGIT_INCHES * len(str(length)) for length in led_to],
        gap=GAP_INCHES,
        end=width,
    )
    for (length, point), place in zip(led_to.items(), places, strict=True):
        axis.annotate(
            str(length),
            point,
            xytext=(place / width, ROW_OF_LENGTHS / ROOM_ABOVE),
            textcoords="axes fraction",
            ha="center",
            va="bottom",
            fontsize=style.CAPTION_SIZE,
            color=style.NOTE_COLOUR,
            arrowprops={
                "arrowstyle": "-",
                "color": style.NOTE_COLOUR,
                "linewidth": LINK_WIDTH,
                "alpha": LINK_ALPHA,
                "zorder": LINK_ORDER,
                "relpos": (0.5, 0.0),
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )


def _draw_model(
    axis: Axes,
    compute: Compute,
    look: LineStyle,
    *,
    curve: tuple[str, str],
    order: int,
    marked: Sequence[int],
) -> None:
    place = f"compute/{'/'.join(curve)}"
    seeds, mean = (
        table[(table["task"] == curve[0]) & (table["model"] == curve[1])].sort_values("length")
        for table in (compute.seeds, compute.means)
    )
    for seed, line in seeds.groupby("seed"):
        draw_seed(axis, *points(line, "token_accuracy", x=X), look, place=f"{place}/{seed}")
    draw_band(axis, mean, look, place=place, x=X)
    draw_mean(
        axis,
        *points(mean, "mean", x=X),
        look,
        place=place,
        order=order,
        is_complete=(mean["n"] >= compute.facts.seeds).to_numpy(),
        is_marked=mean["length"].isin(marked).to_numpy(),
    )
    axis.plot(
        *points(mean, "mean", x=X),
        linestyle="None",
        marker="o",
        markersize=2.2,
        color=look.colour,
        markeredgewidth=0,
        zorder=3 + 0.1 * order,
        clip_on=False,
        gid=f"stages/{place}",
    )
