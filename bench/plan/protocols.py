"""In which order a model meets the lengths. No torch.

A trajectory is the list of stages that one model goes through. Each stage names the lengths of
its batches.
"""

from collections.abc import Callable, Sequence

LADDER_STEP = 10

StageLengths = tuple[int, ...]
TrajectoryLengths = tuple[StageLengths, ...]


def ladder(lengths: Sequence[int]) -> tuple[int, ...]:
    """List the rungs of the curriculum: 10, 20, 30, ... and every length asked for."""
    # No rung depends on a longer one. So a finished ladder can be climbed further.
    return tuple(sorted({*range(LADDER_STEP, max(lengths) + 1, LADDER_STEP), *lengths}))


def _curriculum(lengths: Sequence[int]) -> tuple[TrajectoryLengths, ...]:
    """Let one model climb from short to long."""
    return (tuple((length,) for length in ladder(lengths)),)


def _independent(lengths: Sequence[int]) -> tuple[TrajectoryLengths, ...]:
    """Train a fresh model for every length."""
    return tuple(((length,),) for length in lengths)


def _mixed(lengths: Sequence[int]) -> tuple[TrajectoryLengths, ...]:
    """Train one model on all lengths together."""
    return ((tuple(lengths),),)


# From the lengths asked for to the trajectories, each of a fresh model.
PROTOCOLS: dict[str, Callable[[Sequence[int]], tuple[TrajectoryLengths, ...]]] = {
    "curriculum": _curriculum,
    "independent": _independent,
    "mixed": _mixed,
}
