"""Shards: every run in exactly one, whatever the number, and the place in an array of jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cli.run_options import parse_request
from bench.plan.runs import plan_blocks
from bench.plan.shards import MOST_SHARDS, Shard, parse_shard, shard_of


def runs_of(*arguments):
    return plan_blocks(parse_request(arguments).blocks)


PLANS = {
    "default": runs_of(),
    "claims": runs_of("--preset", "claims"),
    "one": runs_of("--tasks", "copy", "--models", "rnn", "--seeds", "1"),
}


def check_shards(divide, runs, count):
    """Together they are the plan, in its order; none is much larger than another."""
    parts = [divide(runs, Shard(index, count)) for index in range(1, count + 1)]
    assert sorted(run.run_id for part in parts for run in part) == sorted(
        run.run_id for run in runs
    )
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        assert list(part) == [run for run in runs if run in part]


@pytest.mark.parametrize("plan", PLANS)
@given(count=st.integers(1, 100))
def test_every_run_is_in_one_shard(plan, count):
    check_shards(shard_of, PLANS[plan], count)


TWINS = {
    "the last is forgotten": lambda runs, shard: shard_of(runs[:-1], shard),
    "counted from 0": lambda runs, shard: runs[shard.index :: shard.count],
    "all of it": lambda runs, shard: runs,
    "another order": lambda runs, shard: shard_of(runs, shard)[::-1],
}


@pytest.mark.parametrize("twin", TWINS)
def test_division_that_loses_or_doubles_is_rejected(twin):
    with pytest.raises(AssertionError):
        check_shards(TWINS[twin], PLANS["default"], 3)


@pytest.mark.parametrize("more", [("--lengths", "10..300"), ("--seeds", "5")])
def test_longer_ladder_or_more_seeds_move_no_run(more):
    for index in (1, 2, 3):
        before = {run.run_id for run in shard_of(PLANS["default"], Shard(index, 3))}
        after = {run.run_id for run in shard_of(runs_of(*more), Shard(index, 3))}
        assert before <= after


def test_no_shard_has_all_runs_of_a_model_or_a_task():
    for index in (1, 2, 3):
        part = shard_of(PLANS["default"], Shard(index, 3))
        assert {run.task for run in part} == {"copy", "reverse", "sort"}
        assert len({run.model for run in part}) == 4


SLURM = {"SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_COUNT": "4"}
KUBERNETES = {"JOB_COMPLETION_INDEX": "0"}


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("2/8", {}, Shard(2, 8)),
        ("1/1", {}, Shard(1, 1)),
        (f"1/{MOST_SHARDS}", {}, Shard(1, MOST_SHARDS)),
        ("2/8", SLURM, Shard(2, 8)),
        ("array", SLURM, Shard(3, 4)),
        ("array", SLURM | {"SLURM_ARRAY_TASK_STEP": "2"}, Shard(2, 4)),
        ("array/9", SLURM, Shard(3, 9)),
        ("array/8", KUBERNETES, Shard(1, 8)),
        ("array/8", {"JOB_COMPLETION_INDEX": "7"}, Shard(8, 8)),
    ],
)
def test_shards_are_read(text, environment, shard):
    assert parse_shard(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("0/8", {}, "must be from 1 to 8, got 0/8"),
        ("9/8", {}, "must be from 1 to 8, got 9/8"),
        ("1/0", {}, "must be from 1 to 10000, got 1/0"),
        ("1/10001", {}, "must be from 1 to 10000, got 1/10001"),
        ("8", {}, "must be I/N as 2/8, array or array/N, got '8'"),
        ("-1/8", {}, "must be I/N"),
        ("1/8/2", {}, "must be I/N"),
        ("1/", {}, "must be I/N"),
        ("", {}, "must be I/N"),
        ("1 / 8", {}, "must be I/N"),
        ("١/8", {}, "must be I/N"),
        ("array", {}, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set"),
        ("array", KUBERNETES, "JOB_COMPLETION_INDEX does not tell how many there are"),
        ("array/8", {"JOB_COMPLETION_INDEX": "8"}, "must be from 1 to 8, got 9/8"),
        ("array/8", {"JOB_COMPLETION_INDEX": "-1"}, "must be a whole number, got '-1'"),
        ("array", SLURM | {"SLURM_ARRAY_TASK_COUNT": ""}, "SLURM_ARRAY_TASK_COUNT must be"),
        ("array", SLURM | {"SLURM_ARRAY_TASK_MIN": "13"}, "must be from 1 to 4"),
    ],
)
def test_bad_shards_are_refused(text, environment, message):
    with pytest.raises(ValueError, match=r"shard|must be|array") as refusal:
        parse_shard(text, environment)
    assert message in str(refusal.value)
