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
from synthetic_scores import SYMBOLS, scores

from results.columns import columns_of
from results.schema import NOT_REACHED, AccuracyRow, SampleRow, ThroughputRow, planned
from results.store import open_store
from results.tables import DTYPES

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
        values = scores(task, model, seed, length) | values
    path = f"{protocol}-{values['config_id']}-{task}-{model.replace(':', '.')}-{seed}"
    values.setdefault("run_id", path)
    values.setdefault("stage_id", f"{path}-{values['train_length']}")
    values.setdefault("record_id", f"{path}-{values['train_length']}-{values['length']}")
    return AccuracyRow(**values)  # type: ignore[arg-type]


def accuracy_rows(
    *,
    tasks: Sequence[str] = tuple(SYMBOLS),
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2),
    lengths: Sequence[int] = LENGTHS,
    **changes: object,
) -> list[AccuracyRow]:
    return [
        accuracy_row(task, model, seed, length, **changes)
        for task in tasks
        for model in models
        for seed in seeds
        for length in lengths
    ]


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


def throughput_rows(
    *, models: Sequence[str] = MODELS, lengths: Sequence[int] = LENGTHS, **changes: object
) -> list[ThroughputRow]:
    rates = {"rnn": 90e3, "seq2seq": 70e3, "seq2seq+dot": 50e3, "seq2seq+additive": 38e3}
    slowing = {"rnn": 0.0, "seq2seq": 0.0, "seq2seq+dot": 3e-3, "seq2seq+additive": 9e-3}
    rows = []
    for phase, factor in (("train_step", 1.0), ("decode", 0.6)):
        for model in models:
            for length in lengths:
                rate = factor * rates.get(model, 6e4) / (1 + slowing.get(model, 0.0) * length)
                rate *= length / (length + 4.0)
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
                    "iqr_seconds": 6.4 * length / rate,
                    "tokens_per_second": rate,
                    "device": "cpu",
                    "device_name": "some processor",
                    "threads": 1,
                }
                rows.append(ThroughputRow(**(values | changes)))  # type: ignore[arg-type]
    return rows


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
