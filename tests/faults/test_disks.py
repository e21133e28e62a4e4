"""F8: a disk that is full or read-only, a folder that is removed, and odd names of folders.

Needs Linux and the right to mount.
"""

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress

import pytest

from results.store.csv_files import ACCURACY
from tests.commands import Command, run, wait_until
from tests.faults.fault_tools import (
    ODD_NAME,
    ONE_RUN,
    THREE_RUNS,
    TWO_JOBS,
    complete,
    harm_of,
    leftovers,
    planted,
    records,
    rows_of,
)

pytestmark = pytest.mark.fault("F8")

FILLER = "filler"
SPARE_BYTES = [8192, 0, 20_000]  # For a record or two; for nothing; for a checkpoint too.


def mount(*arguments):
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no command to mount a disk")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(scratch):
    """Mount an empty disk of 16 MiB."""
    folder = scratch / ODD_NAME
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk, *, spare_bytes=0):
    """Leave no more than so many bytes on the disk."""
    state = os.statvfs(disk)
    filler = bytes(state.f_bavail * state.f_bsize - spare_bytes)
    # A command that writes meanwhile leaves less; then this write ends early.
    with suppress(OSError), (disk / FILLER).open("wb", buffering=0) as file:
        file.write(filler)


def assert_one_line(errors, words):
    last = errors.splitlines()[-1]
    assert last.startswith("bench.run: ")
    assert words in last
    assert "Traceback" not in errors


@pytest.mark.parametrize("spare", SPARE_BYTES)
def test_disk_that_fills_up_keeps_its_csv(spare, undisturbed, tmp_path, is_full, reached):
    if spare != SPARE_BYTES[0] and not is_full:
        pytest.skip("only in full")
    with small_disk(tmp_path) as disk:
        folder = disk / "results"
        with Command(folder, *THREE_RUNS, *TWO_JOBS) as started:
            wait_until(lambda: started.is_over() or (folder / ACCURACY).exists())
            fill(disk, spare_bytes=spare)
            status, _, errors = started.end()
        kept = records(folder)
        assert status == 2, errors
        assert_one_line(errors, "No space left on device")
        assert {row.status for row in rows_of(folder)} == {"ok"}
        assert list((folder / "failures").glob("*.json")) == []
        (disk / FILLER).unlink()
        complete(folder, *THREE_RUNS, *TWO_JOBS)
        assert leftovers(folder) == []
        harm = harm_of(folder, undisturbed, kept=kept)
        harm.report(reached, text="filled up: one line, CSV whole, resumed")


def assert_refused(folder, words, **options):
    """It is refused in one line before anything is said of training."""
    status, output, errors = run(folder, *ONE_RUN, "--seeds", "2", **options)
    assert (status, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert_one_line(errors, words)


def test_full_disk_is_refused_before_training(tmp_path, reached):
    with small_disk(tmp_path) as disk:
        fill(disk)
        assert_refused(disk / "results", "No space left on device")
    reached(text="full: refused at once")


def test_read_only_folder_is_refused_before_training(undisturbed, tmp_path, reached):
    with small_disk(tmp_path) as disk:
        folder = shutil.copytree(undisturbed.folder, disk / "results")
        mount("-o", "remount,ro", str(disk))
        assert_refused(folder, "Read-only file system")
        harm_of(folder, undisturbed).report(reached, text="read-only: refused, still readable")


@pytest.mark.fault("F8", is_twin=True)
def test_store_that_trusts_its_disk_is_found(tmp_path):
    """It finds out only when it is too late."""
    code = """
from results.store import folder as store
store._check_writable = lambda root: root.mkdir(exist_ok=True)
"""
    with small_disk(tmp_path) as disk:
        fill(disk)
        with pytest.raises(AssertionError):
            assert_refused(disk, "No space left on device", before=planted(tmp_path, code))


def test_folder_removed_meanwhile_is_one_line_and_stays_away(undisturbed, tmp_path, reached):
    folder = tmp_path / ODD_NAME
    with Command(folder, *ONE_RUN, "--models", "tests.plugins.broken:Slow") as started:
        wait_until(lambda: started.is_over() or (folder / ACCURACY).exists())
        folder.rename(tmp_path / "removed")  # At once, as no removal of single files is.
        status, _, errors = started.end()
    assert status == 2, errors
    assert_one_line(errors, str(folder))
    assert not folder.exists()
    complete(folder, *ONE_RUN)
    text = "removed: one line; then all of it anew, in a path with spaces, % and Korean"
    harm_of(folder, undisturbed, of=ONE_RUN).report(reached, text=text)
