import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.schema.rows import AccuracyRow, planned
from results.store import csv_files, locks
from results.store import files as atomic
from results.store import folder as store_module
from results.store.checksums import CHECKSUMS, checksum, load_versions, write_versions
from results.store.csv_files import ACCURACY, SAMPLES, THROUGHPUT, read_rows, render_csv
from results.store.folder import Store, open_store
from results.store.outcomes import csv_order
from tests import ROOT
from tests.rows import accuracy_row, failed, filled_store, run_rows, sample_of, throughput_row

NAMES = (ACCURACY, SAMPLES, CHECKSUMS)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in NAMES}


def matrix() -> list[AccuracyRow]:
    """Return rows of which every sort key decides somewhere; 100 sorts after 20."""
    return [
        accuracy_row(
            task=task,
            model=model,
            config_id=config_id,
            seed=seed,
            train_length=train_length,
            length=length,
            run_id=f"{task}-{model}-{config_id}-{seed}",
            record_id=f"r{index:03d}",
        )
        for index, (length, train_length, seed, config_id, model, task) in enumerate(
            itertools.product((100, 20), (100, 20), (11, 2), ("c2", "c1"), "ba", ("sort", "copy"))
        )
    ]


KEY = ("task", "model", "protocol", "config_id", "seed", "train_length", "length", "record_id")


def check_order(order: Callable[[AccuracyRow], Any]) -> None:
    rows = matrix()
    shuffled = random.Random(1).sample(rows, len(rows))
    wanted = sorted(rows, key=lambda row: tuple(getattr(row, name) for name in KEY))
    assert sorted(shuffled, key=order) == wanted


def test_rows_are_sorted() -> None:
    check_order(csv_order)


@pytest.mark.parametrize(
    "broken",
    [
        lambda row: row.record_id,
        lambda row: tuple(str(value) for value in csv_order(row)),
        lambda row: (row.task, row.model, row.protocol, row.seed, *csv_order(row)[3:]),
    ],
)
def test_order_check_rejects(broken: Callable[[AccuracyRow], Any]) -> None:
    with pytest.raises(AssertionError):
        check_order(broken)


def test_csvs_do_not_depend_on_the_order_of_writing(tmp_path: Path) -> None:
    rows = matrix()[::4]
    compiled = []
    for number in range(3):
        shuffled = random.Random(number).sample(rows, len(rows))
        store = filled_store(tmp_path / str(number), shuffled)
        store.compile()
        compiled.append(contents(tmp_path / str(number)))
    assert compiled[0] == compiled[1] == compiled[2]


def test_csv_holds_what_is_planned_and_has_happened(tmp_path: Path) -> None:
    rows = run_rows("a", lengths=(10, 20, 30))
    left = run_rows("b")
    store = open_store(tmp_path, create=True)
    store.extend_plan(map(planned, [*rows, *left]))
    store.write_record(rows[0], [sample_of(rows[0], 1), sample_of(rows[0], 0)])
    store.write_failure(failed(rows[1]))
    store.write_record(accuracy_row(model="c"))
    store.compile()
    assert read_rows(tmp_path, ACCURACY) == (rows[0], failed(rows[1]), planned(rows[2]))
    assert read_rows(tmp_path, SAMPLES) == (sample_of(rows[0], 0), sample_of(rows[0], 1))


def test_empty_plan_compiles_to_headers(tmp_path: Path) -> None:
    open_store(tmp_path, create=True).compile()
    assert read_rows(tmp_path, ACCURACY) == ()
    assert read_rows(tmp_path, SAMPLES) == ()


def test_nothing_is_rewritten_when_nothing_changed(tmp_path: Path) -> None:
    store = filled_store(tmp_path, run_rows("a"))
    store.compile()
    before = [(tmp_path / name).stat() for name in NAMES]
    store.compile()
    open_store(tmp_path, create=True).compile()
    assert [(tmp_path / name).stat() for name in NAMES] == before


@pytest.mark.parametrize("name", NAMES)
def test_damaged_or_absent_files_are_compiled_anew(tmp_path: Path, name: str) -> None:
    store = filled_store(tmp_path, run_rows("a"))
    store.compile()
    before = contents(tmp_path)
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"x")):
        damage(tmp_path / name)
        store.compile()
        assert contents(tmp_path) == before


class Killed(BaseException):
    """Stands for SIGKILL."""


@contextlib.contextmanager
def killed_before(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Raise at the given call of os.replace; the temporary file stays, as after SIGKILL."""
    calls = itertools.count()
    replace = os.replace

    def maybe_replace(source: Any, target: Any) -> None:
        if next(calls) == step:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", maybe_replace)
        patch.setattr(os, "unlink", lambda path: None)
        with contextlib.suppress(Killed):
            yield


def check_survives_kills(
    compile_: Callable[[Store], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill a compilation before each of its steps, and once in the one after a kill."""
    rows = run_rows("a", lengths=(10, 20, 30, 40))
    for first, second in itertools.product(range(4), repeat=2):
        root = folder / f"{first}-{second}"
        store = filled_store(root, rows[:2])
        store.write_throughput([throughput_row()])
        store.compile()
        allowed = [tuple(rows[:2])]
        for row, step in ((rows[2], first), (rows[3], second)):
            store.extend_plan([planned(row)])
            store.write_record(row)
            allowed.append((*allowed[-1], row))
            with killed_before(step, monkeypatch):
                compile_(store)
            assert read_rows(root, ACCURACY) in allowed
            assert len(read_rows(root, SAMPLES)) == 4
            assert read_rows(root, THROUGHPUT) == (throughput_row(),)
        store.compile()
        assert read_rows(root, ACCURACY) == tuple(rows)


def test_a_kill_leaves_whole_csvs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_survives_kills(Store.compile, tmp_path, monkeypatch)


def render_accuracy(store: Store) -> csv_files.Rendered:
    records = [store.read_record(row.record_id) for row in store.plan()]
    return render_csv(ACCURACY, [record.row for record in records if record is not None])


def write_next_version(root: Path, rendered: csv_files.Rendered) -> None:
    versions = load_versions(root)
    write_versions(root, {**versions, ACCURACY: {checksum(rendered.content): rendered.rows}})


def csv_first(store: Store) -> None:
    rendered = render_accuracy(store)
    atomic.replace_file(store.root / ACCURACY, rendered.content)
    write_next_version(store.root, rendered)


def next_version_only(store: Store) -> None:
    rendered = render_accuracy(store)
    write_next_version(store.root, rendered)
    atomic.replace_file(store.root / ACCURACY, rendered.content)


def in_place(store: Store) -> None:
    (store.root / ACCURACY).write_bytes(b"")
    os.replace(store.root / CHECKSUMS, store.root / CHECKSUMS)
    store.compile()


@pytest.mark.parametrize("broken", [csv_first, next_version_only, in_place])
def test_kill_check_rejects(
    broken: Callable[[Store], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ResultsError, match="truncated or edited"):
        check_survives_kills(broken, tmp_path, monkeypatch)


KILL_AT = """
import os, signal, sys
from pathlib import Path
from results.store.folder import open_store
calls, replace = iter(range(99)), os.replace
def maybe_replace(source, target):
    if next(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = maybe_replace
open_store(Path(sys.argv[1]), create=True).compile()
"""


@pytest.mark.parametrize("step", range(3))
def test_sigkill_leaves_whole_csvs_and_no_lock(tmp_path: Path, step: int) -> None:
    rows = run_rows("a")
    store = filled_store(tmp_path, rows[:1])
    store.compile()
    store.extend_plan([planned(rows[1])])
    store.write_record(rows[1], [sample_of(rows[1], 0)])
    done = subprocess.run([sys.executable, "-c", KILL_AT, str(tmp_path), str(step)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert read_rows(tmp_path, ACCURACY) == tuple(rows[: 2 if step == 2 else 1])
    assert len(read_rows(tmp_path, SAMPLES)) == 2
    store.compile()
    assert read_rows(tmp_path, ACCURACY) == tuple(rows)


def check_last_writer_has_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second store write and compile while the first is about to replace the CSVs."""
    rows = run_rows("a")
    store = filled_store(folder, rows[:1])
    other = open_store(folder, create=True)
    other.extend_plan([planned(rows[1])])
    replace = csv_files.replace_csvs

    def write_and_compile() -> None:
        other.write_record(rows[1])
        other.compile()

    thread = threading.Thread(target=write_and_compile)

    def replace_late(*arguments: Any) -> None:
        if thread.ident is None:
            thread.start()
            thread.join(0.3)
        replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(csv_files, "replace_csvs", replace_late)
        store.compile()
        thread.join()
    assert read_rows(folder, ACCURACY) == tuple(rows)


def test_two_compilers_lose_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_last_writer_has_all(tmp_path, monkeypatch)


def test_two_compilers_check_rejects_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "exclusive", lambda folder: contextlib.nullcontext())
    with pytest.raises(AssertionError):
        check_last_writer_has_all(tmp_path, monkeypatch)


def test_a_held_lock_delays_but_does_not_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_WAIT_SECONDS", 0.05)
    store = filled_store(tmp_path, run_rows("a"))
    with locks.exclusive(tmp_path):
        store.compile()
    assert len(read_rows(tmp_path, ACCURACY)) == 2


def test_many_writers_and_a_reader(tmp_path: Path) -> None:
    runs = [run_rows(model, lengths=(10, 20, 30)) for model in "abcd"]
    filled_store(tmp_path, runs[0][:1]).compile()
    problems: list[BaseException] = []
    is_done = threading.Event()

    def write(rows: list[AccuracyRow]) -> None:
        with collecting(problems):
            store = open_store(tmp_path, create=True)
            store.extend_plan(map(planned, rows))
            for row in rows:
                store.write_record(row)
                store.compile()

    def read() -> None:
        with collecting(problems):
            while not is_done.is_set():
                read_rows(tmp_path, ACCURACY)

    writers = [threading.Thread(target=write, args=(rows,)) for rows in runs]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    is_done.set()
    reader.join()
    assert problems == []
    assert read_rows(tmp_path, ACCURACY) == tuple(itertools.chain(*runs))
    assert [path.name for path in tmp_path.rglob("*.tmp")] == []


@contextlib.contextmanager
def collecting(problems: list[BaseException]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        problems.append(error)


def test_throughput_replaces_rows_of_the_same_key(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    store.write_throughput(
        [throughput_row(), throughput_row(length=100), throughput_row(threads=2)]
    )
    store.write_throughput([throughput_row(median_seconds=9.0), throughput_row(length=20)])
    rows = read_rows(tmp_path, THROUGHPUT)
    assert [(row.length, row.threads, row.median_seconds) for row in rows] == [
        (10, 1, 9.0),
        (10, 2, 0.25),
        (20, 1, 0.25),
        (100, 1, 0.25),
    ]
    store.compile()
    assert read_rows(tmp_path, THROUGHPUT) == rows


def test_damaged_throughput_is_set_aside(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    store.write_throughput([throughput_row()])
    damaged = (tmp_path / THROUGHPUT).read_bytes()[:-9]
    (tmp_path / THROUGHPUT).write_bytes(damaged)
    store.write_throughput([throughput_row(length=20)])
    assert read_rows(tmp_path, THROUGHPUT) == (throughput_row(length=20),)
    assert (tmp_path / "throughput.csv.rejected").read_bytes() == damaged
    assert "throughput.csv: not used: truncated or edited" in store.take_notices()[0]
