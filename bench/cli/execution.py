"""Where and how model runs are carried out, as a command line asks for it. Imports no torch."""

import argparse
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cli.options import read_choice, read_integer
from bench.plan.limits import Limits
from bench.plan.shards import Shard, parse_shard
from results.command_line import UsageError

MOST_JOBS = 1024
MOST_RETRIES = 100
LOCAL, DASK = ENGINES = ("local", "dask")
_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:[0-9]{1,5}")


@dataclass(frozen=True)
class Execution:
    """Where and how model runs are carried out; changes none of their numbers.

    Attributes:
        jobs: Model runs at a time.
        engine: `local` or `dask`.
        scheduler: Address of a Dask scheduler; None for a cluster on this machine.
        shard: Which part of the plan; None for all of it.
        limits: How much a model run may take.
    """

    jobs: int
    engine: str
    scheduler: str | None
    shard: Shard | None
    limits: Limits

    @property
    def is_whole_and_here(self) -> bool:
        """Whether all of the plan is carried out on this machine."""
        return self.engine == LOCAL and self.shard is None


def add_execution_options(parser: argparse.ArgumentParser) -> None:
    """Add where and how model runs are carried out."""
    add = parser.add_argument
    add("--jobs", metavar="N", help="model runs at a time (default: physical cores; 1 on cuda)")
    add(
        "--engine",
        default=LOCAL,
        metavar="NAME",
        help="local, dask (workers on this machine) or dask=tcp://HOST:PORT",
    )
    add("--shard", metavar="I/N", help="only part I of N; array or array/N in an array of jobs")
    add("--retries", metavar="N", help="times that a killed model run is tried again (default: 1)")
    add(
        "--time-limit",
        metavar="SECONDS",
        help="of a model run (default: an hour, or 20 times the estimate)",
    )


def read_execution(given: argparse.Namespace) -> Execution:
    """Return what these options ask for.

    Raises:
        UsageError: If one breaks a rule.
    """
    engine, scheduler = _engine(given.engine)
    return Execution(
        jobs=_jobs(given.jobs, device=given.device),
        engine=engine,
        scheduler=scheduler,
        shard=None if given.shard is None else _shard(given.shard),
        limits=_limits(given),
    )


def physical_cores() -> int:
    """Return the processor cores this process may use, threads of one core counted once."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if usable is None:
        return os.cpu_count() or 1
    siblings = set()
    for processor in usable:
        path = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        try:
            siblings.add(path.read_text(encoding="ascii"))
        except OSError:
            siblings.add(str(processor))
    return len(siblings)


def _jobs(text: str | None, *, device: str) -> int:
    if text is not None:
        return read_integer("--jobs", text, at_most=MOST_JOBS)
    return 1 if device == "cuda" else physical_cores()


def _engine(text: str) -> tuple[str, str | None]:
    """Return the engine's name, and the address of its scheduler if one is given."""
    name, separator, address = text.partition("=")
    read_choice("--engine", name, ENGINES)
    if not separator:
        return name, None
    if name != DASK or not _ADDRESS.fullmatch(address):
        raise UsageError(f"--engine: must be local, dask or dask=tcp://HOST:PORT, got {text!r}")
    return name, address


def _shard(text: str) -> Shard:
    try:
        return parse_shard(text)
    except ValueError as error:
        raise UsageError(f"--shard: {error}") from None


def _limits(given: argparse.Namespace) -> Limits:
    limits = Limits()
    if given.retries is not None:
        retries = (
            0
            if given.retries == "0"
            else read_integer("--retries", given.retries, at_most=MOST_RETRIES)
        )
        limits = replace(limits, retries=retries)
    if given.time_limit is not None:
        limits = replace(limits, seconds=float(read_integer("--time-limit", given.time_limit)))
    return limits
