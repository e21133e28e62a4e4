"""In which order a model meets the lengths. Imports no torch.

A trajectory is the list of stages that one model goes through; each stage names the lengths of
its batches. A protocol turns the lengths asked for into one trajectory or several.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.cli.lengths import ladder

StageLengths = tuple[int, ...]
TrajectoryLengths = tuple[StageLengths, ...]


@dataclass(frozen=True)
class Protocol:
    """A way to train on a set of lengths.

    Attributes:
        name: Name at the command line and in the CSVs.
        summary: One line that says what it is.
        trajectories: From the lengths asked for to the trajectories, each for a fresh model.
    """

    name: str
    summary: str
    trajectories: Callable[[Sequence[int]], tuple[TrajectoryLengths, ...]]


def _curriculum(lengths: Sequence[int]) -> tuple[TrajectoryLengths, ...]:
    return (tuple((length,) for length in ladder(lengths)),)


def _independent(lengths: Sequence[int]) -> tuple[TrajectoryLengths, ...]:
    return tuple(((length,),) for length in lengths)


def _mixed(lengths: Sequence[int]) -> tuple[TrajectoryLengths, ...]:
    return ((tuple(lengths),),)


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("curriculum", "one model climbs from short to long, tested at each", _curriculum),
        Protocol("independent", "a fresh model for every length", _independent),
        Protocol("mixed", "one model on all lengths together, tested at each", _mixed),
    )
}
