"""The figures of throughput.csv: rows to costs, costs to figures of time and of memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves
from reports.drawing.frame import (
    PANEL_HEIGHT_INCHES,
    XLABEL,
    framed,
    legend_handle,
    mark_decades,
)
from reports.selection.captions import counted, model_settings, unfinished_rows
from reports.selection.folder import split
from results.errors import ResultsError
from results.schema.rows import NOISY, OK
from results.stats.power_law import growth, shortest_fitted_length
from results.wording import told_apart

SETTINGS = [
    *("device", "device_name", "threads", "cell", "hidden", "embedding", "encoder", "layers"),
    "symbols",
]
PHASE_NAMES = {
    "train_step": "training step",
    "forward": "teacher-forced forward pass",
    "decode": "greedy decoding",
}
TIME, MEMORY = "median_seconds", "peak_memory_bytes"
COST_NAMES = {TIME: "time", MEMORY: "memory"}
PANELS = {
    TIME: Panel(TIME, "tokens per second", is_fraction=False, is_logarithmic=True),
    MEMORY: Panel(MEMORY, "peak memory", is_fraction=False, is_logarithmic=True),
}
TITLES = {TIME: "Tokens per second, by sequence length", MEMORY: "Peak memory, by sequence length"}
TICK_TEXTS = {TIME: EngFormatter(sep=""), MEMORY: EngFormatter("B", sep="")}
LINE = ["model", "phase"]
NOTE_INCHES = 0.165
MEMORY_OF_DEVICE = {
    "cpu": "Resident memory of one call beyond that of the process before.",
    "cuda": "Memory that one call allocates on the device.",
}


@dataclass(frozen=True)
class Costs:
    """Everything that the figures of one throughput measurement show.

    Attributes:
        table: row (the cost), column (the phase), line (the model), length, x, y; is_complete,
            false where a timing is noisy. A timing has three rows: its rate at the lower quartile
            of its rounds, at the median and at the upper one.
        growth: cost, model, phase, exponent, low, high, n.
        captions: By cost, all that is said beside the growth.
        fitted_from: Shortest length behind a fitted exponent.
    """

    table: pd.DataFrame
    growth: pd.DataFrame
    captions: Mapping[str, str]
    fitted_from: int


def split_by_setting(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Separate the rows of each setting, by a suffix that names what differs, as `split`.

    Timings of two machines, sizes or numbers of threads never stand in one figure.
    """
    batches = frame.groupby(["phase"])["batch_size"].nunique()
    return split(frame, [*SETTINGS, "batch_size"] if (batches > 1).any() else SETTINGS)


def costs_of(frame: pd.DataFrame) -> Costs:
    """Turn the rows of one setting into rates with the span of the middle rounds, and memory.

    Raises:
        ResultsError: The table is empty, or a point has two rows.
    """
    if frame.empty:
        raise ResultsError("throughput: there is no row")
    if frame.duplicated([*LINE, "length"]).any():
        raise ResultsError("throughput: two rows for one model, phase and length")
    is_ok = frame["status"] == OK
    is_noisy = (is_ok & (frame["noise"] == NOISY)).fillna(False).astype(bool)
    rate, median = frame["tokens_per_second"].where(is_ok), frame["median_seconds"]
    half = frame["iqr_seconds"].fillna(0.0) / 2
    # No rate belongs to a time of 0 or less; such a timing has no band.
    half = half.where(half < median, 0.0)
    shared = {"column": frame["phase"], "line": frame["model"], "seed": 0}
    shared |= {"length": frame["length"], "x": frame["length"].astype("float64")}
    times = shared | {"row": TIME, "is_complete": ~is_noisy}
    memory = frame["peak_memory_bytes"].astype("float64").where(is_ok)
    parts = [
        pd.DataFrame(times | {"y": rate * median / (median + half)}),
        pd.DataFrame(times | {"y": rate}),
        pd.DataFrame(times | {"y": rate * median / (median - half)}),
        pd.DataFrame(shared | {"row": MEMORY, "is_complete": True, "y": memory}),
    ]
    fits = [growth(frame, cost, LINE).assign(cost=cost) for cost in COST_NAMES]
    timing = "Median over rounds; band: its interquartile range."
    if is_noisy.any():
        timing += f" Hollow: noisy, {is_noisy.sum()} of {counted(int(is_ok.sum()), 'timing')}."
    place = _place(frame)
    return Costs(
        table=pd.concat(parts, ignore_index=True),
        growth=pd.concat(fits, ignore_index=True),
        captions={
            TIME: f"{timing} {place}",
            MEMORY: f"{MEMORY_OF_DEVICE.get(frame['device'].iloc[0], '')} {place}".strip(),
        },
        fitted_from=shortest_fitted_length(frame),
    )


def _place(frame: pd.DataFrame) -> str:
    """Write where all rows were measured, at which settings, and how many did not finish."""
    first = frame.iloc[0]
    device = first["device"] if pd.isna(first["device_name"]) else first["device_name"]
    sizes = frame.groupby("phase")["batch_size"].first()
    by_phase = ", ".join(f"{size} ({PHASE_NAMES[str(phase)]})" for phase, size in sizes.items())
    settings = [
        f"{device}, {counted(int(first['threads']), 'thread')}",
        model_settings(first["cell"], hidden=first["hidden"], encoder=first["encoder"]),
        f"{first['symbols']} symbols",
        f"batch {by_phase if sizes.nunique() > 1 else sizes.iloc[0]}.",
    ]
    unfinished = unfinished_rows(int((frame["status"] != OK).sum()), rows=len(frame))
    return f"{'; '.join(settings)} {unfinished}".strip()


def exponents_of(costs: Costs, cost: str) -> dict[str, dict[str, str]]:
    """Write each exponent and its interval, by phase and model; empty if none is known."""
    fits = costs.growth[costs.growth["cost"] == cost]
    if fits["exponent"].isna().all():
        return {}
    texts: dict[str, dict[str, str]] = {phase: {} for phase in phases_of(costs)}
    for fit in fits.to_dict("records"):
        texts[fit["phase"]][fit["model"]] = (
            "too few lengths"
            if pd.isna(fit["exponent"])
            else f"p = {fit['exponent']:.2f} ({fit['low']:.2f} to {fit['high']:.2f})"
        )
    return texts


def phases_of(costs: Costs) -> list[str]:
    """List the phases that were measured, in the order of the figure."""
    measured = set(costs.table["column"])
    return [phase for phase in PHASE_NAMES if phase in measured]


def growth_lines(costs: Costs, cost: str) -> list[str]:
    """Say how a cost grows, a line for each phase."""
    exponents = exponents_of(costs, cost)
    name, start = COST_NAMES[cost], costs.fitted_from
    if not exponents:
        return [f"growth of {name}: too few lengths from {start} on"]
    lines = [f"{name} grows as length**p, fitted from length {start} on (95 % t-interval):"]
    names = told_apart(costs.growth["model"])
    for phase, texts in exponents.items():
        fits = ", ".join(f"{names[model]} {text}" for model, text in texts.items())
        lines.append(f"  {PHASE_NAMES[phase]}: {fits}")
    return lines


def cost_figure(costs: Costs, cost: str) -> Figure:
    """Draw tokens per second or peak memory, one column per phase, both axes logarithmic."""
    table = costs.table[costs.table["row"] == cost]
    models = style.styles_for(table["line"].unique())
    exponents = exponents_of(costs, cost)
    grid = draw_curves(
        table,
        [PANELS[cost]],
        columns={phase: PHASE_NAMES[phase] for phase in phases_of(costs)},
        looks=models,
        # Of three quartiles the median is the middle one, and all of them the span.
        estimator="median",
        errorbar=("pi", 100) if cost == TIME else None,
        is_by_seed=False,
        height=PANEL_HEIGHT_INCHES + NOTE_INCHES * (3 + len(models)) * bool(exponents),
    )
    first = grid.axes[0, 0]
    first.set_xscale("log")
    mark_decades(first.xaxis, table["x"], texts=EngFormatter(sep=""))
    mark_decades(first.yaxis, table["y"], texts=TICK_TEXTS[cost])
    for axis in grid.axes.flat:
        axis.set_xlabel(XLABEL)
    for phase, texts in exponents.items():
        grid.axes_dict[cost, phase].legend(
            handles=[
                legend_handle(look, texts.get(model, "not measured"))
                for model, look in models.items()
            ],
            title=f"{COST_NAMES[cost]} grows as lengthᵖ",
            alignment="left",
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
            borderaxespad=4.2,  # Below the numbers of the axis and its label.
            frameon=False,
            borderpad=0,
        )
    fit = (
        f"p: fit from length {costs.fitted_from} on, 95 % t-interval."
        if exponents
        else f"Too few lengths from {costs.fitted_from} on to fit a growth."
    )
    return framed(
        grid.figure,
        title=TITLES[cost],
        looks=models,
        caption=f"{fit} {costs.captions[cost]}",
    )
