"""From rows of throughput.csv to the curves of a figure: selection and statistics, no drawing."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.errors import ResultsError
from results.schema import OK

SETTINGS = ["device", "device_name", "threads", "cell", "hidden", "embedding", "encoder", "symbols"]
SELF_EXPLAINING = ("device", "device_name", "cell", "encoder")
PHASES = {
    "train_step": "training step",
    "forward": "teacher-forced forward pass",
    "decode": "greedy decoding",
}


@dataclass(frozen=True)
class RateFacts:
    """What the caption of a throughput figure states; sizes of batches are by phase."""

    device: str
    device_name: str
    threads: int
    cell: str
    hidden: int
    encoder: str
    symbols: int
    batch_sizes: dict[str, int]
    rows: int
    unfinished: int


@dataclass(frozen=True)
class Rates:
    """Everything that one throughput figure shows.

    Attributes:
        table: model, phase, length, rate, low, high; NaN where a row did not finish.
        facts: For the caption.
    """

    table: pd.DataFrame
    facts: RateFacts


def split_by_setting(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each setting, by a suffix that names what differs; empty for a single one.

    Timings of two machines, sizes or numbers of threads never stand in one figure.
    """
    batches = frame.groupby(["phase"])["batch_size"].nunique()
    names = [*SETTINGS, "batch_size"] if (batches > 1).any() else SETTINGS
    differing = [name for name in names if frame[name].nunique(dropna=False) > 1]
    if not differing:
        return {"": frame}
    groups = frame.groupby(differing, dropna=False)
    return {
        "".join(_slug(name, value) for name, value in zip(differing, values, strict=True)): rows
        for values, rows in groups
    }


def _slug(name: str, value: Any) -> str:
    text = "unnamed" if pd.isna(value) else str(value)
    words = text if name in SELF_EXPLAINING else f"{name} {text}"
    return "-" + re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def rates_of(frame: pd.DataFrame) -> Rates:
    """Turn the rows of one setting into rates with the span of the middle rounds.

    Raises:
        ResultsError: The table is empty, or a point has two rows.
    """
    if frame.empty:
        raise ResultsError("throughput: there is no row")
    if frame.duplicated(["model", "phase", "length"]).any():
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
        }
    )
    first = frame.iloc[0]
    batch_sizes = frame.groupby("phase")["batch_size"].first()
    return Rates(
        table=table.sort_values(["model", "phase", "length"], ignore_index=True),
        facts=RateFacts(
            device=str(first["device"]),
            device_name="" if pd.isna(first["device_name"]) else str(first["device_name"]),
            threads=int(first["threads"]),
            cell=str(first["cell"]),
            hidden=int(first["hidden"]),
            encoder=str(first["encoder"]),
            symbols=int(first["symbols"]),
            batch_sizes={phase_name(str(phase)): int(size) for phase, size in batch_sizes.items()},
            rows=len(frame),
            unfinished=int((~is_ok).sum()),
        ),
    )


def phases_of(rates: Rates) -> list[str]:
    """Return the phases that were timed, in the order of the figure."""
    order = list(PHASES)
    return sorted(
        rates.table["phase"].unique(),
        key=lambda phase: (order.index(phase) if phase in order else len(order), phase),
    )


def phase_name(phase: str) -> str:
    """Return the name of a phase in plain words."""
    return PHASES.get(phase, phase)
