"""The CSVs: compiled from the records, whole after a kill, and never read when changed."""

import gzip
import threading
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.schema.rows import planned
from results.store import csv_files
from results.store.checked_json import seal
from results.store.csv_files import (
    ACCURACY,
    CHECKSUMS,
    READ_ATTEMPTS,
    SAMPLES,
    THROUGHPUT,
    checksum,
    load_versions,
    read_rows,
    replace_csvs,
)
from results.store.folder import open_store
from tests.results.store.harm import files_in, killed_before, times_in
from tests.rows import filled_store, run_rows, throughput_row

WHAT_TO_DO = "; repeat the command that wrote it"


@pytest.fixture
def folder(tmp_path):
    filled_store(tmp_path, run_rows("a")).compile()
    return tmp_path


# Writing.


def test_damaged_or_absent_files_are_compiled_anew_and_no_others(folder):
    before, times = files_in(folder), times_in(folder)
    open_store(folder, create=True).compile()
    assert times_in(folder) == times
    for name in (ACCURACY, SAMPLES, CHECKSUMS):
        for damage in (Path.unlink, lambda path: path.write_bytes(b"x")):
            damage(folder / name)
            open_store(folder, create=True).compile()
            assert files_in(folder) == before


def test_an_edited_csv_never_becomes_valid(folder):
    edited = (folder / ACCURACY).read_bytes().replace(b",0.1,", b",0.9,")
    (folder / ACCURACY).write_bytes(edited)
    with killed_before(1):
        replace_csvs(folder, {ACCURACY: run_rows("b")})
    assert (folder / ACCURACY).read_bytes() == edited
    with pytest.raises(ResultsError, match="truncated or edited"):
        read_rows(folder, ACCURACY)


@pytest.mark.parametrize("second", range(4))
@pytest.mark.parametrize("first", range(4))
def test_a_kill_leaves_whole_csvs(tmp_path, first, second):
    """Kill a compilation before one of its steps, and once more the one after it."""
    rows = run_rows("a", lengths=(10, 20, 30, 40))
    store = filled_store(tmp_path, rows[:2])
    store.write_throughput([throughput_row()])
    store.compile()
    allowed = [tuple(rows[:2])]
    for row, step in ((rows[2], first), (rows[3], second)):
        store.extend_plan([planned(row)])
        store.write_record(row)
        allowed.append((*allowed[-1], row))
        with killed_before(step):
            store.compile()
        assert read_rows(tmp_path, ACCURACY) in allowed
        assert len(read_rows(tmp_path, SAMPLES)) == 4
        assert read_rows(tmp_path, THROUGHPUT) == (throughput_row(),)
    store.compile()
    assert read_rows(tmp_path, ACCURACY) == tuple(rows)


def test_two_compilers_lose_no_row(tmp_path, monkeypatch):
    """A second store writes and compiles while the first is about to replace the CSVs."""
    rows = run_rows("a")
    store = filled_store(tmp_path, rows[:1])
    other = open_store(tmp_path, create=True)
    other.extend_plan([planned(rows[1])])

    def write_and_compile() -> None:
        other.write_record(rows[1])
        other.compile()

    thread = threading.Thread(target=write_and_compile)

    def replace_late(*arguments: Any) -> None:
        if thread.ident is None:
            thread.start()
            thread.join(0.3)
        replace_csvs(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(csv_files, "replace_csvs", replace_late)
        store.compile()
        thread.join()
    assert read_rows(tmp_path, ACCURACY) == tuple(rows)


# Reading.


def refusal(folder: Path, name: str = ACCURACY) -> str:
    """Why a CSV is refused, without its path and without what to do."""
    with pytest.raises(ResultsError) as caught:
        read_rows(folder, name)
    message = str(caught.value)
    assert message.startswith(f"{folder / name}: ")
    assert message.endswith(WHAT_TO_DO)
    return message.removeprefix(f"{folder / name}: ").removesuffix(WHAT_TO_DO)


def test_damaged_csv_is_refused(folder):
    content = (folder / ACCURACY).read_bytes()
    last_line = content.splitlines(keepends=True)[-1]
    damages = [b"", content[:-9], content + last_line, content.removesuffix(last_line)]
    damages.append(content.replace(b",0.1,", b",0.9,"))
    for damaged in damages:
        (folder / ACCURACY).write_bytes(damaged)
        assert refusal(folder) == "truncated or edited, not as in checksums.json"
    (folder / ACCURACY).write_bytes(content)
    assert len(read_rows(folder, ACCURACY)) == 2
    (folder / ACCURACY).unlink()
    assert refusal(folder) == "cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length,status,", "length,", "columns: not those of the schema: status"),
        (",0.1,", ",1.1,", "line 2: token_accuracy: a fraction from 0 to 1 is needed, not 1.1"),
        (",0.05,", ",none,", "line 3: token_accuracy: 'none' is not a finite number"),
        (",ok,", ",", "line 2: 74 values, not 75"),
        ("copy", '"copy', "not a CSV: unexpected end of data"),
        ("copy", "cop\udcff", "not a CSV: 'utf-8' codec can't decode byte 0xff"),
        ("\n", "\n\n", "3 rows, not 2"),
    ],
)
def test_csv_that_breaks_the_schema_is_refused(folder, old, new, message):
    text = (folder / ACCURACY).read_text(encoding="utf-8").replace(old, new, 1)
    content = text.encode("utf-8", "surrogateescape")
    (folder / ACCURACY).write_bytes(content)
    (folder / CHECKSUMS).write_bytes(seal({ACCURACY: {checksum(content): 2}}))
    assert refusal(folder).startswith(message)


def test_checksums_are_needed(folder):
    other_version = seal({}).replace(b'version":1', b'version":2', 1)
    for content, message in (
        (b"", "the file is empty"),
        (b"{}", "it is damaged, or was not written by this package"),
        (seal([]), "it does not hold checksums by CSV"),
        (seal({ACCURACY: 3}), "it does not hold checksums by CSV"),
        (other_version, "it is of schema version 2, not 1"),
    ):
        (folder / CHECKSUMS).write_bytes(content)
        assert refusal(folder) == f"cannot be verified: checksums.json: {message}"
    (folder / CHECKSUMS).unlink()
    message = "cannot be read: No such file or directory"
    assert refusal(folder) == f"cannot be verified: checksums.json: {message}"


def test_reading_tries_again_while_files_are_replaced(folder, monkeypatch):
    versions = load_versions(folder)
    answers = iter([*[{}] * (READ_ATTEMPTS - 1), versions, *[{}] * READ_ATTEMPTS])
    monkeypatch.setattr(csv_files, "load_versions", lambda folder: next(answers))
    assert len(read_rows(folder, ACCURACY)) == 2
    assert refusal(folder) == "truncated or edited, not as in checksums.json"
    assert list(answers) == []


def test_a_gzipped_csv_is_read_and_verified_as_it_was(folder):
    plain = folder / SAMPLES
    content, rows = plain.read_bytes(), read_rows(folder, SAMPLES)
    plain.unlink()
    packed = folder / f"{SAMPLES}.gz"
    packed.write_bytes(gzip.compress(content))
    assert read_rows(folder, SAMPLES) == rows

    for damaged in (
        gzip.compress(content.replace(b"3 1 2", b"3 1 1", 1)),
        gzip.compress(content)[:-9],
        b"no gzip",
    ):
        packed.write_bytes(damaged)
        with pytest.raises(ResultsError, match=r"samples\.csv\.gz: (truncated or|not a gzip)"):
            read_rows(folder, SAMPLES)
    # A plain CSV beside it is the newer one: it is what a run replaces.
    plain.write_bytes(content)
    assert read_rows(folder, SAMPLES) == rows
