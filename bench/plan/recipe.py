"""The one training recipe and budget rule, the same for every model. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How every model is trained, and when a stage ends.

    A stage ends when greedy exact match on the validation sequences reaches `solved_accuracy`,
    when validation cross-entropy has not fallen by `plateau_fall` over `plateau_fraction` of the
    budget while exact match is below `plateau_accuracy`, or at its budget. Budgets are counted in
    updates. From `full_budget_length` to `least_budget_length` they fall as 1 / length, so that
    every stage may train on the same number of tokens, and above it they stay. Above
    `full_rate_length` the learning rate falls with the cube root of the length. Within a stage it
    is constant, then falls linearly with the budget; a model's first stage begins with a warm-up.

    Attributes:
        batch_size: Sequences per update.
        learning_rate: Adam's step size in the constant part of a stage on short sequences.
        full_rate_length: Length up to which it is that.
        beta2: Adam's decay of squared gradients. Items that are still wrong become rare, and the
            usual 0.999 remembers larger gradients for longer than a stage lasts.
        stage_budget_updates: Updates that a stage may take at most, at any length.
        full_budget_length: Length up to which a stage may take them all.
        least_budget_length: Length from which a stage may take the fewest.
        warmup_updates: Updates of linear warm-up, once per model.
        constant_fraction: Part of the budget with a constant learning rate.
        final_fraction: Learning rate at the end of the budget, as a part of `learning_rate`.
        clip_norm: Largest norm of the gradient of all parameters together.
        solved_accuracy: Validated exact match at which a length counts as solved.
        validation_sequences: Sequences per validation.
        validate_every_updates: Updates between validations.
        plateau_fraction: Part of the budget without a fall after which a stage ends.
        plateau_fall: Fall of validation cross-entropy that counts, relative to the best so far.
        plateau_accuracy: Validated exact match from which there is no plateau: what is wrong then
            are rare slips, which go when the learning rate has fallen.
    """

    batch_size: int = 32
    learning_rate: float = 4e-3
    full_rate_length: int = 30
    beta2: float = 0.98
    stage_budget_updates: int = 7000
    full_budget_length: int = 10
    least_budget_length: int = 140
    warmup_updates: int = 100
    constant_fraction: float = 0.3
    final_fraction: float = 0.02
    clip_norm: float = 1.0
    solved_accuracy: float = 0.98
    validation_sequences: int = 256
    validate_every_updates: int = 50
    plateau_fraction: float = 0.5
    plateau_fall: float = 0.002
    plateau_accuracy: float = 0.5

    def __post_init__(self) -> None:
        if self.stage_budget_updates < 1:
            raise ValueError(f"--budget: must be at least 1, got {self.stage_budget_updates}")
        if not 0 < self.learning_rate < 1:
            raise ValueError(f"--learning-rate: must lie between 0 and 1, got {self.learning_rate}")

    def budget_updates(self, lengths: Sequence[int]) -> int:
        """Return the updates that a stage on these lengths may take at most.

        A stage on several lengths has the budgets of one stage for each of them.
        """
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
        """Return the learning rate of an update, counted from 0 within its stage.

        Args:
            length: Source length of its batch.
        """
        rate = self.learning_rate * min(1.0, self.full_rate_length / length) ** (1 / 3)
        if is_first and update < self.warmup_updates:
            rate *= (update + 1) / self.warmup_updates
        progress = (update + 1) / budget_updates
        if progress > self.constant_fraction:
            fall = (progress - self.constant_fraction) / (1 - self.constant_fraction)
            rate *= 1 - fall * (1 - self.final_fraction)
        return rate
