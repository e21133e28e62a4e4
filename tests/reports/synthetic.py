"""Made-up rows with the shapes that real runs have, and results folders that hold them.

python -m tests.reports.synthetic FOLDER
"""

import dataclasses
import functools
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from results.schema.columns import columns_of
from results.schema.rows import (
    MEASURED_COLUMNS,
    NOT_REACHED,
    AccuracyRow,
    SampleRow,
    ThroughputRow,
    planned,
)
from results.store.folder import open_store
from results.tables import DTYPES
from tests.reports.synthetic_scores import SYMBOLS, scores

MODELS = ("rnn", "seq2seq", "seq2seq+dot", "seq2seq+additive")
LENGTHS = tuple(range(10, 201, 10))


@functools.cache
def other_settings() -> tuple[str, ...]:
    """Return the columns that a row needs and no report reads: any number does."""
    return tuple(
        item.name
        for item in columns_of(AccuracyRow)
        if not item.is_optional and item.kind is not str and item.name != "schema_version"
    )


def accuracy_row(task: str, model: str, seed: int, length: int, **changes: object) -> AccuracyRow:
    protocol = str(changes.get("protocol", "curriculum"))
    values: dict[str, object] = {
        "task": task,
        "model": model,
        "protocol": protocol,
        "seed": seed,
        "train_length": length,
        "length": length,
        "status": "ok",
        "config_id": f"{protocol[:3]}{SYMBOLS[task]:03d}",
        "symbols": SYMBOLS[task],
        "test_sequences": 1024,
        "batch_size": 32,
        "cell": "lstm",
        "hidden": 64,
        "embedding": 32,
        "encoder": "bi",
        "device": "cpu",
        "device_name": "some processor",
    }
    values = dict.fromkeys(other_settings(), 1) | values
    values |= changes
    if values["status"] == "ok":
        values = scores(task, model, seed, length) | spent(model, seed, length) | values
    path = f"{protocol}-{values['config_id']}-{task}-{model.replace(':', '.')}-{seed}"
    values.setdefault("run_id", path)
    values.setdefault("stage_id", f"{path}-{values['train_length']}")
    values.setdefault("record_id", f"{path}-{values['train_length']}-{values['length']}")
    return AccuracyRow(**values)  # type: ignore[arg-type]


def spent(model: str, seed: int, length: int, *, before: Sequence[int] = ()) -> dict[str, int]:
    """Return what training took at a length, after these lengths before it."""
    return {
        "stage_updates": updates(model, seed, length),
        "total_updates": sum(updates(model, seed, rung) for rung in (*before, length)),
        "forward_flops": operations(model, length),
    }


def updates(model: str, seed: int, length: int) -> int:
    share = 0.4 + 0.05 * seed if "+" in model else 1.0
    return round(3500 * (10 / length) ** 0.75 * share)


def accuracy_rows(
    *,
    tasks: Sequence[str] = tuple(SYMBOLS),
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2),
    lengths: Sequence[int] = LENGTHS,
    **changes: object,
) -> list[AccuracyRow]:
    is_ladder = changes.get("protocol", "curriculum") == "curriculum"
    rows = []
    for task in tasks:
        for model in models:
            for seed in seeds:
                for place, length in enumerate(lengths):
                    used = spent(model, seed, length, before=lengths[: is_ladder * place])
                    rows.append(accuracy_row(task, model, seed, length, **used | changes))
    return rows


def failed(row: AccuracyRow, status: str = "diverged") -> AccuracyRow:
    kept = ("attention_path", "device_name")
    empty = {
        field.name: None
        for field in dataclasses.fields(row)
        if field.default is None and field.name not in kept
    }
    return dataclasses.replace(row, **empty, status=status)  # type: ignore[arg-type]


def sample_rows(rows: Iterable[AccuracyRow], *, samples: int = 3) -> list[SampleRow]:
    finished = [row for row in rows if row.status == "ok"]
    return [sample_row(row, index) for row in finished for index in range(samples)]


def sample_row(row: AccuracyRow, index: int) -> SampleRow:
    draw = random.Random(f"{row.task} {row.seed} {row.length} {index}")
    source = [draw.randrange(row.symbols) for _ in range(row.length)]
    target = {"copy": source, "reverse": source[::-1], "sort": sorted(source)}[row.task]
    slips = random.Random(f"{row.model} {row.task} {row.seed} {row.length} {index}")
    wrong = 1.0 - (row.token_accuracy or 0.0)
    answer = [
        (item + slips.randrange(1, row.symbols)) % row.symbols if slips.random() < wrong else item
        for item in target
    ]
    return SampleRow(
        task=row.task,
        model=row.model,
        protocol=row.protocol,
        seed=row.seed,
        train_length=row.train_length,
        length=row.length,
        config_id=row.config_id,
        sample=index,
        source=joined(source),
        target=joined(target),
        answer=joined(answer),
    )


def joined(ids: Iterable[int]) -> str:
    return " ".join(map(str, ids))


PHASE_FACTORS = {"train_step": 1.0, "forward": 3.2, "decode": 0.6}
PHASE_OPERATIONS = {"train_step": 3, "forward": 1, "decode": 1}
RATES = {"rnn": 90e3, "seq2seq": 70e3, "seq2seq+dot": 50e3, "seq2seq+additive": 38e3}
SLOWING = {"rnn": 0.0, "seq2seq": 0.0, "seq2seq+dot": 3e-3, "seq2seq+additive": 9e-3}
MIB = 2.0**20


def throughput_rows(
    *, models: Sequence[str] = MODELS, lengths: Sequence[int] = LENGTHS, **changes: object
) -> list[ThroughputRow]:
    return [
        throughput_row(model, phase, length, **changes)
        for phase in PHASE_FACTORS
        for model in models
        for length in lengths
    ]


def throughput_row(model: str, phase: str, length: int, **changes: object) -> ThroughputRow:
    draw = random.Random(f"{model} {phase} {length}")
    rate = PHASE_FACTORS[phase] * RATES.get(model, 6e4) / (1 + SLOWING.get(model, 0.0) * length)
    rate *= length / (length + 4.0) * (1 + 0.02 * draw.gauss(0, 1))
    spread = 0.04 + 0.08 * draw.random()
    kept = {"train_step": 1.0, "forward": 0.35, "decode": 0.1}[phase]
    memory = kept * (0.25 * length + SLOWING.get(model, 0.0) * length**2 / 4) + 2.0
    flops = PHASE_OPERATIONS[phase] * 64 * operations(model, length)
    values: dict[str, object] = {
        "model": model,
        "phase": phase,
        "length": length,
        "status": "ok",
        "batch_size": 64,
        "symbols": 16,
        "cell": "lstm",
        "hidden": 64,
        "embedding": 32,
        "encoder": "bi",
        "rounds": 20,
        "median_seconds": 64 * length / rate,
        "iqr_seconds": spread * 64 * length / rate,
        "tokens_per_second": rate,
        "noise": "noisy" if spread > 0.1 else "steady",
        "flops": flops,
        "flops_per_second": flops * rate / (64 * length),
        "peak_memory_bytes": int(memory * MIB),
        "device": "cpu",
        "device_name": "some processor",
        "threads": 1,
    }
    return ThroughputRow(**(values | changes))  # type: ignore[arg-type]


def cost_failed(row: ThroughputRow) -> ThroughputRow:
    empty = dict.fromkeys(MEASURED_COLUMNS)
    return dataclasses.replace(row, status="timed_out", **empty)  # type: ignore[arg-type]


def operations(model: str, length: int) -> int:
    """Return the operations of one pass over a sequence: a line, with attention a square on it."""
    return 100_000 * length + (256 * length**2 if "+" in model else 0)


def frame_of(rows: Sequence[AccuracyRow] | Sequence[ThroughputRow]) -> pd.DataFrame:
    """Return rows as `results.tables` reads them, without a folder."""
    return pd.DataFrame(
        {
            item.name: pd.Series([getattr(row, item.name) for row in rows], dtype=DTYPES[item.kind])
            for item in columns_of(type(rows[0]))
        }
    )


def write_folder(
    folder: Path,
    rows: Sequence[AccuracyRow],
    *,
    samples: Iterable[SampleRow] = (),
    throughput: Sequence[ThroughputRow] = (),
) -> Path:
    store = open_store(folder, create=True)
    by_stage: dict[tuple[object, ...], list[SampleRow]] = {}
    for sample in samples:
        by_stage.setdefault(stage_of(sample), []).append(sample)
    store.extend_plan(planned(row) for row in rows)
    for row in rows:
        if row.status == "ok":
            store.write_record(row, by_stage.get(stage_of(row), ()))
        elif row.status != NOT_REACHED:
            store.write_failure(row)
    store.compile()
    if throughput:
        store.write_throughput(throughput)
    return folder


def stage_of(row: AccuracyRow | SampleRow) -> tuple[object, ...]:
    return tuple(
        getattr(row, name)
        for name in ("task", "model", "protocol", "seed", "train_length", "length", "config_id")
    )


if __name__ == "__main__":
    full = accuracy_rows()
    write_folder(Path(sys.argv[1]), full, samples=sample_rows(full), throughput=throughput_rows())
