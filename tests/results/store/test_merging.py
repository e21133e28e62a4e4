"""Merged folders have everything once, obey the laws, and name what was not used or disputed."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.errors import ResultsError
from results.schema.rows import (
    MEASURED_COLUMNS,
    PROVENANCE_COLUMNS,
    TIME_COLUMNS,
    AccuracyRow,
    planned,
)
from results.store.checkpoint_files import (
    optimizer_path,
    read_checkpoint,
    weights_path,
    write_checkpoint,
)
from results.store.csv_files import ACCURACY, CHECKSUMS, ERRORS, SAMPLES, THROUGHPUT, read_rows
from results.store.files import locked
from results.store.folder import PLAN, open_store
from results.store.merging import Contents, Merged, joined, merge_folders
from results.store.probes import PROBES, ProbeRecord
from results.store.records import Record, render_record
from tests.results.store.harm import files_in, full_disk, killed_before, times_in
from tests.rows import (
    PROBES_MADE,
    error_row,
    failed,
    results_folder,
    run_rows,
    sample_of,
    throughput_row,
)

Folders = tuple[Path, Path, Path]
CSVS = (ACCURACY, SAMPLES, THROUGHPUT, ERRORS)
(ROW,) = run_rows("a", lengths=(10,))
# The same training elsewhere, at another time, and one that says something else.
AGAIN = replace(
    ROW,
    **dict.fromkeys(TIME_COLUMNS, 9.0),  # type: ignore[arg-type]
    **dict.fromkeys(PROVENANCE_COLUMNS, "b") | {"threads": 2},
    attempts=7,
)
KEPT, LOST = sorted(
    (ROW, replace(ROW, carried_bits=0.25)),
    key=lambda row: render_record(Record(row, (sample_of(row, 1), sample_of(row, 0)))),
)


def merge(out: Path, *folders: Path) -> Merged:
    return merge_folders(folders, out, probe_version=PROBES_MADE, suite_tasks={"copy", "sort"})


@pytest.fixture
def folders(tmp_path):
    """Folders that share some records, and have something of everything."""
    a, b, c = (run_rows(model) for model in "abc")
    again = [replace(row, train_seconds=99.0, commit="other") for row in a]
    times = [throughput_row(length=length) for length in (10, 20)]
    return (
        results_folder(tmp_path / "1", *b, *a[:1], timings=times[:1], probed=b),
        results_folder(tmp_path / "2", *again, *map(planned, c), timings=times[1:]),
        results_folder(tmp_path / "3", c[0], failed(c[1]), failed(a[1]), probed=c[:1]),
    )


def merged_files(out: Path) -> dict[str, bytes]:
    """What must be the same however it was merged."""
    # checksums.json may have what a CSV was before, and a superseded failure stays.
    found = files_in(out, but=("locks", CHECKSUMS))
    is_left_over = (".tmp", ".rejected", "failures/a-0-20.json")
    return {name: found[name] for name in found if not name.endswith(is_left_over)}


# The laws.

_DONE = [ROW, AGAIN, KEPT, LOST]
_ERRORS = [error_row(ROW, wrong_items=wrong) for wrong in (1.0, 2.0, 3.0)]
_TIMES = [throughput_row(median_seconds=seconds) for seconds in (1.0, 2.0, 3.0)]
_UNTIMED = throughput_row(status="killed", **dict.fromkeys(MEASURED_COLUMNS))
_FAILED = [failed(row, status) for row in _DONE for status in ("killed", "diverged")]


def pool(*values: Any) -> st.SearchStrategy[dict[Any, Any]]:
    return st.dictionaries(st.sampled_from("rs"), st.sampled_from(values))


CONTENTS = st.builds(
    Contents,
    plan=pool(*_DONE),
    records=pool(*map(Record, _DONE)),
    failures=pool(*_FAILED),
    probes=pool(*(ProbeRecord("r", PROBES_MADE, {ERRORS: (row,)}) for row in _ERRORS)),
    timings=pool(*_TIMES, _UNTIMED),
)


@pytest.mark.fault("F15")
@given(a=CONTENTS, b=CONTENTS, c=CONTENTS)
def test_joining_obeys_its_laws(a, b, c):
    both = joined((a, b))
    assert both == joined((b, a))
    assert joined((both, c)) == joined((a, joined((b, c)))) == joined((a, b, c))
    assert joined((both, both)) == joined((both, a)) == joined((b, both)) == both


def test_the_smaller_checksum_is_kept_and_a_result_before_a_failure():
    small, large = sorted(map(Record, _DONE[:2]), key=render_record)
    assert joined([Contents(records={"r": each}) for each in (large, small)]).records["r"] == small
    record = Contents(records={"r": large})
    assert joined((Contents(failures={"r": failed(ROW)}), record)) == record
    timed, untimed = (Contents(timings={("r",): row}) for row in (_TIMES[0], _UNTIMED))
    assert joined((untimed, timed)) == joined((timed, untimed)) == timed


def test_files_are_the_same_in_any_order_and_grouping(tmp_path, folders):
    for number, (a, b, c) in enumerate(itertools.permutations(folders)):
        at_once, pair, pairwise, onto = (tmp_path / f"{number}-{way}" for way in range(4))
        merge(at_once, a, b, c)
        merge(pair, a, b)
        merge(pairwise, c, pair, a)
        for folder in (a, b, c):
            merge(onto, folder)
        for out in (at_once, pairwise, onto):
            assert merged_files(out) == merged_files(tmp_path / "0-0")


# What a merged folder has.


def test_everything_is_there(tmp_path, folders):
    out = results_folder(tmp_path / "out", *run_rows("d", lengths=(10,)))
    # A shard without a run, and files that are not ours.
    empty = results_folder(tmp_path / "empty")
    for name in ("notes.txt", "records/notes.txt", "records/.x.json.tmp"):
        (folders[0] / name).write_text("{}")
    before = [(times_in(folder), files_in(folder, but=())) for folder in folders]
    merged = merge(out, *folders, empty)
    assert (merged.conflicts, merged.notices, merged.checkpoints) == ((), (), 0)
    assert not (out / "notes.txt").exists()
    shown = [f"{row.model} {row.length} {row.status}" for row in read_rows(out, ACCURACY)]
    ok = [f"{model} {length} ok" for model in "abcd" for length in (10, 20)]
    assert shown == [*ok[:5], "c 20 diverged", ok[6]]
    assert len(read_rows(out, SAMPLES)) == 12
    assert [row.length for row in read_rows(out, THROUGHPUT)] == [10, 20]
    assert [row.model for row in read_rows(out, ERRORS)] == ["b", "b", "c"]
    # The same again writes nothing, and the folders merged are only read.
    times = times_in(out)
    merge(out, *folders[::-1])
    merge(out, folders[1])
    assert times_in(out) == times
    assert [(times_in(folder), files_in(folder, but=())) for folder in folders] == before


# Records that say different things.


def test_conflicts_are_named_and_times_and_provenance_are_none(tmp_path):
    a = results_folder(tmp_path / "1", KEPT, *run_rows("b"))
    b = results_folder(tmp_path / "2", LOST, *run_rows("b"), probed=(LOST,))
    for number, order in enumerate(((a, b), (b, a))):
        out = tmp_path / f"out-{number}"
        assert merge(out, *order).conflicts == (
            f"copy, a, seed 0, length 10: {a} and {b} say different things; "
            f"record a-0-10 of {a} is kept",
        )
        assert read_rows(out, ACCURACY) == (KEPT, *run_rows("b"))
        assert not (out / PROBES).exists()
    once = results_folder(tmp_path / "once", ROW)
    again = results_folder(tmp_path / "again", AGAIN, probed=(AGAIN,))
    assert merge(tmp_path / "same", once, again).conflicts == ()
    assert read_rows(tmp_path / "same", ERRORS) == (error_row(ROW),)
    sample = replace(sample_of(ROW, 0), answer="1 1 1")
    open_store(again, create=True).write_record(ROW, [sample], replaces=True)
    assert len(merge(tmp_path / "samples", once, again).conflicts) == 1


def test_what_out_loses_to_another_is_set_aside(tmp_path):
    out = trained(tmp_path / "out", LOST, mark="lost", probed=(LOST,))
    names = [f"checkpoints/{ROW.stage_id}{end}" for end in (".optimizer.pt", ".pt")]
    names += ["records/a-0-10.json", "probes/a-0-10.json"]
    lost = files_in(out)
    kept = trained(tmp_path / "1", KEPT, mark="kept", goes_on=False)
    merged = merge(out, kept)
    assert [line.partition(";")[0] for line in merged.notices] == [
        f"{out / name}: not used: its record is not kept" for name in names
    ]
    assert all((out / f"{name}.rejected").read_bytes() == lost[name] for name in names)
    assert len(merged.conflicts) == 1
    assert (read_rows(out, ACCURACY), read_rows(out, ERRORS)) == ((KEPT,), ())
    assert marks(out) == ("kept", None)
    times = times_in(out)
    assert merge(out, kept).conflicts == ()
    assert times_in(out) == times


# Checkpoints.


def trained(folder: Path, *rows: AccuracyRow, mark: str, goes_on: bool = True, **has: Any) -> Path:
    """A results folder with a checkpoint that bears a mark."""
    results_folder(folder, *rows, **has)
    write_checkpoint(weights_path(folder, ROW.stage_id), mark.encode())
    if goes_on:
        write_checkpoint(optimizer_path(folder, ROW.stage_id), mark.encode())
    return folder


def marks(folder: Path) -> tuple[str | None, ...]:
    """The marks of the weights and of the optimiser's state."""
    paths = (weights_path(folder, ROW.stage_id), optimizer_path(folder, ROW.stage_id))
    return tuple(read_checkpoint(path).decode() if path.exists() else None for path in paths)


def test_checkpoint_is_of_a_record_that_says_the_same(tmp_path):
    kept = results_folder(tmp_path / "1", KEPT)
    lost = trained(tmp_path / "2", LOST, mark="a")
    unevaluated = trained(tmp_path / "3", planned(ROW), mark="a")
    assert merge(tmp_path / "none", kept, lost, unevaluated).checkpoints == 0
    assert marks(tmp_path / "none") == (None, None)
    # A stage that was not evaluated yet goes on from its own.
    merge(tmp_path / "alone", unevaluated)
    assert marks(tmp_path / "alone") == ("a", "a")
    # Of those that training can go on from, the first by content.
    good = trained(tmp_path / "4", KEPT, mark="b")
    ended = trained(tmp_path / "5", KEPT, mark="a", goes_on=False)
    other = trained(tmp_path / "6", KEPT, mark="c")
    for number, order in enumerate(itertools.permutations((good, ended, other))):
        assert merge(tmp_path / f"out-{number}", lost, *order).checkpoints == 1
        assert marks(tmp_path / f"out-{number}") == ("b", "b")
    # Only the record at the trained length decides.
    for number, place in enumerate({"length": n, "record_id": f"at-{n}"} for n in (5, 20)):
        out = trained(tmp_path / f"at-{number}", replace(LOST, **place), KEPT, mark="kept")
        merge(out, results_folder(tmp_path / f"by-{number}", replace(KEPT, **place), KEPT))
        assert marks(out) == ("kept", "kept")


def test_damaged_checkpoint_is_named_and_not_used(tmp_path):
    folder = trained(tmp_path / "1", ROW, mark="a")
    other = trained(tmp_path / "2", ROW, mark="b")
    line = "not used: it is damaged: the checksum does not match"
    weights_path(folder, ROW.stage_id).write_bytes(b"")
    merged = merge(tmp_path / "out", folder, other)
    assert marks(tmp_path / "out") == ("b", "b")
    assert merged.notices == (f"{weights_path(folder, ROW.stage_id)}: {line}",)
    optimizer_path(other, ROW.stage_id).write_bytes(b"x" * 99)
    merged = merge(tmp_path / "weights", other)
    assert (marks(tmp_path / "weights"), merged.checkpoints) == (("b", None), 1)
    assert merged.notices == (f"{optimizer_path(other, ROW.stage_id)}: {line}",)


def test_weights_and_state_are_of_one_training_whenever_killed(tmp_path):
    folder = trained(tmp_path / "1", ROW, mark="a")
    for step in itertools.count():
        out = trained(tmp_path / f"out-{step}", ROW, mark="b")
        with killed_before(step):
            merge(out, folder)
            break
        weights, optimizer = marks(out)
        assert optimizer in (weights, None)
        merge(out, folder)
        assert marks(out) == ("a", "a")
    assert step == 2


# Faults.


DAMAGED = {"records/b-0-10.json": 5, "failures/c-0-20.json": 5, PLAN: 6, THROUGHPUT: 6}


@pytest.mark.parametrize("name", [*DAMAGED, "probes/b-0-10.json"])
def test_damaged_files_are_named_and_not_used(tmp_path, folders, name):
    path, out = folders[2 if "failures" in name else 0] / name, tmp_path / "out"
    content = path.read_bytes()[:-9]
    path.write_bytes(content)
    (notice,) = merge(out, *folders).notices
    assert notice.startswith(f"{path}: not used: ")
    assert path.read_bytes() == content
    assert len(read_rows(out, ACCURACY)) == DAMAGED.get(name, 6)
    assert len(read_rows(out, ERRORS)) == (2 if "b-0-10" in name else 3)
    assert (out / name).exists() == (name in (PLAN, THROUGHPUT))


def test_damaged_files_of_out_are_set_aside(tmp_path, folders):
    out = tmp_path / "out"
    merge(out, *folders)
    expected = merged_files(out)
    names = [PLAN, "records/b-0-10.json", "probes/b-0-20.json", THROUGHPUT]
    for name in (*names, CHECKSUMS):
        (out / name).write_bytes(b"x")
    notices = merge(out, *folders).notices
    assert sorted(line.partition(": not used: ")[0] for line in notices) == sorted(
        str(out / name) for name in names
    )
    assert merged_files(out) == expected
    assert all((out / f"{name}.rejected").read_bytes() == b"x" for name in names)


@pytest.mark.parametrize("harm", [killed_before, full_disk])
def test_the_same_merge_completes_what_was_disturbed(tmp_path, folders, harm):
    merge(tmp_path / "undisturbed", *folders)
    for step in itertools.count(0, 2):
        out = tmp_path / f"disturbed-{step}"
        is_done, messages = False, set()
        with harm(step):
            try:
                merge(out, *folders)
                is_done = True
            except ResultsError as error:
                messages.add(str(error))
        assert messages <= {f"{out}: cannot be written: No space left on device"}
        assert all(read_rows(out, name) for name in CSVS if (out / name).exists())
        if is_done:
            break
        merge(out, *folders)
        assert merged_files(out) == merged_files(tmp_path / "undisturbed")
    assert step > 15


# What is refused.


def check_refused(out: Path, *folders: Path, message: str) -> None:
    before = files_in(out, but=()) if out.is_dir() else None
    with pytest.raises(ResultsError, match=message):
        merge(out, *folders)
    assert (files_in(out, but=()) if out.is_dir() else None) == before


def test_what_does_not_fit_is_refused(tmp_path, folders):
    other = results_folder(tmp_path / "other", *run_rows("d"))
    with locked(other, PROBES):
        message = "other: is being probed or merged into; wait for its end"
        check_refused(other, *folders, message=message)
    content = (other / PLAN).read_bytes()
    (other / PLAN).write_bytes(content.replace(b'version":1', b'version":2', 1))
    message = "it is of schema version 2, not 1; choose another folder"
    check_refused(tmp_path / "out", *folders, other, message=message)
    check_refused(other, *folders, message=message)
    (tmp_path / "file").write_text("")
    check_refused(tmp_path / "file", *folders, message="is a file, a folder is needed")


@pytest.mark.fault("F26")
def test_two_versions_of_a_model_are_refused(tmp_path):
    (first,), (other,) = run_rows("a", lengths=(10,)), run_rows("a", lengths=(20,))
    folders = [
        results_folder(tmp_path / "1", replace(first, code_hash="abc")),
        results_folder(tmp_path / "2", replace(other, code_hash="def")),
    ]
    message = "has length 20 of copy, a of another version of its code than"
    check_refused(tmp_path / "out", *folders, message=message)
    # A task of the suite has no code of a user, so another task is no reason for another hash.
    for name, task in (("3", "sort"), ("4", "a.task.of:theirs")):
        results_folder(tmp_path / name, replace(other, task=task, code_hash="def"))
    message = "has length 20 of sort, a of another version of its code than"
    check_refused(tmp_path / "out", folders[0], tmp_path / "3", message=message)
    merge(tmp_path / "merged", folders[0], tmp_path / "4")


def test_lengths_after_other_lengths_are_refused(tmp_path):
    rows = run_rows("a", lengths=(10, 20, 30))
    # The third folder has length 30 at the end of a path without 20.
    ladders = [
        results_folder(tmp_path / "1", *rows[:2]),
        results_folder(tmp_path / "2", *rows),
        results_folder(tmp_path / "3", rows[0], replace(rows[2], stage_id="x", record_id="x")),
    ]
    message = "has length 30 of copy, a after other lengths than"
    for order in itertools.permutations(ladders):
        check_refused(tmp_path / "out", *order, message=message)
    message = f"{ladders[1]}: {message} {ladders[2]}; they do not belong into one folder"
    check_refused(ladders[2], *ladders[:2], message=message)
    assert merge(tmp_path / "out", *ladders[:2]).conflicts == ()
