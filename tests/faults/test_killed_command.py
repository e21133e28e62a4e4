"""F1: the command killed at random moments of a small matrix, and resumed."""

import random
import shutil
import time

import pytest

from results.store import csv_files
from results.store.csv_files import ACCURACY
from results.store.files import replace_file
from results.store.folder import open_store
from tests.commands import wait_until
from tests.faults.fault_tools import (
    MATRIX,
    ODD_NAME,
    TWO_JOBS,
    Harm,
    command,
    complete,
    harm_of,
    kill,
    leftovers,
    records,
    rows_of,
)

pytestmark = pytest.mark.fault("F1")


def written(folder):
    """Return what there is, with its age; temporary files, which come and go, left out."""
    found = set()
    for pattern in ("plan.json", "*.csv", "records/*.json", "checkpoints/*.pt"):
        for path in folder.glob(pattern):
            if not path.name.startswith("."):
                found.add((path.name, path.stat().st_mtime_ns))
    return found


def killed_at_random(folder, moment, *, seconds, kills):
    """Start the command again and again, and kill it; return the kills and all records seen.

    Every other kill falls into the moment after something was written.
    """
    kept, killed = {}, 0
    while killed < kills:
        with command(folder, *MATRIX, *TWO_JOBS) as started:
            if killed % 2:
                before = written(folder)
                wait_until(lambda old=before: started.is_over() or written(folder) - old)
                time.sleep(moment.uniform(0.0, 0.15))
            else:
                kill_at = time.monotonic() + moment.uniform(0.0, 0.7 * seconds)
                wait_until(lambda at=kill_at: started.is_over() or time.monotonic() >= at)
            if started.is_over():
                break
            kill(started)
        killed += 1
        kept |= records(folder)
        if (folder / ACCURACY).exists():
            assert {row.status for row in rows_of(folder)} <= {"ok"}
    return killed, kept


def test_killed_at_random_moments_nothing_is_lost(undisturbed, tmp_path, is_full, reached):
    kills, moment = 50 if is_full else 4, random.Random(7)
    harm, killed, rounds, half_written = Harm(), 0, 0, 0
    while killed < kills:
        folder = tmp_path / f"{ODD_NAME} {rounds}"
        rounds += 1
        more, kept = killed_at_random(
            folder, moment, seconds=undisturbed.seconds, kills=min(6, kills - killed)
        )
        killed += more
        complete(folder, *MATRIX, *TWO_JOBS)
        harm += harm_of(folder, undisturbed, kept=kept)
        assert list((folder / "failures").glob("*")) == []
        half_written += len(leftovers(folder))
    text = f"{rounds} folders, all rows equal; {half_written} half-written files, none ever read"
    harm.report(reached, injected=killed, text=text)


# Twins: each plants one weakness into a copy of what was not disturbed.


def appended_csv(folder, monkeypatch):
    """The CSV is appended to, as is usual, and not replaced."""

    def append(folder, tables):
        for name, rows in tables.items():
            with (folder / name).open("ab") as file:
                file.write(csv_files.render_csv(name, rows))

    monkeypatch.setattr(csv_files, "replace_csvs", append)
    open_store(folder, create=True).compile()


def torn_csv(folder, monkeypatch):
    content = (folder / ACCURACY).read_bytes()
    (folder / ACCURACY).write_bytes(content[:-9])


def row_twice(folder, monkeypatch):
    rows = open_store(folder, create=False).plan()
    ok = [open_store(folder, create=False).read_record(row.record_id).row for row in rows]
    csv_files.replace_csvs(folder, {ACCURACY: [*ok, ok[0]]})


def record_lost(folder, monkeypatch):
    next((folder / "records").glob("*.json")).unlink()


def record_rewritten(folder, monkeypatch):
    path = next((folder / "records").glob("*.json"))
    replace_file(path, path.read_bytes().replace(b'"train_seconds":', b'"train_seconds":1'))


def other_number(folder, monkeypatch):
    store = open_store(folder, create=False)
    rows = [store.read_record(row.record_id).row for row in store.plan()]
    changed = type(rows[0])(**vars(rows[0]) | {"token_accuracy": 0.123})
    csv_files.replace_csvs(folder, {ACCURACY: [changed, *rows[1:]]})


WEAKNESSES = [appended_csv, torn_csv, row_twice, record_lost, record_rewritten, other_number]


@pytest.mark.fault("F1", is_twin=True)
@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_weakness_is_found(weakness, undisturbed, tmp_path, monkeypatch):
    folder = shutil.copytree(undisturbed.folder, tmp_path / "results")
    assert harm_of(folder, undisturbed, kept=records(folder)) == Harm()
    kept = records(folder)
    weakness(folder, monkeypatch)
    with pytest.raises(AssertionError):
        harm_of(folder, undisturbed, kept=kept).report(lambda **_: None)
