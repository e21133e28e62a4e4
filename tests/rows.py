"""Rows to test with, and results folders that have them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from results.schema.columns import LARGEST_INTEGER, Column, columns_of
from results.schema.probe_rows import ErrorRow
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
from results.store.csv_files import ERRORS
from results.store.folder import Store, open_store
from results.store.probes import ProbeRecord, ProbeStore
from results.store.records import Record, stage_columns

ALL_STATUSES = (OK, *FAILING_STATUSES, NOT_REACHED)
PROBES_MADE = 1_000_003  # A version of the probes that is never that of the code.


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
    """One ok row per length of a model run."""
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


def staged_rows(*models: str, lengths: tuple[int, ...] = (10, 20)) -> list[AccuracyRow]:
    """The rows of one model run per model, each of a stage of its own."""
    rows = [row for model in models for row in run_rows(model, lengths=lengths)]
    return [replace(row, stage_id=f"stage-{row.record_id}") for row in rows]


def failed(row: AccuracyRow, status: str = "diverged") -> AccuracyRow:
    empty = dict.fromkeys(SCORE_COLUMNS)
    return AccuracyRow(**asdict(row) | empty | {"status": status, "error": "x"})


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
    answer = {"source": "3 1 2", "target": "3 1 2", "answer": "3 1 1"}
    return SampleRow(**stage_columns(row), sample=sample, **answer)


def example_record() -> Record:
    row = accuracy_row()
    return Record(row, (sample_of(row, 0), sample_of(row, 1)))


def error_row(row: AccuracyRow, **changes: Any) -> ErrorRow:
    """What probes found of a row; numbers that a CSV might round."""
    values: dict[str, Any] = {
        "wrong_items": 1 / 3,
        "edit_distance_items": 0.1 + 0.2,
        "correct_prefix_items": 0.0,
        "teacher_forcing_gap": -1e-17,
        "test_sequences": 8,
    }
    return ErrorRow(**stage_columns(row), **values | changes)


def filled_store(folder: Path, rows: list[AccuracyRow]) -> Store:
    """A store in which the rows are planned and have records with two samples each."""
    store = open_store(folder, create=True)
    store.extend_plan(planned(row) for row in rows)
    for row in rows:
        store.write_record(row, [sample_of(row, 1), sample_of(row, 0)])
    return store


def results_folder(
    folder: Path,
    *rows: AccuracyRow,
    failures: tuple[AccuracyRow, ...] = (),
    left: tuple[AccuracyRow, ...] = (),
    timings: tuple[ThroughputRow, ...] = (),
    probed: tuple[AccuracyRow, ...] = (),
) -> Path:
    """A results folder as the commands leave it."""
    store = filled_store(folder, list(rows))
    store.extend_plan(map(planned, (*failures, *left)))
    for row in failures:
        store.write_failure(row)
    store.compile()
    if timings:
        store.write_throughput(timings)
    if probed:
        probes = ProbeStore(folder, version=PROBES_MADE)
        for row in probed:
            probes.write(ProbeRecord(row.record_id, PROBES_MADE, {ERRORS: (error_row(row),)}))
        probes.compile(row.record_id for row in probed)
    return folder


def rows_of(row_type: type[Any]) -> st.SearchStrategy[Any]:
    """A strategy for any valid row."""
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
