"""Curves of carried bits by length, for a reference and its control."""

from collections.abc import Callable, Sequence
from typing import Any

from results.schema.rows import AccuracyRow
from tests.rows import accuracy_row

LENGTHS = (10, 20, 40, 50, 60, 80, 100)
SEEDS = (11, 12, 13)
BITS_PER_ITEM = 4.0
BUDGET = 1500

Bits = Callable[[int], float]


def saturating(most: float) -> Bits:
    """Return bits that follow the target of four bits an item, then stop."""
    return lambda length: min(BITS_PER_ITEM * length, most)


def rows_of(
    bits: Bits,
    *,
    factor: float = 1.0,
    budget_factor: int = 1,
    spread: float = 2.0,
    seeds: Sequence[int] = SEEDS,
    lengths: Sequence[int] = LENGTHS,
    target: Bits = lambda length: BITS_PER_ITEM * length,
    **changes: Any,
) -> list[AccuracyRow]:
    """Return rows of which each seed carries `spread` bits more than the one before.

    Args:
        bits: Mean over seeds, by length.
        factor: What the budget makes of it.
        budget_factor: Times the budget of the reference.
    """
    middle = sum(seeds) / len(seeds)
    return [
        accuracy_row(
            **{
                "seed": seed,
                "train_length": length,
                "length": length,
                "carried_bits": factor * bits(length) + spread * (seed - middle),
                "target_bits": target(length),
                "budget_updates": budget_factor * BUDGET,
                "config_id": f"budget-{budget_factor}",
                "run_id": f"{budget_factor}-{seed}",
                "stage_id": f"{budget_factor}-{seed}-{length}",
                "record_id": f"{budget_factor}-{seed}-{length}",
            }
            | changes
        )
        for seed in seeds
        for length in lengths
    ]


def control_of(bits: Bits, *, factor: float = 1.0, **changes: Any) -> list[AccuracyRow]:
    """Return rows of four times the budget."""
    return rows_of(bits, factor=factor, **{"budget_factor": 4} | changes)
