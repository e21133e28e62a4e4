"""Parts of a plan, for machines that share nothing. No torch."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.plan.runs import ModelRun

MOST_SHARDS = 10_000
ARRAY = "array"
_FORM = re.compile(r"(?P<index>[0-9]{1,6}|array)(/(?P<count>[0-9]{1,6}))?", re.ASCII)
_SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT")
_SLURM_STEP = "SLURM_ARRAY_TASK_STEP"
_KUBERNETES = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class Shard:
    """One of `count` parts, counted from 1."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_SHARDS:
            raise ValueError(f"the number of shards must be from 1 to {MOST_SHARDS}, got {self}")
        if not 1 <= self.index <= self.count:
            raise ValueError(f"the shard must be from 1 to {self.count}, got {self}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Read `2/8`, or `array` for the place of this process in an array of jobs.

    Raises:
        ValueError: It is neither, or the variables of the array are not set.
    """
    match = _FORM.fullmatch(text)
    if match is None or (match["index"] != ARRAY and match["count"] is None):
        raise ValueError(f"must be I/N as 2/8, array or array/N, got {text!r}")
    count = None if match["count"] is None else int(match["count"])
    if match["index"] != ARRAY:
        return Shard(int(match["index"]), count or 0)
    return _from_array(environment, count)


def _from_array(environment: Mapping[str, str], count: int | None) -> Shard:
    if _SLURM[0] in environment:
        task, first, tasks = (_number(environment, name) for name in _SLURM)
        step = _number(environment, _SLURM_STEP) if _SLURM_STEP in environment else 1
        return Shard((task - first) // max(1, step) + 1, tasks if count is None else count)
    if _KUBERNETES in environment:
        if count is None:  # Unlike Slurm, it does not say how many there are.
            raise ValueError(f"array: {_KUBERNETES} has no number of shards; write array/N")
        return Shard(_number(environment, _KUBERNETES) + 1, count)
    raise ValueError(f"array: neither {_SLURM[0]} nor {_KUBERNETES} is set; write I/N")


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError(f"array: {name} must be a whole number, got {text!r}")
    return int(text)


def shard_of(runs: Sequence[ModelRun], shard: Shard) -> tuple[ModelRun, ...]:
    """Select the runs of one shard; every run is in exactly one."""
    # Dealt by their ids, which is as good as chance: no shard has all runs of the slowest model.
    # Dealt by seed first: more seeds, or a longer ladder, move no run to another shard.
    dealt = sorted(runs, key=lambda run: (run.seed, run.run_id))
    own = {run.run_id for run in dealt[shard.index - 1 :: shard.count]}
    return tuple(run for run in runs if run.run_id in own)
