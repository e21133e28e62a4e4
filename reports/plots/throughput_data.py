"""From rows of throughput.csv to the curves of its figures: statistics, no drawing."""

from dataclasses import dataclass

import pandas as pd

from reports.selection.split import split
from results.errors import ResultsError
from results.schema.rows import NOISY, OK
from results.stats.power_law import growth, shortest_fitted_length

SETTINGS = ["device", "device_name", "threads", "cell", "hidden", "embedding", "encoder", "symbols"]
PHASES = {
    "train_step": "training step",
    "forward": "teacher-forced forward pass",
    "decode": "greedy decoding",
}
TIME, MEMORY = "median_seconds", "peak_memory_bytes"
COST_NAMES = {TIME: "time", MEMORY: "memory"}
LINE = ["model", "phase"]


@dataclass(frozen=True)
class CostFacts:
    """What the captions of cost figures state.

    Attributes:
        batch_sizes: Size of the batch, by phase in plain words.
        fitted_from: Shortest length behind a fitted exponent.
        rows: Number of rows behind the curves.
        unfinished: How many of them did not finish.
        noisy: How many timings are noisy.
    """

    device: str
    device_name: str
    threads: int
    cell: str
    hidden: int
    encoder: str
    symbols: int
    batch_sizes: dict[str, int]
    fitted_from: int
    rows: int
    unfinished: int
    noisy: int


@dataclass(frozen=True)
class Costs:
    """Everything that the figures of one throughput measurement show.

    Attributes:
        table: model, phase, length, rate, low, high, memory_bytes, is_noisy; NaN where a row did
            not finish.
        growth: cost, model, phase, exponent, low, high, n.
        facts: For the caption.
    """

    table: pd.DataFrame
    growth: pd.DataFrame
    facts: CostFacts


def split_by_setting(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each setting, by a suffix that names what differs; empty for a single one.

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
    median, half = frame["median_seconds"], frame["iqr_seconds"].fillna(0.0) / 2
    rate = frame["tokens_per_second"].where(is_ok)
    fastest = (median - half).where(median > half)
    table = pd.DataFrame(
        {
            "model": frame["model"],
            "phase": frame["phase"],
            "length": frame["length"],
            "rate": rate,
            "low": rate * median / (median + half),
            "high": rate * median / fastest,
            "memory_bytes": frame["peak_memory_bytes"].astype("float64").where(is_ok),
            "is_noisy": (is_ok & (frame["noise"] == NOISY)).fillna(False).astype(bool),
        }
    )
    fits = [growth(frame, cost, LINE).assign(cost=cost) for cost in COST_NAMES]
    return Costs(
        table=table.sort_values([*LINE, "length"], ignore_index=True),
        growth=pd.concat(fits, ignore_index=True),
        facts=_facts(frame, unfinished=int((~is_ok).sum()), noisy=int(table["is_noisy"].sum())),
    )


def _facts(frame: pd.DataFrame, *, unfinished: int, noisy: int) -> CostFacts:
    first = frame.iloc[0]
    batch_sizes = frame.groupby("phase")["batch_size"].first()
    return CostFacts(
        device=str(first["device"]),
        device_name="" if pd.isna(first["device_name"]) else str(first["device_name"]),
        threads=int(first["threads"]),
        cell=str(first["cell"]),
        hidden=int(first["hidden"]),
        encoder=str(first["encoder"]),
        symbols=int(first["symbols"]),
        batch_sizes={phase_name(str(phase)): int(size) for phase, size in batch_sizes.items()},
        fitted_from=shortest_fitted_length(frame),
        rows=len(frame),
        unfinished=unfinished,
        noisy=noisy,
    )


def exponents_of(costs: Costs, cost: str) -> dict[str, dict[str, str]]:
    """Return each exponent and its interval as text, by phase and model; empty if none is known."""
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
    """Return the phases that were measured, in the order of the figure."""
    measured = set(costs.table["phase"])
    return [phase for phase in PHASES if phase in measured]


def phase_name(phase: str) -> str:
    """Return the name of a phase in plain words."""
    return PHASES[phase]
