"""F10: order, jobs, shards and engine change no number."""

import pytest

from tests.commands import accuracy_rows, run
from tests.faults.fault_tools import (
    ONE_JOB,
    ONE_RUN,
    THREE_RUNS,
    TWO_JOBS,
    TWO_RUNS,
    complete,
    harm_of,
    planted,
    rows_of,
)

pytestmark = pytest.mark.fault("F10")


def test_order_changes_no_number(undisturbed, tmp_path, reached):
    code = """
from bench.plan.status import Matrix

in_order = Matrix.runs_to_do
Matrix.runs_to_do = lambda self, **options: in_order(self, **options)[::-1]
"""
    folder = tmp_path / "results"
    complete(folder, *TWO_RUNS, *ONE_JOB, before=planted(tmp_path, code))
    harm_of(folder, undisturbed, of=TWO_RUNS).report(reached, text="backwards, 1 job")


def test_jobs_change_no_number(undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    complete(folder, *THREE_RUNS, "--jobs", "4")
    harm_of(folder, undisturbed).report(reached, text="4 jobs")


def test_dask_changes_no_number(undisturbed, tmp_path, reached):
    pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")
    folder = tmp_path / "results"
    complete(folder, *TWO_RUNS, *TWO_JOBS, "--engine", "dask")
    harm_of(folder, undisturbed, of=TWO_RUNS).report(reached, text="Dask")


def test_merged_shards_have_all_numbers(undisturbed, tmp_path, reached):
    folders = [tmp_path / f"shard {index}" for index in (1, 2, 3)]
    for index, folder in enumerate(folders, start=1):
        complete(folder, *THREE_RUNS, *ONE_JOB, "--shard", f"{index}/3")
    merged = tmp_path / "merged"
    status, _, errors = run(merged, *map(str, folders), begins=("bench.merge", "--out"))
    assert status == 0, errors
    harm_of(merged, undisturbed).report(reached, injected=3, text="3 shards merged")


def test_clock_that_jumps_changes_no_number(undisturbed, tmp_path, reached):
    code = """
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
    folder = tmp_path / "results"
    complete(folder, *ONE_RUN, before=planted(tmp_path, code))
    harm = harm_of(folder, undisturbed, of=ONE_RUN)
    harm.report(reached, text="a clock that jumps by days: rows equal")
    assert all(0 < row.train_seconds < 600 for row in accuracy_rows(folder))


@pytest.mark.fault("F10", is_twin=True)
def test_seed_that_depends_on_the_process_is_found(undisturbed, tmp_path):
    code = """
import os

from bench.training import seeding

stream = seeding.stream
seeding.stream = lambda seed, *purpose: stream(seed, *purpose, os.getpid())
"""
    folder = tmp_path / "results"
    complete(folder, *ONE_RUN, before=planted(tmp_path, code))
    found, expected = (
        [row for row in rows_of(each) if row.model == "rnn"]
        for each in (folder, undisturbed.folder)
    )
    assert [row.record_id for row in found] == [row.record_id for row in expected]
    assert found != expected
