"""F1: the command killed at random moments of a small matrix, and resumed."""

import random
import shutil
import time
from dataclasses import replace

import pytest

from results.store import csv_files
from results.store.csv_files import ACCURACY
from results.store.files import replace_file
from tests.commands import Command, accuracy_rows, wait_until
from tests.faults.fault_tools import (
    ODD_NAME,
    THREE_RUNS,
    TWO_JOBS,
    Harm,
    complete,
    harm_of,
    kill,
    leftovers,
    records,
    rows_of,
)

pytestmark = pytest.mark.fault("F1")


def written(folder):
    """Return the files that there are, without those that are half written."""
    return {path for path in folder.rglob("*.*") if not path.name.startswith(".")}


def is_killed(folder, moment, *, after_writing, seconds):
    """Start the command, and kill it at some moment; return whether it was not over before."""
    before = written(folder)
    with Command(folder, *THREE_RUNS, *TWO_JOBS) as started:
        if after_writing:
            wait_until(lambda: started.is_over() or written(folder) - before)
            time.sleep(moment.uniform(0.0, 0.15))
        else:
            kill_at = time.monotonic() + moment.uniform(0.0, 0.7 * seconds)
            wait_until(lambda: started.is_over() or time.monotonic() >= kill_at)
        if started.is_over():
            return False
        kill(started)
    return True


def test_killed_at_random_moments_nothing_is_lost(undisturbed, tmp_path, is_full, reached):
    """Every other kill falls into the moment after something was written."""
    kills, moment = 50 if is_full else 4, random.Random(7)
    harm, killed, rounds, half_written = Harm(), 0, 0, 0
    while killed < kills:
        folder, kept, wanted = tmp_path / f"{ODD_NAME} {rounds}", {}, min(6, kills - killed)
        for number in range(wanted):
            if not is_killed(folder, moment, after_writing=number % 2, seconds=undisturbed.seconds):
                break
            killed += 1
            kept |= records(folder)
            if (folder / ACCURACY).exists():
                assert {row.status for row in rows_of(folder)} <= {"ok"}
        complete(folder, *THREE_RUNS, *TWO_JOBS)
        rounds += 1
        harm += harm_of(folder, undisturbed, kept=kept)
        assert list((folder / "failures").glob("*")) == []
        half_written += len(leftovers(folder))
    text = f"{rounds} folders, all rows equal; {half_written} half-written files, none ever read"
    harm.report(reached, injected=killed, text=text)


# Twins: each plants one weakness into a copy of what was not disturbed.


def append_csv(folder):
    """The CSV is appended to, as is usual, and not replaced."""
    content = (folder / ACCURACY).read_bytes()
    (folder / ACCURACY).write_bytes(content + content)


def tear_csv(folder):
    (folder / ACCURACY).write_bytes((folder / ACCURACY).read_bytes()[:-9])


def write_row_twice(folder):
    rows = accuracy_rows(folder)
    csv_files.replace_csvs(folder, {ACCURACY: [*rows, rows[0]]})


def write_another_number(folder):
    first, *rows = accuracy_rows(folder)
    csv_files.replace_csvs(folder, {ACCURACY: [replace(first, token_accuracy=0.123), *rows]})


def lose_record(folder):
    next((folder / "records").glob("*.json")).unlink()


def rewrite_record(folder):
    path = next((folder / "records").glob("*.json"))
    replace_file(path, path.read_bytes().replace(b'"train_seconds":', b'"train_seconds":1'))


WEAKNESSES = [
    *(append_csv, tear_csv, write_row_twice, write_another_number),
    *(lose_record, rewrite_record),
]


@pytest.mark.fault("F1", is_twin=True)
@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_weakness_is_found(weakness, undisturbed, folder):
    shutil.copytree(undisturbed.folder, folder)
    kept = records(folder)
    assert harm_of(folder, undisturbed, kept=kept) == Harm()
    weakness(folder)
    with pytest.raises(AssertionError):
        harm_of(folder, undisturbed, kept=kept).report(lambda **_: None)
