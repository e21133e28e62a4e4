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


BACKWARDS = """
from bench.plan.status import Matrix
in_order = Matrix.runs_to_do
Matrix.runs_to_do = lambda self, **options: in_order(self, **options)[::-1]
"""
JUMPING = """
import datetime, random, time
now = time.time
time.time = lambda: now() + random.choice((-1, 1)) * random.uniform(0, 1e6)
class Jumping(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
datetime.datetime = Jumping
"""


@pytest.mark.parametrize(
    ("of", "arguments", "code", "text"),
    [
        (TWO_RUNS, ONE_JOB, BACKWARDS, "backwards, 1 job"),
        (THREE_RUNS, ("--jobs", "4"), "", "4 jobs"),
        (TWO_RUNS, (*TWO_JOBS, "--engine", "dask"), "", "Dask"),
        (ONE_RUN, (), JUMPING, "a clock that jumps by days: rows equal"),
    ],
    ids=["order", "jobs", "dask", "clock"],
)
def test_variant_changes_no_number(
    of, arguments, code, text, undisturbed, folder, tmp_path, reached
):
    if "dask" in arguments:
        pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")
    complete(folder, *of, *arguments, before=planted(tmp_path, code))
    harm_of(folder, undisturbed, of=of).report(reached, text=text)
    assert all(0 < row.train_seconds < 600 for row in accuracy_rows(folder))


def test_merged_shards_have_all_numbers(undisturbed, tmp_path, reached):
    folders = [tmp_path / f"shard {index}" for index in (1, 2, 3)]
    for index, folder in enumerate(folders, start=1):
        complete(folder, *THREE_RUNS, *ONE_JOB, "--shard", f"{index}/3")
    merged = tmp_path / "merged"
    status, _, errors = run(merged, *map(str, folders), begins=("bench.merge", "--out"))
    assert status == 0, errors
    harm_of(merged, undisturbed).report(reached, injected=3, text="3 shards merged")


@pytest.mark.fault("F10", is_twin=True)
def test_seed_that_depends_on_the_process_is_found(undisturbed, folder, tmp_path):
    code = """
import os
from bench.training import seeding
stream = seeding.stream
seeding.stream = lambda seed, *purpose: stream(seed, *purpose, os.getpid())
"""
    complete(folder, *ONE_RUN, before=planted(tmp_path, code))
    found, expected = (
        [row for row in rows_of(each) if row.model == "rnn"]
        for each in (folder, undisturbed.folder)
    )
    assert [row.record_id for row in found] == [row.record_id for row in expected]
    assert found != expected
