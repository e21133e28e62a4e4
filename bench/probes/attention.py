"""Where attention looks, compared with where the target items come from."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from results.schema.probe_rows import AlignmentRow
from results.schema.rows import AccuracyRow
from results.store.records import stage_columns

Weights = Float[Tensor, "batch target source"]


def alignment_row(
    row: AccuracyRow, weights: Weights, truth: Weights, *, agreement: float | None
) -> AlignmentRow:
    """Average where attention looks over target items and sequences.

    Args:
        weights: Of attention; they sum to 1 for each target item.
        truth: Above 0 at the source positions that a target item is a copy of. Sort has several
            where symbols are equal.
        agreement: With occlusion.
    """
    is_true = truth > 0
    is_near = is_true.clone()
    is_near[..., 1:] |= is_true[..., :-1]
    is_near[..., :-1] |= is_true[..., 1:]
    # Equal weights share the place of the largest. By `argmax`, uniform attention would look at
    # the first position always.
    is_largest = weights == weights.amax(dim=-1, keepdim=True)
    largest = is_largest / is_largest.sum(dim=-1, keepdim=True)
    offset, fraction = _best_offset(_offsets(weights.argmax(dim=-1), is_true))
    return AlignmentRow(
        **stage_columns(row),
        aligned_fraction=_mass(largest, is_true),
        near_fraction=_mass(largest, is_near),
        best_offset_items=offset,
        best_offset_fraction=fraction,
        aligned_mass=_mass(weights, is_true),
        near_mass=_mass(weights, is_near),
        weight_entropy_bits=_entropy_bits(weights),
        occlusion_agreement_fraction=agreement,
        test_sequences=len(weights),
    )


def occlusion_agreement(
    weights: Weights,
    effects: Float[Tensor, "batch target occluded"],
    *,
    occluded: Int[Tensor, " occluded"],
) -> float | None:
    """Compute the share of target items that look where occlusion hurts them most.

    Args:
        occluded: The source positions that were occluded.

    Returns:
        The share of the items that look at an occluded position; None if none does.
    """
    looks_at = weights.argmax(dim=-1)
    worst = effects.max(dim=-1)
    # An item that nothing hurts has no worst position. `max` would name the first one, and a model
    # that ignores its source would agree with attention to it.
    agrees = (looks_at == occluded[worst.indices]) & (worst.values > 0)
    counts = torch.isin(looks_at, occluded)
    return agrees[counts].double().mean().item() if counts.any() else None


def _offsets(looks_at: Int[Tensor, "batch target"], is_true: Tensor) -> Int[Tensor, "batch target"]:
    """Count how far right of the nearest true position each target item looks."""
    positions = torch.arange(is_true.shape[-1], device=is_true.device)
    distance = looks_at[..., None] - positions
    nearest = distance.abs().masked_fill(~is_true, is_true.shape[-1]).argmin(dim=-1, keepdim=True)
    return distance.gather(-1, nearest).squeeze(-1)


def _best_offset(offsets: Int[Tensor, "batch target"]) -> tuple[float, float]:
    values, counts = offsets.unique(return_counts=True)
    best = counts.argmax()
    return float(values[best]), counts[best].item() / offsets.numel()


def _entropy_bits(weights: Weights) -> float:
    # `xlogy` is 0 at weight 0. Rounding may leave the entropy of one-hot weights below 0.
    nats = -torch.xlogy(weights, weights).sum(dim=-1).double().mean().item()
    return max(0.0, nats / math.log(2))


def _mass(weights: Weights, positions: Tensor) -> float:
    # A sum of rounded weights may exceed 1 in its last digit, which no fraction may.
    return min(1.0, (weights * positions).sum(dim=-1).double().mean().item())
