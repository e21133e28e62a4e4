import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.layout import columns_of
from results.schema.probe_rows import (
    INFLUENCE_MEASURES,
    MAP_MEASURES,
    AlignmentRow,
    ErrorRow,
    InfluenceRow,
    MapRow,
    PositionRow,
    ProbeRow,
)
from results.schema.rows import AccuracyRow
from results.store import checked_json as sealed
from results.store.csv_files import (
    ALIGNMENT,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    PROBE_TABLES,
    SAMPLES,
    read_rows,
)
from results.store.probes import PROBES, ProbeRecord, ProbeStore, stage_columns
from results.store.records import SHARED_COLUMNS
from results.tables import read_probes
from tests.rows import accuracy_row, rows_of, sample_of

VERSION = 3


def tables_of(row: AccuracyRow) -> dict[str, tuple[ProbeRow, ...]]:
    """Return a row or two of every table; numbers that a CSV might round, and empty columns."""
    stage = stage_columns(row)
    return {
        ERRORS: (
            ErrorRow(
                **stage,
                wrong_items=1 / 3,
                edit_distance_items=0.1 + 0.2,
                correct_prefix_items=0.0,
                teacher_forcing_gap=-1e-17,
                test_sequences=1024,
            ),
        ),
        POSITIONS: tuple(
            PositionRow(
                **stage,
                output_item=item,
                token_accuracy=1.0,
                teacher_forced_token_accuracy=2 / 3,
                first_error_fraction=5e-324,
            )
            for item in (1, 2)
        ),
        ALIGNMENT: (
            AlignmentRow(
                **stage,
                aligned_fraction=0.5,
                near_fraction=1.0,
                best_offset_items=-1.0,
                best_offset_fraction=0.75,
                aligned_mass=0.3,
                near_mass=0.4,
                weight_entropy_bits=3.7,
                test_sequences=128,
            ),
        ),
        INFLUENCE: tuple(
            InfluenceRow(
                **stage,
                parameters="trained",
                measure=measure,
                source_item=1,
                effect=-0.25,
                aligned_effect=None if measure == "context" else 12.5,
                test_sequences=32,
            )
            for measure in INFLUENCE_MEASURES
        ),
        MAPS: tuple(
            MapRow(**stage, measure=measure, output_item=2, source_item=1, value=1e-30)
            for measure in MAP_MEASURES
        ),
    }


def record_of(row: AccuracyRow, *, version: int = VERSION) -> ProbeRecord:
    return ProbeRecord(row.record_id, version, tables_of(row))


def store_of(folder: Path, *, version: int = VERSION) -> ProbeStore:
    return ProbeStore(folder, version=version)


def probe_file(folder: Path, record_id: str = "record0") -> Path:
    return folder / PROBES / f"{record_id}.json"


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# The round trip.


def check_round_trip(store_in: Callable[[Path], Any], folder: Path) -> None:
    row = accuracy_row()
    store_in(folder).write(record_of(row))
    assert store_in(folder).read("record0") == record_of(row)
    assert store_in(folder).read("record1") is None


def test_record_comes_back_exactly(tmp_path: Path) -> None:
    check_round_trip(store_of, tmp_path)


class Rounding(ProbeStore):
    """Keeps six digits, as a careless format does."""

    def write(self, record: ProbeRecord) -> None:
        rows = [
            replace(row, wrong_items=float(f"{row.wrong_items:.6g}"))
            for row in record.tables[ERRORS]
        ]
        super().write(replace(record, tables={**record.tables, ERRORS: rows}))


class Forgetting(ProbeStore):
    """Leaves a table out."""

    def write(self, record: ProbeRecord) -> None:
        tables = {name: rows for name, rows in record.tables.items() if name != MAPS}
        super().write(replace(record, tables=tables))


class Mistaking(ProbeStore):
    """Answers with whatever record it has."""

    def read(self, record_id: str) -> ProbeRecord | None:
        return super().read("record0")


@pytest.mark.parametrize("broken", [Rounding, Forgetting, Mistaking])
def test_record_that_comes_back_otherwise_is_rejected(
    broken: type[ProbeStore], tmp_path: Path
) -> None:
    with pytest.raises(AssertionError):
        check_round_trip(lambda folder: broken(folder, version=VERSION), tmp_path)


@pytest.mark.parametrize("name", PROBE_TABLES)
@settings(max_examples=12, deadline=None)  # Each of them waits for the disk.
@given(data=st.data())
def test_any_row_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("probes")
    row = data.draw(rows_of(PROBE_TABLES[name]))
    record = ProbeRecord("record0", VERSION, {name: (row,)})
    store_of(folder).write(record)
    assert store_of(folder).read("record0") == record
    store_of(folder).compile(["record0"])
    assert read_rows(folder, name) == (row,)


def test_rows_do_not_repeat_their_stage(tmp_path: Path) -> None:
    store_of(tmp_path).write(record_of(accuracy_row(config_id="a-long-name")))
    assert probe_file(tmp_path).read_bytes().count(b"a-long-name") == 1


def test_stage_is_that_of_the_row_of_accuracy() -> None:
    row = accuracy_row(task="sort", seed=7, length=20)
    assert stage_columns(row) == {name: to_json(row)[name] for name in SHARED_COLUMNS}


def test_later_findings_replace_earlier_ones(tmp_path: Path) -> None:
    store, row = store_of(tmp_path), accuracy_row()
    store.write(ProbeRecord("record0", VERSION, {ERRORS: tables_of(row)[ERRORS]}))
    earlier = store.read("record0")
    assert earlier is not None
    assert set(earlier.tables) == {ERRORS}
    store.write(record_of(row))
    assert store.read("record0") == record_of(row)


# Versions and damage.


def test_findings_of_another_version_count_as_absent(tmp_path: Path) -> None:
    row = accuracy_row()
    store_of(tmp_path, version=2).write(record_of(row, version=2))
    store = store_of(tmp_path)
    assert store.read("record0") is None
    assert (store.version_of("record0"), store.version_of("record1")) == (2, None)
    store.compile(["record0"])
    assert read_rows(tmp_path, ERRORS) == ()
    assert store_of(tmp_path, version=2).read("record0") == record_of(row, version=2)
    assert store.notices == []
    store.write(record_of(row))
    assert store.read("record0") == record_of(row)


def check_set_aside(folder: Path, content: bytes) -> None:
    """It counts as absent, is kept under another name, and a line says so; once."""
    store_of(folder).write(record_of(accuracy_row()))
    probe_file(folder).write_bytes(content)
    viewed = ProbeStore(folder, version=VERSION, is_read_only=True)
    assert viewed.read("record0") is None
    assert probe_file(folder).exists()
    store = store_of(folder)
    for _ in range(2):
        assert store.read("record0") is None
    assert not probe_file(folder).exists()
    assert probe_file(folder).with_name("record0.json.rejected").read_bytes() == content
    for notices in (viewed.notices, store.notices):
        assert len(notices) == 1
        assert notices[0].startswith(f"{probe_file(folder)}: not used: ")
        assert len(notices[0].splitlines()) == 1


def body_of(row: AccuracyRow, folder: Path) -> dict[str, Any]:
    store_of(folder / "other").root.mkdir()
    store_of(folder / "other").write(record_of(row))
    body: dict[str, Any] = sealed.unseal(probe_file(folder / "other").read_bytes())
    return body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"\0" * 50,
        sealed.seal([]),
        sealed.seal({"rows": []}),
        sealed.seal({"record_id": "record0", "version": 3, "stage": {}, "tables": {}}),
    ],
)
def test_foreign_file_is_set_aside(tmp_path: Path, content: bytes) -> None:
    check_set_aside(tmp_path, content)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated_file_is_set_aside(tmp_path: Path, part: float) -> None:
    whole = sealed.seal(body_of(accuracy_row(), tmp_path))
    check_set_aside(tmp_path, whole[: int(part * len(whole))])


def test_whole_file_is_not_set_aside(tmp_path: Path) -> None:
    """The twin: the check would find a store that rejects everything, or nothing."""
    with pytest.raises(AssertionError):
        check_set_aside(tmp_path, sealed.seal(body_of(accuracy_row(), tmp_path)))


@pytest.mark.parametrize(
    "changes",
    [
        {"record_id": "record1"},
        {"stage": None},
        {"stage": {}},
        {"stage": {"task": "copy", "wrong_items": 3.0}},
        {"tables": []},
        {"tables": {SAMPLES: []}},
        {"tables": {ERRORS: 3}},
        {"tables": {ERRORS: [3]}},
        {"tables": {ERRORS: [[1.0, 2.0]]}},
        {"tables": {ERRORS: [["x", 0.0, 0.0, 0.0, 1]]}},
        {"tables": {ERRORS: [[0.0, 0.0, 0.0, 0.0, -1]]}},
        {"tables": {ERRORS: []}},
        {"more": 1},
    ],
    ids=str,
)
def test_sealed_file_that_does_not_fit_is_set_aside(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    check_set_aside(tmp_path, sealed.seal(body_of(accuracy_row(), tmp_path) | changes))


def test_damaged_file_is_left_out_of_the_tables(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    for name in ("a", "b"):
        store.write(record_of(accuracy_row(record_id=name)))
    probe_file(tmp_path, "a").write_bytes(b"{")
    store.compile(["a", "b"])
    assert len(read_rows(tmp_path, ERRORS)) == 1
    assert len(store.notices) == 1


# What a record may hold.


def check_refuses_what_is_not_of_one_stage(record: Callable[..., Any]) -> None:
    row = accuracy_row()
    for name in SHARED_COLUMNS:
        value = getattr(row, name)
        other = replace(row, **{name: "other" if isinstance(value, str) else value + 1})
        mixed = {**tables_of(row), MAPS: tables_of(other)[MAPS]}
        with pytest.raises(ResultsError, match="rows of one stage are needed, not of 2"):
            record("record0", VERSION, mixed)
        within = {ERRORS: (*tables_of(row)[ERRORS], *tables_of(other)[ERRORS])}
        with pytest.raises(ResultsError, match="rows of one stage are needed, not of 2"):
            record("record0", VERSION, within)
    for empty in ({}, {ERRORS: ()}):
        with pytest.raises(ResultsError, match="rows of one stage are needed, not of 0"):
            record("record0", VERSION, empty)
    with pytest.raises(ResultsError, match=r"tables: samples\.csv: not the table of a probe"):
        record("record0", VERSION, {SAMPLES: (sample_of(row, 0),), **tables_of(row)})


def test_rows_of_two_stages_and_unknown_tables_are_refused() -> None:
    check_refuses_what_is_not_of_one_stage(ProbeRecord)


def of_the_first_rows(record_id: str, version: int, tables: dict[str, Any]) -> ProbeRecord:
    return ProbeRecord(record_id, version, {name: rows[:1] for name, rows in tables.items()})


def of_the_known_tables(record_id: str, version: int, tables: dict[str, Any]) -> ProbeRecord:
    known = {name: rows for name, rows in tables.items() if name in PROBE_TABLES}
    return ProbeRecord(record_id, version, known)


@pytest.mark.parametrize("broken", [of_the_first_rows, of_the_known_tables])
def test_records_that_hold_anything_are_rejected(broken: Callable[..., Any]) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_refuses_what_is_not_of_one_stage(broken)


@pytest.mark.parametrize(
    ("row_type", "changes", "message"),
    [
        (InfluenceRow, {"measure": "attention"}, "measure: one of gradient, occlusion, context"),
        (InfluenceRow, {"parameters": "final"}, "parameters: one of initial, trained"),
        (MapRow, {"measure": "context"}, "measure: one of attention, occlusion, gradient"),
        (MapRow, {"value": float("nan")}, "value: a finite number is needed"),
        (PositionRow, {"token_accuracy": 1.5}, "token_accuracy: a fraction from 0 to 1"),
    ],
)
def test_values_that_mean_nothing_are_refused(
    row_type: type[ProbeRow], changes: dict[str, Any], message: str
) -> None:
    (name,) = [name for name, kind in PROBE_TABLES.items() if kind is row_type]
    row = tables_of(accuracy_row())[name][0]
    with pytest.raises(ResultsError, match=message):
        replace(row, **changes)


# The tables.


def test_tables_are_compiled_in_the_order_of_the_records(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    rows = [accuracy_row(record_id=name, seed=seed) for seed, name in enumerate("bca")]
    for row in rows:
        store.write(record_of(row))
    store.compile([*"bca", "absent"])
    for name in PROBE_TABLES:
        expected = [found for row in rows for found in tables_of(row)[name]]
        assert list(read_rows(tmp_path, name)) == expected
        frame = read_probes(tmp_path, name)
        assert list(frame.columns) == [item.name for item in columns_of(PROBE_TABLES[name])]
        assert len(frame) == len(expected)
    frame = read_probes(tmp_path, INFLUENCE)
    assert frame["aligned_effect"].isna().sum() == 3
    assert frame["seed"].drop_duplicates().tolist() == [0, 1, 2]
    assert read_probes(tmp_path, ERRORS)["wrong_items"].tolist() == [1 / 3] * 3


def test_tables_of_what_is_no_longer_planned_are_not_compiled(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    for name in "ab":
        store.write(record_of(accuracy_row(record_id=name)))
    store.compile("ab")
    assert len(read_rows(tmp_path, MAPS)) == 2 * len(MAP_MEASURES)
    store.compile("b")
    assert len(read_rows(tmp_path, MAPS)) == len(MAP_MEASURES)


def check_is_verified(read: Callable[[Path], Any], folder: Path) -> None:
    store = store_of(folder)
    store.write(record_of(accuracy_row()))
    store.compile(["record0"])
    path = folder / ERRORS
    path.write_bytes(path.read_bytes().replace(b"0.333", b"0.334"))
    with pytest.raises(ResultsError, match=r"errors\.csv: truncated or edited"):
        read(folder)


def test_an_edited_table_is_refused(tmp_path: Path) -> None:
    check_is_verified(lambda folder: read_probes(folder, ERRORS), tmp_path)


def test_reading_without_verifying_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_is_verified(lambda folder: (folder / ERRORS).read_text(), tmp_path)


def test_an_absent_table_has_no_rows(tmp_path: Path) -> None:
    for name in PROBE_TABLES:
        frame = read_probes(tmp_path, name)
        assert len(frame) == 0
        assert list(frame.columns) == [item.name for item in columns_of(PROBE_TABLES[name])]


def test_compiling_again_changes_nothing(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    store.write(record_of(accuracy_row()))
    store.compile(["record0"])
    states = {path: path.stat() for path in tmp_path.rglob("*") if path.is_file()}
    store_of(tmp_path).compile(["record0"])
    assert {path: path.stat() for path in tmp_path.rglob("*") if path.is_file()} == states


def check_a_full_disk_leaves_the_old_files(
    write: Callable[[Path, bytes], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(folder)
    store.write(record_of(accuracy_row()))
    store.compile(["record0"])
    before = files_in(folder)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr("results.store.documents.replace_file", write)
    other = record_of(accuracy_row(seed=5))
    with pytest.raises(ResultsError, match="cannot be written: No space left on device"):
        store.write(other)
    with pytest.raises(ResultsError, match="cannot be written: No space left on device"):
        store.compile([])
    assert files_in(folder) == before
    assert store_of(folder).read("record0") == record_of(accuracy_row())
    assert len(read_rows(folder, ERRORS)) == 1


def test_a_full_disk_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from results.store.files import replace_file

    check_a_full_disk_leaves_the_old_files(replace_file, tmp_path, monkeypatch)


def test_writing_in_place_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_place(path: Path, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    with pytest.raises(AssertionError), monkeypatch.context() as patch:
        check_a_full_disk_leaves_the_old_files(in_place, tmp_path, patch)


def test_a_removed_folder_is_named(tmp_path: Path) -> None:
    store = store_of(tmp_path / "gone")
    assert store.read("record0") is None
    for write in (lambda: store.compile([]), lambda: store.write(record_of(accuracy_row()))):
        with pytest.raises(ResultsError, match=r"gone.*: cannot be .*: No such file"):
            write()
