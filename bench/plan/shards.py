"""Parts of a plan, for machines that share nothing. No torch."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.plan.runs import ModelRun

MOST_SHARDS = 10_000
ARRAY = "array"
_FORM = re.compile(r"(?P<index>[0-9]{1,6}|array)(/(?P<count>[0-9]{1,6}))?", re.ASCII)
_SLURM = "SLURM_ARRAY_TASK_"
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
    """Read `2/8`; or, in an array of jobs, `array/8` or `array` for the place of this process.

    Raises:
        ValueError: It is neither, or the variables of the array do not name one part of it.
    """
    match = _FORM.fullmatch(text)
    if match is None or (match["index"] != ARRAY and match["count"] is None):
        raise ValueError(f"must be I/N as 2/8, array or array/N, got {text!r}")
    count = None if match["count"] is None else int(match["count"])
    if match["index"] != ARRAY:
        return Shard(int(match["index"]), count or 0)
    return _from_array(environment, count)


def _from_array(environment: Mapping[str, str], count: int | None) -> Shard:
    if f"{_SLURM}ID" in environment:
        return _of_slurm(environment, count)
    if _KUBERNETES in environment:
        if count is None:  # Unlike Slurm, it does not say how many there are.
            raise ValueError(f"array: {_KUBERNETES} has no number of shards; write array/N")
        index = _number(environment, _KUBERNETES)
        if index >= count:  # It counts from 0 by definition.
            raise ValueError(f"array: {_KUBERNETES} must be below {count}, got {index}")
        return Shard(index + 1, count)
    raise ValueError(f"array: neither {_SLURM}ID nor {_KUBERNETES} is set; write I/N")


def _of_slurm(environment: Mapping[str, str], count: int | None) -> Shard:
    """Read the part of a task from its own number alone, if the number of parts is given."""
    task = _number(environment, f"{_SLURM}ID")
    if count is None:
        first, last, tasks = (
            _number(environment, f"{_SLURM}{name}") for name in ("MIN", "MAX", "COUNT")
        )
        # One task alone, submitted again, would do all parts.
        if tasks == 1 or first > 1 or last - first + 1 != tasks:
            raise ValueError(
                f"array: needs several tasks with all ids from 0 or 1, got {tasks} from {first} "
                f"to {last}; write array/N, in which the number of each task decides"
            )
        return _part(task, tasks)
    # A task that is submitted again alone has another MIN, MAX and COUNT than before.
    tasks = _number(environment, f"{_SLURM}COUNT") if f"{_SLURM}COUNT" in environment else 1
    if tasks > count:
        raise ValueError(f"array/{count}: needs a part for each task, got {tasks} tasks")
    return _part(task, count)


def _part(task: int, count: int) -> Shard:
    """Give task 0 the last part: ids from 0 and ids from 1 both reach every part once."""
    if task > count:
        raise ValueError(f"array: {_SLURM}ID must be from 0 to {count}, got {task}")
    return Shard(task or count, count)


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
