"""How long model runs of known times take on several workers, by the order they are started in."""

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

SHUFFLES = 100


@dataclass(frozen=True)
class Run:
    """One model run: what it costs, and what decides its place in a plan."""

    seed: int
    attends: bool
    seconds: float


@dataclass(frozen=True)
class Simulated:
    """What one order comes to on a number of workers.

    Attributes:
        workers: Runs at a time.
        order: A name of ORDERS.
        makespan_seconds: From the start of the first run to the end of the last.
        bound_seconds: What no order can beat: the longest run, or the work shared out evenly.
        work_seconds: The times of all runs together.
    """

    workers: int
    order: str
    makespan_seconds: float
    bound_seconds: float
    work_seconds: float

    @property
    def speed_up(self) -> float:
        """How many times as fast as one worker."""
        return self.work_seconds / self.makespan_seconds

    @property
    def efficiency(self) -> float:
        """The share of the workers' time that is work."""
        return self.speed_up / self.workers


def makespan(seconds: Sequence[float], *, workers: int) -> float:
    """Return when the last run ends, where the next one goes to whichever worker is free first.

    Source: Graham 1969, Bounds on multiprocessing timing anomalies: at most (2 - 1 / workers)
    times the optimum in any order, and (4 / 3 - 1 / (3 workers)) times with the longest first.
    """
    ends = [0.0] * workers
    for each in seconds:
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)


def lower_bound(seconds: Sequence[float], *, workers: int) -> float:
    """Return what no schedule can beat."""
    return max(max(seconds, default=0.0), sum(seconds) / workers)


def _as_planned(runs: Sequence[Run]) -> Iterator[Sequence[Run]]:
    """As `bench.run` starts them: seed by seed, attention models first."""
    yield sorted(runs, key=lambda run: (run.seed, not run.attends))


def _longest_first(runs: Sequence[Run]) -> Iterator[Sequence[Run]]:
    yield sorted(runs, key=lambda run: -run.seconds)


def _shortest_first(runs: Sequence[Run]) -> Iterator[Sequence[Run]]:
    yield sorted(runs, key=lambda run: run.seconds)


def _shuffled(runs: Sequence[Run]) -> Iterator[Sequence[Run]]:
    draw = random.Random(1)
    for _ in range(SHUFFLES):
        yield draw.sample(runs, len(runs))


# Each yields the orders whose mean makespan counts.
ORDERS: dict[str, Callable[[Sequence[Run]], Iterator[Sequence[Run]]]] = {
    "as planned": _as_planned,
    "longest first": _longest_first,
    "shortest first": _shortest_first,
    f"random, mean of {SHUFFLES}": _shuffled,
}


def simulate(runs: Sequence[Run], *, workers: int) -> list[Simulated]:
    """Return what every order comes to, each run on one worker at its measured time."""
    seconds = [run.seconds for run in runs]
    return [
        Simulated(
            workers,
            name,
            makespan_seconds=fmean(
                makespan([run.seconds for run in each], workers=workers) for each in orders(runs)
            ),
            bound_seconds=lower_bound(seconds, workers=workers),
            work_seconds=sum(seconds),
        )
        for name, orders in ORDERS.items()
    ]


def repeated(runs: Sequence[Run], *, seeds: int) -> list[Run]:
    """Return the runs of a plan of so many seeds, each with the times of a measured one in turn."""
    measured = sorted({run.seed for run in runs})
    return [
        Run(number, run.attends, run.seconds)
        for number in range(seeds)
        for run in runs
        if run.seed == measured[number % len(measured)]
    ]
