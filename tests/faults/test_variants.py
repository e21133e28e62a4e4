"""F10: order, jobs, shards and engine change no number."""

import os
import subprocess
import sys

import pytest

from tests.commands import ONE, ROOT, accuracy_rows
from tests.faults.fault_tools import MATRIX, TWO_JOBS, complete, harm_of, planted, rows_of

pytestmark = pytest.mark.fault("F10")

SHUFFLED = """
import random
from bench.plan.status import Matrix

in_order = Matrix.runs_to_do

def shuffled(self, **options):
    runs = in_order(self, **options)
    random.Random({seed}).shuffle(runs)
    return runs

Matrix.runs_to_do = shuffled
"""


def test_order_changes_no_number(undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    weak = planted(tmp_path / "order", SHUFFLED.format(seed=2))
    complete(folder, *MATRIX, "--jobs", "1", before=[weak])
    harm_of(folder, undisturbed).report(reached, text="shuffled, 1 job")


def test_jobs_change_no_number(undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    complete(folder, *MATRIX, "--jobs", "4")
    harm_of(folder, undisturbed).report(reached, text="4 jobs")


def test_dask_changes_no_number(undisturbed, tmp_path, reached):
    pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")
    folder = tmp_path / "results"
    complete(folder, *MATRIX, *TWO_JOBS, "--engine", "dask")
    harm_of(folder, undisturbed).report(reached, text="Dask")


def test_merged_shards_have_all_numbers(undisturbed, tmp_path, reached):
    folders = [tmp_path / f"shard {index}" for index in (1, 2, 3)]
    for index, folder in enumerate(folders, start=1):
        complete(folder, *MATRIX, *TWO_JOBS, "--shard", f"{index}/3")
    merged = tmp_path / "merged"
    done = subprocess.run(
        [sys.executable, "-m", "bench.merge", *map(str, folders), "--out", str(merged)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    harm_of(merged, undisturbed).report(reached, injected=3, text="3 shards merged")


JUMPING = """
import datetime
import random
import time

now = time.time
time.time = lambda: now() + random.choice((-1, 1)) * random.uniform(0, 1e6)

class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)

datetime.datetime = Jumping
"""


def test_clock_that_jumps_changes_no_number(undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    complete(folder, *MATRIX, *TWO_JOBS, before=[planted(tmp_path / "clock", JUMPING)])
    harm_of(folder, undisturbed).report(reached, text="a clock that jumps by days: rows equal")
    assert all(0 < row.train_seconds < 600 for row in accuracy_rows(folder))


@pytest.mark.fault("F10", is_twin=True)
def test_seed_that_depends_on_the_order_is_found(undisturbed, tmp_path):
    """Streams of random numbers that the place in the queue has a part in."""
    code = """
import os

from bench.training import seeding

stream = seeding.stream

def of_this_process(seed, *purpose):
    return stream(seed, *purpose, os.getpid())

seeding.stream = of_this_process
"""
    folder = tmp_path / "results"
    complete(folder, *MATRIX, *ONE, before=[planted(tmp_path / "weak", code)])
    found, expected = (
        [row for row in rows_of(each) if row.model == "rnn"]
        for each in (folder, undisturbed.folder)
    )
    assert [row.record_id for row in found] == [row.record_id for row in expected]
    assert found != expected
