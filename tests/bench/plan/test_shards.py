"""Shards: every run in exactly one, whatever the number, and the place in an array of jobs."""

import re

import pytest

from bench.cli.run_options import parse_request
from bench.plan.runs import plan_blocks
from bench.plan.shards import Shard, parse_shard, shard_of


def runs_of(arguments=""):
    return plan_blocks(parse_request(arguments.split()).blocks)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9])
def test_every_run_is_in_one_shard_and_no_shard_is_much_larger(count):
    plan = runs_of("--preset quick")
    parts = [shard_of(plan, Shard(index, count)) for index in range(1, count + 1)]
    assert sorted(run.run_id for part in parts for run in part) == sorted(
        run.run_id for run in plan
    )
    assert {len(part) for part in parts} <= {len(plan) // count, len(plan) // count + 1}
    for part in parts:  # In the order of the plan.
        assert list(part) == [run for run in plan if run in part]


def test_every_shard_has_all_models_and_tasks_and_keeps_its_runs_when_the_plan_grows():
    for index in (1, 2, 3):
        part = shard_of(runs_of(), Shard(index, 3))
        assert len({run.task for run in part}) == 3
        assert len({run.model for run in part}) == 4
        before = {run.run_id for run in part}
        for more in ("--lengths 10..300", "--seeds 5"):
            assert before <= {run.run_id for run in shard_of(runs_of(more), Shard(index, 3))}


SLURM = {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "4"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "0"}


def test_shards_are_read():
    for text, environment, shard in (
        ("1/10000", {}, Shard(1, 10_000)),
        ("8/8", SLURM, Shard(8, 8)),
        ("array", SLURM, Shard(3, 4)),
        ("array", SLURM | {"SLURM_ARRAY_TASK_STEP": "2"}, Shard(2, 4)),
        ("array", SLURM | {"SLURM_ARRAY_TASK_STEP": "0"}, Shard(3, 4)),
        ("array/9", SLURM, Shard(3, 9)),
        ("array/8", KUBERNETES, Shard(1, 8)),
    ):
        assert parse_shard(text, environment) == shard


def test_bad_shards_are_refused():
    form = "must be I/N as 2/8, array or array/N, got "
    count, place = "SLURM_ARRAY_TASK_COUNT", "JOB_COMPLETION_INDEX"
    for text, environment, message in (
        ("0/8", {}, "the shard must be from 1 to 8, got 0/8"),
        ("9/8", {}, "the shard must be from 1 to 8, got 9/8"),
        ("1/0", {}, "the number of shards must be from 1 to 10000, got 1/0"),
        ("1/10001", {}, "the number of shards must be from 1 to 10000, got 1/10001"),
        *((text, {}, form + repr(text)) for text in ("8", "-1/8", "1/8/2", "1/", "", "١/8")),
        ("array", {}, f"array: neither SLURM_ARRAY_TASK_ID nor {place} is set; write I/N"),
        ("array", KUBERNETES, f"array: {place} has no number of shards; write array/N"),
        ("array/8", {place: "8"}, "the shard must be from 1 to 8, got 9/8"),
        *(
            ("array/8", {place: index}, f"array: {place} must be a whole number, got {index!r}")
            for index in ("-1", "١", "", "1234567890")
        ),
        ("array", SLURM | {count: "x"}, f"array: {count} must be a whole number, got 'x'"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            parse_shard(text, environment)
