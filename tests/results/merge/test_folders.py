"""Folders merged into one: what it holds, what is refused, and what faults leave."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.merge import folders as merged_folder
from results.schema.rows import AccuracyRow
from results.store.checksums import CHECKSUMS
from results.store.csv_files import ACCURACY, ERRORS, SAMPLES, THROUGHPUT, read_rows
from results.store.folder import Store, open_store
from results.store.locks import locked
from results.store.plan_file import PLAN
from results.store.probes import PROBES
from results.store.records import Record
from tests.results.merge.merged_folders import (
    changes_of,
    files_in,
    folder_of,
    merge,
    rows_of_runs,
    three_folders,
)
from tests.rows import failed, throughput_row

Merge = Callable[..., Any]
CSVS = (ACCURACY, SAMPLES, THROUGHPUT, ERRORS)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    return three_folders(tmp_path)


# What a merged folder holds.


def test_shards_merged_are_the_whole(tmp_path: Path) -> None:
    rows = rows_of_runs(*"abcd", lengths=(10, 20, 30))
    whole = folder_of(tmp_path / "whole", *rows, probed=tuple(rows))
    shards = [
        folder_of(tmp_path / str(index), *rows[index::3], probed=tuple(rows[index::3]))
        for index in range(3)
    ]
    merged = merge(tmp_path / "out", *shards)
    assert (merged.conflicts, merged.notices) == ((), ())
    expected, found = files_in(whole), files_in(tmp_path / "out")
    # Beside its present version a checksum may stand that a CSV had before.
    assert found.keys() == expected.keys()
    assert all(found[name] == expected[name] for name in found.keys() - {CHECKSUMS, PLAN})
    assert set(open_store(whole, create=False).plan()) == set(merged.contents.plan.values())


def test_everything_is_there_and_verifies(tmp_path: Path, folders: tuple[Path, ...]) -> None:
    merged = merge(tmp_path / "out", *folders)
    out = tmp_path / "out"
    assert (merged.conflicts, merged.notices) == ((), ())
    shown = [(row.model, row.length, row.status) for row in read_rows(out, ACCURACY)]
    assert shown == [
        *(("a", 10, "ok"), ("a", 20, "ok")),
        *(("b", 10, "ok"), ("b", 20, "ok")),
        *(("c", 10, "ok"), ("c", 20, "diverged")),
    ]
    assert len(read_rows(out, SAMPLES)) == 10
    assert [row.length for row in read_rows(out, THROUGHPUT)] == [10, 20]
    assert [row.model for row in read_rows(out, ERRORS)] == ["b", "b", "c"]


def check_is_the_same_however_merged(merge: Merge, root: Path) -> None:
    folders = three_folders(root)
    expected = None
    for number, order in enumerate(itertools.permutations(folders)):
        a, b, c = order
        at_once, pairwise, onto = (root / f"{number}-{way}" for way in ("once", "pair", "onto"))
        merge(at_once, a, b, c)
        merge(root / f"{number}-left", a, b)
        merge(pairwise, c, root / f"{number}-left", a)
        for folder in order:
            merge(onto, folder)
        expected = expected or files_in(at_once, but=("locks", CHECKSUMS))
        for out in (at_once, pairwise, onto):
            found = files_in(out, but=("locks", CHECKSUMS))
            # A failure that a record superseded later stays, and is used no more.
            found = {k: v for k, v in found.items() if k in expected or "failures" not in k}
            assert found == expected, (out, order)
            assert len([read_rows(out, name) for name in CSVS]) == len(CSVS)


def test_files_are_the_same_in_any_order_and_grouping(tmp_path: Path) -> None:
    check_is_the_same_however_merged(merge, tmp_path)


def planned_as_they_come(out: Path, *folders: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            merged_folder, "joined_plan", lambda rows, more: dict.fromkeys([*rows, *more])
        )
        merge(out, *folders)


def records_stay(out: Path, *folders: Path) -> None:
    def write(store: Store, record: Record) -> None:
        store.write_record(record.row, record.samples)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "replace_record", write)
        merge(out, *folders)


@pytest.mark.parametrize("broken", [planned_as_they_come, records_stay])
def test_merge_that_depends_on_the_order_is_rejected(broken: Merge, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_is_the_same_however_merged(broken, tmp_path)


def test_merging_again_writes_nothing(tmp_path: Path, folders: tuple[Path, ...]) -> None:
    merge(tmp_path / "out", *folders)
    before = changes_of(tmp_path / "out")
    merge(tmp_path / "out", *folders[::-1])
    merge(tmp_path / "out", folders[1])
    assert changes_of(tmp_path / "out") == before


def test_what_out_holds_takes_part(tmp_path: Path) -> None:
    a, b = rows_of_runs("a"), rows_of_runs("b")
    out = folder_of(tmp_path / "out", *a, timings=(throughput_row(),))
    merge(out, folder_of(tmp_path / "1", *b, timings=(throughput_row(length=20),)))
    assert read_rows(out, ACCURACY) == (*a, *b)
    assert [row.length for row in read_rows(out, THROUGHPUT)] == [10, 20]


def test_a_record_supersedes_a_failure_of_out(tmp_path: Path) -> None:
    rows = rows_of_runs("a")
    out = folder_of(tmp_path / "out", rows[0], failures=(failed(rows[1]),))
    merge(out, folder_of(tmp_path / "1", rows[1]))
    assert read_rows(out, ACCURACY) == tuple(rows)


def test_foreign_files_are_ignored(tmp_path: Path) -> None:
    rows = rows_of_runs("a")
    folder = folder_of(tmp_path / "1", *rows)
    for name in ("notes.txt", "records/notes.txt", "records/.x.json.tmp", "logs/run.log", "a/b"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    merged = merge(tmp_path / "out", folder)
    assert merged.notices == ()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"records", "locks", PLAN, ACCURACY, SAMPLES, CHECKSUMS}
    assert len(list((tmp_path / "out" / "records").iterdir())) == 2


def test_an_empty_shard_may_be_merged(tmp_path: Path) -> None:
    empty = open_store(tmp_path / "empty", create=True)
    empty.extend_plan([])
    empty.compile()
    rows = rows_of_runs("a")
    merge(tmp_path / "out", tmp_path / "empty", folder_of(tmp_path / "1", *rows))
    assert read_rows(tmp_path / "out", ACCURACY) == tuple(rows)


def check_only_reads(merge: Merge, root: Path) -> None:
    folders = three_folders(root)
    (folders[0] / "records" / "b-0-10.json").write_bytes(b"{}")
    (folders[1] / PLAN).write_bytes(b"{}")
    (folders[1] / THROUGHPUT).write_bytes(b"x")
    before = [(changes_of(folder), files_in(folder, but=())) for folder in folders]
    merge(root / "out", *folders)
    assert [(changes_of(folder), files_in(folder, but=())) for folder in folders] == before


def test_folders_merged_are_only_read(tmp_path: Path) -> None:
    check_only_reads(merge, tmp_path)


def test_writing_to_a_folder_that_is_merged_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        merged_folder, "open_store", lambda folder, create: open_store(folder, create=True)
    )
    with pytest.raises(AssertionError):
        check_only_reads(merge, tmp_path)


# Records that disagree.


@pytest.fixture
def disagreeing(tmp_path: Path) -> tuple[Path, Path]:
    rows = rows_of_runs("a", lengths=(10, 20, 30))
    other = [replace(row, device_name="z", carried_bits=0.25) for row in rows[:2]]
    return (
        folder_of(tmp_path / "1", *rows, probed=tuple(rows)),
        folder_of(tmp_path / "2", *other, rows[2], probed=tuple(other)),
    )


def test_conflicts_are_named_and_the_rest_is_merged(
    tmp_path: Path, disagreeing: tuple[Path, Path]
) -> None:
    a, b = disagreeing
    for out, folders in (("x", (a, b)), ("y", (b, a))):
        merged = merge(tmp_path / out, *folders)
        assert merged.conflicts == tuple(
            f"copy, a, seed 0, length {length}: carried_bits: -0.5 in {a}, which is kept, "
            f"0.25 in {b}"
            for length in (10, 20)
        )
        assert read_rows(tmp_path / out, ACCURACY) == tuple(rows_of_runs("a", lengths=(10, 20, 30)))


def test_what_out_loses_to_another_is_set_aside(
    tmp_path: Path, disagreeing: tuple[Path, Path]
) -> None:
    a, b = disagreeing
    lost = files_in(b)
    merged = merge(b, a)
    assert len(merged.conflicts) == 2
    assert sorted(merged.notices) == [
        f"{b / kind / f'a-0-{length}.json'}: not used: its record is not kept; "
        f"set aside as a-0-{length}.json.rejected"
        for kind in ("probes", "records")
        for length in (10, 20)
    ]
    for name in ("records/a-0-10.json", "probes/a-0-20.json"):
        assert (b / f"{name}.rejected").read_bytes() == lost[name]
    assert merge(b, a).conflicts == ()


def check_probes_are_of_the_record_kept(merge: Merge, root: Path) -> None:
    (row,) = rows_of_runs("a", lengths=(10,))
    kept = folder_of(root / "1", row)
    other = folder_of(root / "2", replace(row, device_name="z", carried_bits=0.25), probed=(row,))
    same = folder_of(root / "3", replace(row, device_name="z"), probed=(row,))
    merge(root / "disagreeing", kept, other)
    assert not (root / "disagreeing" / PROBES).exists()
    merge(root / "agreeing", kept, same)
    assert len(read_rows(root / "agreeing", ERRORS)) == 1
    merge(other, kept)
    assert read_rows(other, ERRORS) == ()


def test_probes_of_a_record_that_is_not_kept_are_left_out(tmp_path: Path) -> None:
    check_probes_are_of_the_record_kept(merge, tmp_path)


def test_probes_of_any_record_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged_folder, "_without_probes", lambda part, record_ids: part)
    with pytest.raises(AssertionError):
        check_probes_are_of_the_record_kept(merge, tmp_path)


# What is refused.


def check_refused(out: Path, *folders: Path, message: str) -> None:
    before = files_in(out, but=()) if out.is_dir() else None
    with pytest.raises(ResultsError, match=message):
        merge(out, *folders)
    assert (files_in(out, but=()) if out.is_dir() else None) == before


def other_version(folder: Path) -> Path:
    content = (folder / PLAN).read_bytes()
    (folder / PLAN).write_bytes(content.replace(b'version":1', b'version":2', 1))
    return folder


def test_another_schema_version_is_refused(tmp_path: Path, folders: tuple[Path, ...]) -> None:
    other = other_version(folder_of(tmp_path / "other", *rows_of_runs("d")))
    message = "schema version 2, not 1; choose another folder"
    check_refused(tmp_path / "out", *folders, other, message=message)
    check_refused(other, *folders, message=message)


def on_ladder(*lengths: int) -> list[AccuracyRow]:
    """Return a model run whose stages are named after the lengths so far."""
    paths = ["-".join(map(str, lengths[: index + 1])) for index in range(len(lengths))]
    rows = rows_of_runs("a", lengths=lengths)
    return [
        replace(row, stage_id=f"stage-{path}", record_id=f"record-{path}")
        for row, path in zip(rows, paths, strict=True)
    ]


def test_lengths_after_other_lengths_are_refused(tmp_path: Path) -> None:
    ladders = [
        folder_of(tmp_path / str(number), *on_ladder(*lengths))
        for number, lengths in enumerate([(10, 20), (10, 20, 30), (10, 30)])
    ]
    message = "has length 30 of copy, a after other lengths than .*; they do not belong into one"
    for order in itertools.permutations(ladders):
        check_refused(tmp_path / "out", *order, message=message)
    check_refused(ladders[2], *ladders[:2], message=message)
    assert merge(tmp_path / "out", *ladders[:2]).conflicts == ()


def test_a_folder_in_use_is_refused(tmp_path: Path, folders: tuple[Path, ...]) -> None:
    out = folder_of(tmp_path / "out", *rows_of_runs("d"))
    with locked(out, PROBES):
        check_refused(out, *folders, message="is being probed or merged into; wait for its end")


def test_a_file_is_refused(tmp_path: Path, folders: tuple[Path, ...]) -> None:
    (tmp_path / "file").write_text("")
    check_refused(tmp_path / "file", *folders, message="is a file, a folder is needed")
    check_refused(tmp_path / "file" / "out", *folders, message="Not a directory")
