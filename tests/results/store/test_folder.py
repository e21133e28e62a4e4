import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import NOT_REACHED, OK, AccuracyRow, planned
from results.store import checked_json as sealed
from results.store import folder as store_module
from results.store.csv_files import ACCURACY, SAMPLES, THROUGHPUT, read_rows
from results.store.folder import LEFT, Store, open_store
from tests.rows import accuracy_row, failed, filled_store, run_rows, sample_of, throughput_row

LENGTHS = (10, 20, 30)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def other_version(folder: Path, path: str) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(sealed.seal({"rows": []}).replace(b'version":1', b'version":2', 1))


def test_creating_makes_the_folder_and_nothing_in_it(tmp_path: Path) -> None:
    open_store(tmp_path / "a" / "b", create=True)
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_viewing_an_absent_folder_writes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "absent", create=False)
    assert store.plan() == ()
    assert store.statuses() == {}
    assert store.failures() == {}
    assert store.read_record("record0") is None
    for write in (
        store.compile,
        lambda: store.extend_plan([planned(accuracy_row())]),
        lambda: store.write_record(accuracy_row()),
        lambda: store.write_failure(failed(accuracy_row())),
        lambda: store.write_throughput([throughput_row()]),
    ):
        with pytest.raises(ResultsError, match="opened for reading only"):
            write()
    assert list(tmp_path.iterdir()) == []


def test_viewing_renames_nothing(tmp_path: Path) -> None:
    filled_store(tmp_path, [accuracy_row()])
    (tmp_path / "records" / "record0.json").write_bytes(b"{}")
    (tmp_path / "plan.json").write_bytes(b"{}")
    before = files_in(tmp_path)
    store = open_store(tmp_path, create=False)
    assert store.plan() == ()
    assert store.read_record("record0") is None
    assert store.read_record("record0") is None
    assert len(store.take_notices()) == 2
    assert store.take_notices() == ()
    assert files_in(tmp_path) == before


def test_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results"
    path.write_text("")
    for create in (True, False):
        with pytest.raises(ResultsError, match="is a file, a folder is needed"):
            open_store(path, create=create)
    with pytest.raises(ResultsError, match="cannot be used: Not a directory"):
        open_store(path / "inner", create=True)


def test_a_name_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be used: File name too long"):
        open_store(tmp_path / ("x" * 300), create=True)


@pytest.mark.parametrize("part", [".", "records", "failures"])
def test_an_unwritable_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    store = filled_store(tmp_path, [accuracy_row(), accuracy_row(record_id="record1")])
    store.write_failure(failed(accuracy_row(record_id="record1")))

    def refuse(*, dir: Path) -> Any:
        if dir == tmp_path / part:
            raise OSError(30, "Read-only file system")
        return open(os.devnull, "wb")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(ResultsError, match="cannot be used: Read-only file system"):
        open_store(tmp_path, create=True)
    assert open_store(tmp_path, create=False).read_record("record0") is not None


@pytest.mark.parametrize("path", ["plan.json", "records/a.json"])
@pytest.mark.parametrize("create", [True, False])
def test_another_schema_version_is_refused(tmp_path: Path, path: str, create: bool) -> None:
    other_version(tmp_path, path)
    before = files_in(tmp_path)
    with pytest.raises(ResultsError, match="schema version 2, not 1; choose another folder"):
        open_store(tmp_path, create=create)
    assert files_in(tmp_path) == before


def test_plan_is_the_union_of_all_plans(tmp_path: Path) -> None:
    first, second = (list(map(planned, run_rows(model))) for model in ("a", "b"))
    store = open_store(tmp_path, create=True)
    store.extend_plan(first)
    other = open_store(tmp_path, create=True)
    other.extend_plan(second)
    store.extend_plan(iter(first[:1]))
    assert store.plan() == (*first, *second)
    assert open_store(tmp_path, create=False).plan() == (*first, *second)


def test_plan_keeps_the_first_row_of_an_id(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    store.extend_plan([planned(accuracy_row())])
    state = (tmp_path / "plan.json").stat()
    store.extend_plan([planned(accuracy_row(hidden=128))])
    assert [row.hidden for row in store.plan()] == [64]
    assert (tmp_path / "plan.json").stat() == state


def test_plan_takes_planned_rows_only(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    with pytest.raises(ResultsError, match="a planned row is not_reached, not 'ok'"):
        store.extend_plan([accuracy_row()])


@pytest.mark.parametrize("damage", [b"", b"{}", sealed.seal({"rows": [3]}), sealed.seal([])])
def test_damaged_plan_is_rebuilt_from_what_was_recorded(tmp_path: Path, damage: bytes) -> None:
    rows = run_rows("a", lengths=LENGTHS)
    store = filled_store(tmp_path, rows[:2])
    store.extend_plan([planned(rows[2])])
    store.write_failure(failed(rows[2]))
    plan = store.plan()
    store.compile()
    before = files_in(tmp_path)
    (tmp_path / "plan.json").write_bytes(damage)
    assert set(open_store(tmp_path, create=False).plan()) == set(plan)
    assert set(store.plan()) == set(plan)
    assert "plan.json.rejected" in store.take_notices()[0]
    store.compile()
    assert files_in(tmp_path)[ACCURACY] == before[ACCURACY]


def test_record_is_written_once(tmp_path: Path) -> None:
    store = filled_store(tmp_path, [accuracy_row()])
    before = files_in(tmp_path)
    store.write_record(accuracy_row(token_accuracy=0.5))
    assert files_in(tmp_path) == before


def test_records_hold_ok_rows_and_failures_the_others(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    with pytest.raises(ResultsError, match="status: one of ok is needed, not 'killed'"):
        store.write_record(failed(accuracy_row(), "killed"))
    with pytest.raises(ResultsError, match=r"status: one of failed, .* not 'ok'"):
        store.write_failure(accuracy_row())
    with pytest.raises(ResultsError, match="status: one of failed"):
        store.write_failure(planned(accuracy_row()))
    assert files_in(tmp_path) == {}


def test_failure_is_superseded_by_a_record(tmp_path: Path) -> None:
    row = accuracy_row()
    store = open_store(tmp_path, create=True)
    store.extend_plan([planned(row)])
    for status in ("diverged", "timed_out"):
        store.write_failure(failed(row, status))
        assert store.failures() == {"record0": failed(row, status)}
        assert store.statuses() == {"record0": status}
    store.write_record(row)
    store.write_failure(failed(row, "killed"))
    assert store.failures() == {}
    assert store.statuses() == {"record0": OK}
    store.compile()
    assert read_rows(tmp_path, ACCURACY) == (row,)


def test_damaged_failure_counts_as_absent(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    store.extend_plan([planned(accuracy_row())])
    store.write_failure(failed(accuracy_row()))
    (tmp_path / "failures" / "record0.json").write_bytes(b"{")
    assert store.statuses() == {"record0": LEFT}
    assert "failures" in store.take_notices()[0]


def statuses_after(store: Store, rows: list[AccuracyRow], *, ok: int, failure: int) -> list[str]:
    """Return statuses by length, where the stages before `ok` are done and one has failed."""
    store.extend_plan(map(planned, rows))
    for row in rows[:ok]:
        store.write_record(row)
    store.write_failure(failed(rows[failure]))
    statuses = store.statuses()
    return [statuses[row.record_id] for row in rows]


def check_not_reached(statuses: Callable[..., list[str]], folder: Path) -> None:
    rows = run_rows("a", lengths=(10, 20, 30, 40))
    store = open_store(folder / "middle", create=True)
    assert statuses(store, rows, ok=1, failure=1) == [OK, "diverged", NOT_REACHED, NOT_REACHED]
    store = open_store(folder / "last", create=True)
    assert statuses(store, rows, ok=2, failure=3) == [OK, OK, LEFT, "diverged"]
    store = open_store(folder / "superseded", create=True)
    assert statuses(store, rows, ok=2, failure=1) == [OK, OK, LEFT, LEFT]
    other = [*rows[:1], *run_rows("b", lengths=(20,))]
    store = open_store(folder / "other run", create=True)
    assert statuses(store, other, ok=0, failure=0) == ["diverged", LEFT]


def test_not_reached_is_derived_from_earlier_failures(tmp_path: Path) -> None:
    check_not_reached(statuses_after, tmp_path)


def everything_left(store: Store, rows: list[AccuracyRow], **counts: int) -> list[str]:
    return [NOT_REACHED if s == LEFT else s for s in statuses_after(store, rows, **counts)]


def never_not_reached(store: Store, rows: list[AccuracyRow], **counts: int) -> list[str]:
    return [LEFT if s == NOT_REACHED else s for s in statuses_after(store, rows, **counts)]


@pytest.mark.parametrize("broken", [everything_left, never_not_reached])
def test_not_reached_check_rejects(broken: Callable[..., list[str]], tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_not_reached(broken, tmp_path)


def test_other_lengths_of_a_failed_stage_are_not_reached(tmp_path: Path) -> None:
    rows = [accuracy_row(length=length, record_id=f"r{length}") for length in (10, 50)]
    store = open_store(tmp_path, create=True)
    store.extend_plan(map(planned, rows))
    store.write_failure(failed(rows[1]))
    assert store.statuses() == {"r10": NOT_REACHED, "r50": "diverged"}


def test_records_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_rows("a", lengths=LENGTHS)
    filled_store(tmp_path, rows)
    parsed = []
    parse = store_module.parse_record

    def count(content: bytes, *, record_id: str) -> Any:
        parsed.append(record_id)
        return parse(content, record_id=record_id)

    monkeypatch.setattr(store_module, "parse_record", count)
    store = open_store(tmp_path, create=True)
    for _ in range(3):
        store.statuses()
        store.compile()
    assert len(parsed) == 3
    path = tmp_path / "records" / f"{rows[0].record_id}.json"
    shutil.copy(path, tmp_path / "copy")
    os.replace(tmp_path / "copy", path)
    store.compile()
    assert len(parsed) == 4


def test_a_full_disk_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = run_rows("a")
    store = filled_store(tmp_path, rows[:1])
    store.extend_plan([planned(rows[1])])
    store.compile()
    before = files_in(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for write in (
        lambda: store.write_record(rows[1]),
        lambda: store.write_failure(failed(rows[1])),
        lambda: store.extend_plan([planned(accuracy_row())]),
        lambda: store.write_throughput([throughput_row()]),
    ):
        with pytest.raises(ResultsError, match="cannot be written: No space left on device"):
            write()
    (tmp_path / ACCURACY).unlink()
    with pytest.raises(ResultsError, match="cannot be written: No space left on device"):
        store.compile()
    assert files_in(tmp_path) == {k: v for k, v in before.items() if k != ACCURACY}


def test_a_removed_folder_is_named(tmp_path: Path) -> None:
    store = filled_store(tmp_path / "gone", run_rows("a"))
    shutil.rmtree(tmp_path / "gone")
    for write in (store.compile, lambda: store.write_record(accuracy_row())):
        with pytest.raises(ResultsError, match=r"gone.*: cannot be .*: No such file"):
            write()
    with pytest.raises(ResultsError, match=r"plan\.json: is gone; it was there before"):
        store.statuses()


def test_any_path_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "with spaces, 100 % 한글"
    rows = run_rows("a", lengths=LENGTHS)
    store = filled_store(folder, rows)
    store.write_throughput([throughput_row(device_name='프로세서, "x" %s')])
    store.compile()
    assert read_rows(folder, ACCURACY) == tuple(rows)
    assert read_rows(folder, THROUGHPUT)[0].device_name == '프로세서, "x" %s'
    assert read_rows(folder, SAMPLES)[0] == sample_of(rows[0], 0)


def test_planned_rows_leave_empty_columns_out(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    store.extend_plan([planned(accuracy_row())])
    (stated,) = sealed.unseal((tmp_path / "plan.json").read_bytes())["rows"]
    assert None not in stated.values()
    assert stated.items() <= to_json(store.plan()[0]).items()
