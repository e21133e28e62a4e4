"""How a model is trained: the lengths in order, the budget of each, the learning rate. No torch.

All of it is the same for every model. A trajectory is the list of stages that one model goes
through. Each stage names the lengths of its batches.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Raise one by 1 when a change to the modules behind it changes numbers. All of them but the last
# are in the ids: results of an older version then no longer count as done.
RECIPE_VERSION = 3  # bench.training.train and .seeding, and this module
EVALUATOR_VERSION = 2  # bench.training.evaluate
PROBE_VERSION = 3  # bench.probes

LADDER_STEP = 10

Trajectory = tuple[tuple[int, ...], ...]


def ladder(lengths: Sequence[int]) -> tuple[int, ...]:
    """List the rungs of the curriculum: 10, 20, 30, ... and every length asked for."""
    # No rung depends on a longer one. So a finished ladder can be climbed further.
    return tuple(sorted({*range(LADDER_STEP, max(lengths) + 1, LADDER_STEP), *lengths}))


def _curriculum(lengths: Sequence[int]) -> tuple[Trajectory, ...]:
    """Let one model climb from short to long."""
    return (tuple((length,) for length in ladder(lengths)),)


def _ascending(lengths: Sequence[int]) -> tuple[Trajectory, ...]:
    """Let one model climb the lengths asked for, and no others."""
    return (tuple((length,) for length in lengths),)


def _independent(lengths: Sequence[int]) -> tuple[Trajectory, ...]:
    """Train a fresh model for every length."""
    return tuple(((length,),) for length in lengths)


def _mixed(lengths: Sequence[int]) -> tuple[Trajectory, ...]:
    """Train one model on all lengths together."""
    return ((tuple(lengths),),)


# From the lengths asked for to the trajectories, each of a fresh model.
PROTOCOLS: dict[str, Callable[[Sequence[int]], tuple[Trajectory, ...]]] = {
    "curriculum": _curriculum,
    "ascending": _ascending,
    "independent": _independent,
    "mixed": _mixed,
}


@dataclass(frozen=True)
class Recipe:
    """How every model is trained, and when a stage ends.

    A stage ends at the first of three: greedy exact match reaches `solved_accuracy` on the
    validation sequences and on a second draw of them, or validation cross-entropy no longer falls,
    or the budget is used up.
    Budgets are counted in updates.
    """

    # Sequences per update.
    batch_size: int = 32
    # Sequences of each length that batches are drawn from; None draws new ones for every update.
    train_sequences: int | None = None
    # Adam's step size on lengths up to `full_rate_length`. Above, it falls with the cube root.
    learning_rate: float = 4e-3
    full_rate_length: int = 30
    # Items that are still wrong become rare. Adam's usual 0.999 remembers their larger gradients
    # for longer than a stage lasts.
    beta2: float = 0.98
    # Most updates of a stage. Between the two lengths they fall as 1 / length, so that every
    # stage may train on the same number of tokens. Above, they stay.
    stage_budget_updates: int = 7000
    full_budget_length: int = 10
    least_budget_length: int = 140
    # The rate rises linearly once per model, in its first stage.
    warmup_updates: int = 100
    # In every stage the rate is constant for this part of the budget. Then it falls linearly, to
    # this part of itself.
    constant_fraction: float = 0.3
    final_fraction: float = 0.02
    # Largest norm of the gradient of all parameters together.
    clip_norm: float = 1.0
    solved_accuracy: float = 0.98
    validation_sequences: int = 256
    validate_every_updates: int = 50
    # Cross-entropy no longer falls if it fell by less than `plateau_fall` of itself over this
    # part of the budget. At `plateau_accuracy` and above the errors are rare slips, which go when
    # the learning rate has fallen. So a stage goes on from there.
    plateau_fraction: float = 0.5
    plateau_fall: float = 0.002
    plateau_accuracy: float = 0.5

    def __post_init__(self) -> None:
        if self.stage_budget_updates < 1:
            raise ValueError(
                f"stage_budget_updates: must be at least 1, got {self.stage_budget_updates}"
            )
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"learning_rate: must be between 0 and 1, got {self.learning_rate}")

    def budget_updates(self, lengths: Sequence[int]) -> int:
        """Count the updates that a stage on these lengths may take at most."""
        # A stage on several lengths gets what one stage for each would get. So the protocols
        # differ in order only.
        return sum(
            math.ceil(
                self.stage_budget_updates
                * self.full_budget_length
                / min(max(length, self.full_budget_length), self.least_budget_length)
            )
            for length in lengths
        )

    def learning_rate_at(
        self, update: int, *, length: int, budget_updates: int, is_first: bool
    ) -> float:
        """Compute the learning rate of an update.

        Args:
            update: Counted from 0 within the stage.
            length: Source length of its batch.
            budget_updates: Budget of the stage.
            is_first: Whether the stage is the model's first.
        """
        rate = self.learning_rate * min(1.0, self.full_rate_length / length) ** (1 / 3)
        if is_first and update < self.warmup_updates:
            rate *= (update + 1) / self.warmup_updates
        progress = (update + 1) / budget_updates
        if progress > self.constant_fraction:
            fall = (progress - self.constant_fraction) / (1 - self.constant_fraction)
            rate *= 1 - fall * (1 - self.final_fraction)
        return rate
