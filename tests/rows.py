"""Rows to test with."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from results.schema.columns import LARGEST_INTEGER
from results.schema.layout import Column, columns_of
from results.schema.rows import (
    FAILING_STATUSES,
    MEASURED_COLUMNS,
    NOT_REACHED,
    OK,
    SCORE_COLUMNS,
    AccuracyRow,
    SampleRow,
    ThroughputRow,
    planned,
)
from results.store.folder import Store, open_store
from results.store.records import Record


def accuracy_row(**changes: Any) -> AccuracyRow:
    values: dict[str, Any] = {
        "task": "copy",
        "model": "seq2seq",
        "protocol": "curriculum",
        "seed": 0,
        "train_length": 10,
        "length": 10,
        "status": OK,
        "config_id": "c0",
        "token_accuracy": 0.9123,
        "sequence_accuracy": 1 / 3,
        "carried_bits": -0.5,
        "symbols": 16,
        "distinct_sources": LARGEST_INTEGER,
        "stopped_because": "budget",
        "train_seconds": 1.5,
        "cell": "lstm",
        "hidden": 64,
        "embedding": 32,
        "encoder": "bi",
        "batch_size": 64,
        "learning_rate": 1e-3,
        "budget_updates": 1500,
        "stage_budget_updates": 400,
        "warmup_updates": 100,
        "clip_norm": 1.0,
        "solved_accuracy": 0.98,
        "device": "cpu",
        "task_version": 1,
        "model_version": 1,
        "sampler_version": 1,
        "recipe_version": 1,
        "evaluator_version": 1,
        "attempts": 1,
        "run_id": "run0",
        "stage_id": "stage0",
        "record_id": "record0",
    }
    if changes.get("status", OK) != OK:
        values.update(dict.fromkeys(SCORE_COLUMNS))
    return AccuracyRow(**values | changes)


def run_rows(
    model: str, *, seed: int = 0, lengths: tuple[int, ...] = (10, 20)
) -> list[AccuracyRow]:
    """Return one ok row per length of a model run."""
    return [
        accuracy_row(
            model=model,
            seed=seed,
            train_length=length,
            length=length,
            token_accuracy=1 / (length + seed),
            run_id=f"{model}-{seed}",
            record_id=f"{model}-{seed}-{length}",
        )
        for length in lengths
    ]


def failed(row: AccuracyRow, status: str = "diverged") -> AccuracyRow:
    changes = {item.name: getattr(row, item.name) for item in columns_of(AccuracyRow)}
    return AccuracyRow(**changes | dict.fromkeys(SCORE_COLUMNS) | {"status": status, "error": "x"})


def throughput_row(**changes: Any) -> ThroughputRow:
    values: dict[str, Any] = {
        "model": "seq2seq",
        "phase": "decode",
        "length": 10,
        "status": OK,
        "batch_size": 64,
        "symbols": 16,
        "cell": "lstm",
        "hidden": 64,
        "embedding": 32,
        "encoder": "bi",
        "rounds": 5,
        "median_seconds": 0.25,
        "device": "cpu",
        "threads": 1,
    }
    return ThroughputRow(**values | changes)


def sample_of(row: AccuracyRow, sample: int) -> SampleRow:
    return SampleRow(
        task=row.task,
        model=row.model,
        protocol=row.protocol,
        seed=row.seed,
        train_length=row.train_length,
        length=row.length,
        config_id=row.config_id,
        sample=sample,
        source="3 1 2",
        target="3 1 2",
        answer="3 1 1",
    )


def example_record() -> Record:
    row = accuracy_row()
    return Record(row, (sample_of(row, 0), sample_of(row, 1)))


def filled_store(folder: Path, rows: list[AccuracyRow]) -> Store:
    """Return a store in which the rows are planned and have records with two samples each."""
    store = open_store(folder, create=True)
    store.extend_plan(planned(row) for row in rows)
    for row in rows:
        store.write_record(row, [sample_of(row, 1), sample_of(row, 0)])
    return store


def rows_of(row_type: type[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for any valid row."""
    columns = {item.name: _values_of(item) for item in columns_of(row_type)}
    return st.fixed_dictionaries(columns).map(lambda values: row_type(**_consistent(values)))


def _values_of(item: Column) -> st.SearchStrategy[Any]:
    values: st.SearchStrategy[Any]
    if item.name == "schema_version":
        return st.just(1)
    if item.choices:
        values = st.sampled_from(item.choices)
    elif item.unit == "identifier":
        values = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}", fullmatch=True)
    elif item.kind is str:
        values = _TEXT
    elif item.kind is int:
        values = st.integers(0, LARGEST_INTEGER)
    elif item.unit == "fraction":
        values = st.floats(0, 1)
    else:
        values = st.floats(allow_nan=False, allow_infinity=False)
    return st.none() | values if item.is_optional else values


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text.splitlines() == [text]
)


def _consistent(values: dict[str, Any]) -> dict[str, Any]:
    if values.get("status", OK) == OK:
        return values
    empty = dict.fromkeys(name for name in (*SCORE_COLUMNS, *MEASURED_COLUMNS) if name in values)
    return values | empty


ALL_STATUSES = (OK, *FAILING_STATUSES, NOT_REACHED)
