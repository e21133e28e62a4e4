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


KUBERNETES = {"JOB_COMPLETION_INDEX": "0"}


def slurm(task, *ids):
    """Return what Slurm sets in one task of an array of these ids."""
    values = {"ID": task, "MIN": min(ids), "MAX": max(ids), "COUNT": len(ids)}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def test_shards_are_read():
    for text, environment, shard in (
        ("1/10000", {}, Shard(1, 10_000)),
        ("8/8", slurm(3, 1, 2, 3), Shard(8, 8)),
        ("array/8", KUBERNETES, Shard(1, 8)),
        ("array/8", {"JOB_COMPLETION_INDEX": "7"}, Shard(8, 8)),
        ("array/4", {"SLURM_ARRAY_TASK_ID": "3"}, Shard(3, 4)),
    ):
        assert parse_shard(text, environment) == shard


@pytest.mark.fault("F23")
@pytest.mark.parametrize("ids", [range(5), range(1, 6)], ids=["from 0", "from 1"])
def test_a_task_of_slurm_has_the_same_part_alone_in_a_list_or_in_the_whole_array(ids, reached):
    parts = {task: parse_shard("array", slurm(task, *ids)) for task in ids}
    again = {task: [[task], [task, ids[0]], [task, ids[-1]], ids] for task in ids}
    reached(injected=sum(map(len, again.values())))
    assert sorted(part.index for part in parts.values()) == [1, 2, 3, 4, 5]
    for task, arrays in again.items():
        for array in arrays:
            assert parse_shard("array/5", slurm(task, *array)) == parts[task]


@pytest.mark.fault("F23")
def test_bad_shards_are_refused(reached):
    form = "must be I/N as 2/8, array or array/N, got "
    place, name = "JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_"
    partial = "write array/N, in which the number of each task decides"
    cases = (
        ("0/8", {}, "the shard must be from 1 to 8, got 0/8"),
        ("9/8", {}, "the shard must be from 1 to 8, got 9/8"),
        ("1/0", {}, "the number of shards must be from 1 to 10000, got 1/0"),
        ("1/10001", {}, "the number of shards must be from 1 to 10000, got 1/10001"),
        *((text, {}, form + repr(text)) for text in ("8", "-1/8", "1/8/2", "1/", "", "١/8")),
        ("array", {}, f"array: neither {name}ID nor {place} is set; write I/N"),
        ("array", KUBERNETES, f"array: {place} has no number of shards; write array/N"),
        ("array/8", {place: "8"}, f"array: {place} must be below 8, got 8"),
        *(
            ("array/8", {place: index}, f"array: {place} must be a whole number, got {index!r}")
            for index in ("-1", "١", "", "1234567890")
        ),
        *(
            (
                "array",
                slurm(ids[0], *ids),
                f"array: needs several tasks with all ids from 0 or 1, got {len(ids)} from "
                f"{ids[0]} to {ids[-1]}; {partial}",
            )
            for ids in ((1,), (3,), (2, 3), (0, 2, 4), (1, 2, 4), (10, 11, 12))
        ),
        (
            "array",
            {f"{name}ID": "1", f"{name}MIN": "1", f"{name}COUNT": "4"},
            f"array: {name}MAX must be a whole number, got ''",
        ),
        ("array/4", slurm(5, 5), f"array: {name}ID must be from 0 to 4, got 5"),
        ("array/4", slurm(0, 0, 1, 2, 3, 4), "array/4: needs a part for each task, got 5 tasks"),
        ("array/0", slurm(0, 0), "array/0: needs a part for each task, got 1 tasks"),
    )
    reached(injected=len(cases))
    for text, environment, message in cases:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            parse_shard(text, environment)
