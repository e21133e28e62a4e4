"""The figure of throughput.csv: rows to rates and their growth, rates to a figure."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves, label_ends
from reports.drawing.frame import XLABEL, framed, mark_decades
from reports.selection.captions import counted, model_settings, recurrent, unfinished_rows
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
    "forward": "forward pass",
    "decode": "greedy decoding",
}
TIME = "median_seconds"
PANEL = Panel(TIME, "items per second", is_fraction=False, is_logarithmic=True)
LINE = ["model", "phase"]


@dataclass(frozen=True)
class Costs:
    """Everything that the figure of one throughput measurement shows.

    Attributes:
        table: row, column (the phase), line (the model), length, x, y; is_complete, false where a
            timing is noisy. A timing has three rows: its rate at the lower quartile of its rounds,
            at the median and at the upper one.
        growth: model, phase, exponent, low, high, n.
        caption: What a reader has to know.
        fitted_from: Shortest length behind a fitted exponent.
    """

    table: pd.DataFrame
    growth: pd.DataFrame
    caption: str
    fitted_from: int


def split_by_setting(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Separate the rows of each setting, by a suffix that names what differs, as `split`.

    Timings of two machines, sizes or numbers of threads never stand in one figure.
    """
    batches = frame.groupby(["phase"])["batch_size"].nunique()
    return split(frame, [*SETTINGS, "batch_size"] if (batches > 1).any() else SETTINGS)


def costs_of(frame: pd.DataFrame) -> Costs:
    """Turn the rows of one setting into rates with the span of the middle rounds.

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
    shared = {"row": TIME, "column": frame["phase"], "line": frame["model"], "seed": 0}
    shared |= {"length": frame["length"], "x": frame["length"].astype("float64")}
    shared |= {"is_complete": ~is_noisy}
    rates = (rate * median / (median + half), rate, rate * median / (median - half))
    timing = "Median over rounds; band: its interquartile range."
    if is_noisy.any():
        timing += f" Hollow: noisy, {is_noisy.sum()} of {counted(int(is_ok.sum()), 'timing')}."
    return Costs(
        table=pd.concat([pd.DataFrame(shared | {"y": y}) for y in rates], ignore_index=True),
        growth=growth(frame, TIME, LINE),
        caption=f"{timing} {_place(frame)}",
        fitted_from=shortest_fitted_length(frame),
    )


def _place(frame: pd.DataFrame) -> str:
    """Write where all rows were measured, at which settings, and how many did not finish."""
    first = frame.iloc[0]
    device = first["device"] if pd.isna(first["device_name"]) else first["device_name"]
    sizes = frame.groupby("phase")["batch_size"].first()
    by_phase = ", ".join(f"{size} ({PHASE_NAMES[str(phase)]})" for phase, size in sizes.items())
    models = frozenset(map(str, frame["model"].unique()))
    ours = recurrent(models)
    settings = model_settings(first["cell"], hidden=first["hidden"], encoder=first["encoder"])
    parts = [
        f"{device}, {counted(int(first['threads']), 'thread')}",
        *([settings if ours == models else f"RNN and Seq2Seq: {settings}"] if ours else []),
        f"{first['symbols']} symbols",
        f"batch {by_phase if sizes.nunique() > 1 else sizes.iloc[0]}.",
    ]
    unfinished = unfinished_rows(int((frame["status"] != OK).sum()), rows=len(frame))
    return f"{'; '.join(parts)} {unfinished}".strip()


def phases_of(costs: Costs) -> list[str]:
    """List the phases that were measured, in the order of the figure."""
    measured = set(costs.table["column"])
    return [phase for phase in PHASE_NAMES if phase in measured]


def growth_lines(costs: Costs) -> list[str]:
    """Say how the time grows, a line for each phase."""
    fits, start = costs.growth, costs.fitted_from
    if fits["exponent"].isna().all():
        return [f"growth of time: too few lengths from {start} on"]
    lines = [f"time grows as length**p, fitted from length {start} on (95 % t-interval):"]
    names = told_apart(fits["model"])
    for phase in phases_of(costs):
        texts = ", ".join(
            f"{names[fit['model']]} too few lengths"
            if pd.isna(fit["exponent"])
            else f"{names[fit['model']]} p = {fit['exponent']:.2f} ({fit['low']:.2f} to "
            f"{fit['high']:.2f})"
            for fit in fits[fits["phase"] == phase].to_dict("records")
        )
        lines.append(f"  {PHASE_NAMES[phase]}: {texts}")
    return lines


def throughput_figure(costs: Costs, *, title: str) -> Figure:
    """Draw items per second, one column per phase, both axes logarithmic."""
    table = costs.table
    models = style.styles_for(table["line"].unique())
    grid = draw_curves(
        table,
        [PANEL],
        columns={phase: PHASE_NAMES[phase] for phase in phases_of(costs)},
        looks=models,
        # Of three quartiles the median is the middle one, and all of them the span.
        estimator="median",
        errorbar=("pi", 100),
        is_by_seed=False,
    )
    first = grid.axes[0, 0]
    first.set_xscale("log")
    mark_decades(first.xaxis, table["x"], texts=EngFormatter(sep=""))
    mark_decades(first.yaxis, table["y"], texts=EngFormatter(sep=""))
    return framed(
        grid.figure,
        title=title,
        looks=label_ends(grid, table, models),
        xlabel=XLABEL,
        caption=costs.caption,
    )
