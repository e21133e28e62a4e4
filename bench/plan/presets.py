"""The experiments, one entry each. A flag given overrides its part of an entry. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks import TASKS

PUBLISHED_BUDGET_UPDATES = 7000
# Nothing was decided on the seeds from here to 1000, and published results begin here.
FIRST_SEED = 21


@dataclass(frozen=True)
class Part:
    """Tasks x models of one size."""

    tasks: tuple[str, ...] = tuple(TASKS)
    models: tuple[str, ...] | None = None  # None: those of the default matrix, plug-ins included.
    hidden: int = 64
    encoder: str = "bi"
    symbols: int | None = None  # None: each task has its own alphabet.


@dataclass(frozen=True)
class Preset:
    """An experiment: what it is for, what it costs, and its parts on the same lengths."""

    summary: str
    cost: str  # On two cores.
    lengths: Sequence[int]
    seeds: int
    budget: int = PUBLISHED_BUDGET_UPDATES  # Updates of a stage at most.
    parts: tuple[Part, ...] = (Part(),)
    measures_throughput: bool = True

    def __str__(self) -> str:
        return f"{self.summary}; {self.cost}, budget {self.budget / PUBLISHED_BUDGET_UPDATES:.0%}"


# Costs of `claims` and `capacity` are half the seconds of their rows in results/reference. That of
# `paper` is an estimate.
PRESETS: dict[str, Preset] = {
    "quick": Preset(
        "a first look at copy and reverse, one seed",
        cost="under 3 minutes",
        lengths=range(10, 41, 10),
        seeds=1,
        budget=1800,
        parts=(Part(tasks=("copy", "reverse")),),
    ),
    "default": Preset(
        "the published matrix, three tasks, lengths 10 to 200, three seeds",
        cost="21 minutes a seed",
        lengths=range(10, 201, 10),
        seeds=3,
    ),
    "paper": Preset(
        "for a publication, twice the state, five seeds",
        cost="more than a day",
        lengths=range(10, 201, 10),
        seeds=5,
        budget=4 * PUBLISHED_BUDGET_UPDATES,
        parts=(Part(hidden=128),),
    ),
    "claims": Preset(
        "what the verdicts on the five claims need, five seeds",
        cost="about 70 minutes",
        lengths=range(10, 101, 10),
        seeds=5,
        parts=(
            Part(
                models=(
                    "rnn-aligned",
                    "seq2seq",
                    "seq2seq+uniform",
                    "seq2seq+dot",
                    "seq2seq+additive",
                )
            ),
            Part(tasks=("copy", "reverse"), models=("seq2seq",), encoder="uni"),
        ),
        measures_throughput=False,
    ),
    "capacity": Preset(
        "carried bits by size of the state and of the alphabet, five seeds",
        cost="about 3 hours",
        lengths=range(10, 81, 10),
        seeds=5,
        parts=tuple(
            Part(tasks=("copy",), models=("seq2seq", "seq2seq+dot"), hidden=hidden, symbols=symbols)
            for hidden in (32, 64, 128)
            for symbols in (4, 16, 64)
        ),
        measures_throughput=False,
    ),
}
