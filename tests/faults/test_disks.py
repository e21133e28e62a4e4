"""F8: a disk that is full or read-only, a folder that is removed, and odd names of folders."""

import shutil

import pytest

from tests.commands import wait_until
from tests.faults.disks import fill, make_read_only, make_room, small_disk
from tests.faults.fault_tools import (
    MATRIX,
    ODD_NAME,
    TWO_JOBS,
    command,
    complete,
    harm_of,
    leftovers,
    planted,
    records,
    rows_of,
    run,
)

pytestmark = pytest.mark.fault("F8")

SLOW = (*MATRIX, "--models", "tests.plugins.broken:Slow")


def assert_one_line(errors, *words):
    last = errors.splitlines()[-1]
    assert last.startswith("bench.run: ")
    assert all(word in last for word in words), last
    assert "Traceback" not in errors


SPARE_BYTES = [8192, 0, 20_000]  # For a record or two; for nothing; for a checkpoint too.


@pytest.mark.parametrize("spare", SPARE_BYTES)
def test_disk_that_fills_up_keeps_the_last_csv_and_goes_on(
    spare, undisturbed, tmp_path, is_full, reached
):
    if spare != SPARE_BYTES[0] and not is_full:
        pytest.skip("only in full")
    with small_disk(tmp_path / ODD_NAME) as disk:
        folder = disk / "results"
        with command(folder, *MATRIX, *TWO_JOBS) as started:
            wait_until(lambda: started.is_over() or (folder / "accuracy.csv").exists())
            fill(disk, spare_bytes=spare)
            status, _, errors = started.end()
        kept = records(folder)
        assert status == 2, errors
        assert_one_line(errors, "No space left on device")
        assert {row.status for row in rows_of(folder)} == {"ok"}
        assert list((folder / "failures").glob("*.json")) == []
        make_room(disk)
        complete(folder, *MATRIX, *TWO_JOBS)
        assert leftovers(folder) == []
        harm_of(folder, undisturbed, kept=kept).report(
            reached, text="filled up: one line, CSV whole, resumed"
        )


def assert_refused(folder, words, **options):
    """It is refused in one line before anything is said of training."""
    status, output, errors = run(folder, *MATRIX, "--seeds", "2", **options)
    assert (status, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert_one_line(errors, words)


def test_disk_that_is_full_is_refused_before_training(tmp_path, reached):
    with small_disk(tmp_path / ODD_NAME) as disk:
        fill(disk)
        assert_refused(disk / "results", "No space left on device")
    reached(text="full: refused at once")


def test_read_only_folder_is_refused_before_training(undisturbed, tmp_path, reached):
    with small_disk(tmp_path / ODD_NAME) as disk:
        folder = shutil.copytree(undisturbed.folder, disk / "results")
        make_read_only(disk)
        assert_refused(folder, "Read-only file system")
        harm_of(folder, undisturbed).report(reached, text="read-only: refused, still readable")


@pytest.mark.fault("F8", is_twin=True)
def test_store_that_trusts_its_disk_is_found(tmp_path):
    """It finds out only when it is too late."""
    code = """
from results.store import folder as store

store._check_writable = lambda root: root.mkdir(exist_ok=True)
"""
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        weak = planted(tmp_path / "weak", code)
        with pytest.raises(AssertionError):
            assert_refused(disk, "No space left on device", before=[weak])


def test_folder_removed_meanwhile_is_one_line_and_stays_away(undisturbed, tmp_path, reached):
    folder = tmp_path / ODD_NAME
    with command(folder, *SLOW, *TWO_JOBS) as started:
        wait_until(lambda: started.is_over() or (folder / "accuracy.csv").exists())
        folder.rename(tmp_path / "removed")  # At once, as no removal of single files is.
        status, _, errors = started.end()
    assert status == 2, errors
    assert_one_line(errors, str(folder))
    assert not folder.exists()
    complete(folder, *MATRIX, *TWO_JOBS)
    text = "removed: one line; then all of it anew, in a path with spaces, % and Korean"
    harm_of(folder, undisturbed).report(reached, text=text)
