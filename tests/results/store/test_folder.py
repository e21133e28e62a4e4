"""A results folder keeps what was planned and done, and refuses what it cannot keep."""

import itertools
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import NOT_REACHED, OK, AccuracyRow, planned
from results.store import folder as folder_module
from results.store.checked_json import seal, unseal
from results.store.csv_files import ACCURACY, SAMPLES, THROUGHPUT, read_rows
from results.store.folder import LEFT, Store, open_store, trained_otherwise
from tests.results.store.harm import files_in, full_disk
from tests.rows import accuracy_row, failed, filled_store, run_rows, sample_of, throughput_row

LENGTHS = (10, 20, 30)


def writes(store: Store, row: AccuracyRow) -> list[Callable[[], None]]:
    """Every way to write to a store but `compile`."""
    return [
        lambda: store.extend_plan([planned(replace(row, record_id="another"))]),
        lambda: store.write_record(row),
        lambda: store.write_failure(failed(row)),
        lambda: store.write_throughput([throughput_row()]),
    ]


# Opening.


def test_creating_makes_the_folder_alone_and_viewing_an_absent_one_nothing(tmp_path):
    open_store(tmp_path / "a" / "b", create=True)
    assert list((tmp_path / "a" / "b").iterdir()) == []
    store = open_store(tmp_path / "absent", create=False)
    assert (store.plan(), store.statuses(), store.failures(), store.timings()) == ((), {}, {}, ())
    assert store.read_record("record0") is None
    for write in (store.compile, *writes(store, accuracy_row())):
        with pytest.raises(ResultsError, match="absent: opened for reading only"):
            write()
    assert not (tmp_path / "absent").exists()


def test_viewing_renames_nothing(tmp_path):
    filled_store(tmp_path, [accuracy_row()])
    bad = [tmp_path / name for name in ("plan.json", "records/record0.json", THROUGHPUT)]
    for path in bad:
        path.write_bytes(b"{}")
    before = files_in(tmp_path)
    store = open_store(tmp_path, create=False)
    for _ in range(2):
        assert (store.plan(), store.read_record("record0")) == ((), None)
    assert store.timings() == ()
    notices = [notice.partition(": not used: ")[0] for notice in store.take_notices()]
    assert notices == [*map(str, bad)]
    assert (store.take_notices(), files_in(tmp_path)) == ((), before)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    path = tmp_path / "results"
    path.write_text("")
    for create in (True, False):
        with pytest.raises(ResultsError, match="results: is a file, a folder is needed"):
            open_store(path, create=create)
    with pytest.raises(ResultsError, match="inner: cannot be used: Not a directory"):
        open_store(path / "inner", create=True)
    with pytest.raises(ResultsError, match="x: cannot be used: File name too long"):
        open_store(tmp_path / ("x" * 300), create=True)


@pytest.mark.parametrize("part", [".", "records", "failures"])
def test_an_unwritable_folder_is_refused(tmp_path, monkeypatch, part):
    store = filled_store(tmp_path, [accuracy_row()])
    store.write_failure(failed(accuracy_row(record_id="record1")))

    def full(*, dir: Path) -> Any:
        return open("/dev/full" if dir == tmp_path / part else os.devnull, "wb")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(ResultsError, match="cannot be used: No space left on device"):
        open_store(tmp_path, create=True)
    assert open_store(tmp_path, create=False).read_record("record0") is not None


@pytest.mark.parametrize("name", ["plan.json", "records/a.json"])
def test_another_schema_version_is_refused(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b'{"schema_version":2,"as":"it will be"}')
    before = files_in(tmp_path)
    for create in (True, False):
        with pytest.raises(ResultsError) as caught:
            open_store(tmp_path, create=create)
        assert str(caught.value) == (
            f"{tmp_path / name}: it is of schema version 2, not 1; choose another folder"
        )
    assert files_in(tmp_path) == before


# The plan.


def test_plan_is_the_union_of_all_plans(tmp_path):
    first, second = (list(map(planned, run_rows(model))) for model in "ba")
    store = open_store(tmp_path, create=True)
    store.extend_plan(first)
    open_store(tmp_path, create=True).extend_plan(second)
    state = (tmp_path / "plan.json").stat()
    store.extend_plan(replace(row, hidden=128) for row in first)
    assert store.plan() == open_store(tmp_path, create=False).plan() == (*second, *first)
    assert (tmp_path / "plan.json").stat() == state
    with pytest.raises(ResultsError, match="status: one of not_reached is needed, not 'ok'"):
        store.extend_plan([accuracy_row()])


@pytest.mark.fault("F7")
def test_plan_is_asked_as_it_is_when_it_is_extended(tmp_path):
    """Another command may have extended it since this one read it."""
    first, second = (list(map(planned, run_rows(model))) for model in "ba")
    slower = open_store(tmp_path, create=True)
    assert slower.plan() == ()
    open_store(tmp_path, create=True).extend_plan(first)

    def require(present):
        assert present == tuple(first)
        raise ResultsError("does not fit")

    with pytest.raises(ResultsError, match="does not fit"):
        slower.extend_plan(second, require=require)
    assert slower.plan() == tuple(first)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_newer_evaluation_of_a_stage_takes_the_place_of_an_older_one(tmp_path, is_damaged):
    old = run_rows("seq2seq", "rnn")
    store = filled_store(tmp_path, old)
    store.write_failure(failed(replace(old[0], record_id="gone-wrong")))
    newer = [replace(row, evaluator_version=2, record_id=f"new-{row.record_id}") for row in old[:2]]
    for rows in (newer, old):  # An older version of the suite changes nothing.
        store.extend_plan(map(planned, rows))
    if is_damaged:
        for row in newer:
            store.write_record(row)
        store._plan.path_of("plan").write_bytes(b"{}")
    present = {row.record_id for row in open_store(tmp_path, create=True).plan()}
    assert present == {row.record_id for row in (*newer, *old[2:])}
    for row in newer:
        store.write_record(row)
    store.compile()
    assert {row.record_id for row in read_rows(tmp_path, ACCURACY)} == present


def test_a_plan_may_have_no_rows_and_leaves_empty_columns_out(tmp_path):
    store = open_store(tmp_path, create=True)
    store.extend_plan([])
    store.compile()
    assert unseal((tmp_path / "plan.json").read_bytes()) == {"rows": []}
    assert read_rows(tmp_path, ACCURACY) == read_rows(tmp_path, SAMPLES) == ()
    store.extend_plan([planned(accuracy_row())])
    (stated,) = unseal((tmp_path / "plan.json").read_bytes())["rows"]
    values = to_json(planned(accuracy_row())).items()
    assert stated == {name: value for name, value in values if value is not None}


def test_damaged_plan_is_rebuilt_from_what_was_recorded(tmp_path):
    rows = run_rows("a", lengths=LENGTHS)
    store = filled_store(tmp_path, rows[:2])
    store.extend_plan([planned(rows[2])])
    store.write_failure(failed(rows[2]))
    path, aside = tmp_path / "plan.json", tmp_path / "plan.json.rejected"
    for damage in (None, b"", b"{}", seal({"rows": [3]}), seal({"rows": 3}), seal([])):
        path.unlink() if damage is None else path.write_bytes(damage)
        for create in (False, True):
            assert open_store(tmp_path, create=create).plan() == tuple(map(planned, rows))
        store.extend_plan([])
        assert open_store(tmp_path, create=False).plan() == tuple(map(planned, rows))
        if damage is not None:
            assert aside.read_bytes() == damage
            aside.unlink()


def test_another_path_of_lengths_is_found():
    present = run_rows("a")
    other = [replace(row, stage_id="other") for row in present]
    assert trained_otherwise(present, present) is None
    assert trained_otherwise(present, [present[0], other[1], other[0]]) == other[1]
    for column in ("task", "model", "config_id"):
        assert trained_otherwise(present, [replace(other[0], **{column: "x"})]) is None
    for column in ("seed", "train_length", "length"):
        assert trained_otherwise(present, [replace(other[0], **{column: 7})]) is None
    # A mixed run trains on all its lengths at once: its longest one is a part of its path.
    mixed = [replace(row, protocol="mixed", train_length=n) for row in other for n in (20, 30)]
    assert trained_otherwise([replace(mixed[0], stage_id="x")], mixed[1:]) == mixed[1]


# Records and failures.


def test_record_is_ok_and_written_once_unless_replaced(tmp_path):
    store = open_store(tmp_path, create=True)
    with pytest.raises(ResultsError, match="status: one of ok is needed, not 'killed'"):
        store.write_record(failed(accuracy_row(), "killed"))
    for row in (accuracy_row(), planned(accuracy_row())):
        with pytest.raises(ResultsError, match="status: one of failed, diverged, timed_out, "):
            store.write_failure(row)
    assert files_in(tmp_path) == {}
    store = filled_store(tmp_path, [accuracy_row()])
    before = files_in(tmp_path)
    store.write_record(accuracy_row(token_accuracy=0.5))
    assert files_in(tmp_path) == before
    store.write_record(accuracy_row(token_accuracy=0.5), replaces=True)
    record = store.read_record("record0")
    assert record is not None
    assert (record.row.token_accuracy, record.samples) == (0.5, ())


def test_failure_is_superseded_by_a_record(tmp_path):
    row = accuracy_row()
    store = open_store(tmp_path, create=True)
    store.extend_plan([planned(row)])
    for status in ("diverged", "timed_out"):
        store.write_failure(failed(row, status))
        assert store.failures() == {"record0": failed(row, status)}
        assert store.statuses() == {"record0": status}
    path = tmp_path / "failures" / "record0.json"
    path.write_bytes(path.read_bytes()[:-1])
    assert store.statuses() == {"record0": LEFT}
    (notice,) = store.take_notices()
    assert notice == (
        f"{path}: not used: it is damaged, or was not written by this package; "
        "set aside as record0.json.rejected"
    )
    store.write_record(row)
    store.write_failure(failed(row, "killed"))
    assert (store.failures(), store.statuses()) == ({}, {"record0": OK})
    store.compile()
    assert read_rows(tmp_path, ACCURACY) == (row,)


def test_not_reached_follows_from_earlier_failures(tmp_path):
    rows, others = run_rows("a", lengths=(10, 20, 30, 40)), run_rows("b")
    for number, (ok, failure, statuses) in enumerate(
        (
            (1, 1, [OK, "diverged", NOT_REACHED, NOT_REACHED]),
            (2, 3, [OK, OK, LEFT, "diverged"]),
            (2, 1, [OK, OK, LEFT, LEFT]),
        )
    ):
        store = filled_store(tmp_path / f"{number}", rows[:ok])
        store.extend_plan(map(planned, [*rows, *others]))
        store.write_failure(failed(rows[failure]))
        assert list(store.statuses().values()) == [*statuses, LEFT, LEFT]
    # The other lengths that a failed stage is tested at.
    rows = [accuracy_row(length=length, record_id=f"r{length}") for length in (10, 50)]
    store = open_store(tmp_path / "stage", create=True)
    store.extend_plan(map(planned, rows))
    store.write_failure(failed(rows[1]))
    store.write_failure(failed(accuracy_row(train_length=90, record_id="later")))
    assert store.statuses() == {"r10": NOT_REACHED, "r50": "diverged"}


def test_records_are_parsed_once(tmp_path, monkeypatch):
    filled_store(tmp_path, run_rows("a", lengths=LENGTHS))
    parse = Mock(side_effect=folder_module.parse_record)
    monkeypatch.setattr(folder_module, "parse_record", parse)
    store = open_store(tmp_path, create=True)
    for _ in range(3):
        store.statuses()
        store.compile()
    assert parse.call_count == 3
    path = tmp_path / "records" / "a-0-10.json"
    shutil.copy(path, tmp_path / "copy")
    os.replace(tmp_path / "copy", path)
    store.compile()
    assert parse.call_count == 4


# What is compiled.


def test_csvs_have_what_is_planned_and_happened(tmp_path):
    rows = run_rows("a", lengths=LENGTHS)
    store = open_store(tmp_path, create=True)
    store.extend_plan(map(planned, [*rows, *run_rows("b")]))
    store.write_record(rows[0], [sample_of(rows[0], 10), sample_of(rows[0], 9)])
    store.write_failure(failed(rows[1]))
    store.write_record(accuracy_row(model="unplanned"))
    store.compile()
    assert read_rows(tmp_path, ACCURACY) == (rows[0], failed(rows[1]), planned(rows[2]))
    assert read_rows(tmp_path, SAMPLES) == (sample_of(rows[0], 9), sample_of(rows[0], 10))


def test_csvs_are_sorted_by_number(tmp_path):
    values: dict[str, Any] = {"task": ("copy", "sort"), "model": "ab", "config_id": ("c1", "c2")}
    values |= {"seed": (2, 11), "train_length": (20, 100), "length": (20, 100)}
    rows = [
        accuracy_row(**dict(zip(values, key, strict=True)), record_id=f"r{99 - number}")
        for number, key in enumerate(itertools.product(*values.values()))
    ]
    filled_store(tmp_path, random.Random(1).sample(rows, len(rows))).compile()
    assert read_rows(tmp_path, ACCURACY) == tuple(rows)


def test_throughput_replaces_rows_of_the_same_key(tmp_path):
    store = open_store(tmp_path, create=True)
    others = ({}, {"length": 100}, {"threads": 2}, {"layers": 2})
    store.write_throughput(throughput_row(**it) for it in others)
    store.write_throughput([throughput_row(median_seconds=9.0), throughput_row(length=20)])
    rows = read_rows(tmp_path, THROUGHPUT)
    found = [(row.length, row.threads, row.median_seconds) for row in rows]
    assert found == [(10, 1, 9.0), (10, 1, 0.25), (10, 2, 0.25), (20, 1, 0.25), (100, 1, 0.25)]
    assert store.timings() == rows
    damaged = (tmp_path / THROUGHPUT).read_bytes()[:-9]
    (tmp_path / THROUGHPUT).write_bytes(damaged)
    store.write_throughput([throughput_row(length=20)])
    assert read_rows(tmp_path, THROUGHPUT) == (throughput_row(length=20),)
    assert (tmp_path / "throughput.csv.rejected").read_bytes() == damaged
    (notice,) = store.take_notices()
    assert notice.startswith(f"{tmp_path / THROUGHPUT}: not used: truncated or edited")


# What refuses.


def test_a_full_disk_leaves_the_old_files_and_a_removed_folder_is_named(tmp_path):
    folder = tmp_path / "gone"
    store = filled_store(folder, run_rows("a")[:1])
    store.compile()
    (folder / SAMPLES).unlink()
    before = files_in(folder)
    with full_disk():
        for write in (store.compile, *writes(store, accuracy_row())):
            with pytest.raises(ResultsError) as caught:
                write()
            assert str(caught.value) == f"{folder}: cannot be written: No space left on device"
    assert files_in(folder) == before
    shutil.rmtree(folder)
    for write in (store.compile, lambda: store.write_record(accuracy_row())):
        with pytest.raises(ResultsError, match=r"gone.*: cannot be .*: No such file"):
            write()
    with pytest.raises(ResultsError, match="gone: is gone; it was there before"):
        store.statuses()
    assert not folder.exists()


def test_nothing_is_added_to_csvs_without_records(tmp_path):
    (tmp_path / "accuracy.csv").write_text("published")
    with pytest.raises(ResultsError, match=r"has accuracy\.csv and no records that it is made of"):
        open_store(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["accuracy.csv"]

    assert open_store(tmp_path, create=False).plan() == ()
    (tmp_path / "records").mkdir()
    assert open_store(tmp_path, create=True).plan() == ()
