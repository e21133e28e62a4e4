"""Where attention looks, held against where the target items come from."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

Weights = Float[Tensor, "batch target source"]


def alignment_columns(weights: Weights, truth: Weights) -> dict[str, float | int]:
    """Return the columns of an `AlignmentRow` but the agreement with occlusion.

    Args:
        weights: Of attention; rows sum to 1.
        truth: Of the task's alignment: above 0 at the source positions of each target item.
    """
    is_true = truth > 0
    is_near = is_true.clone()
    is_near[..., 1:] |= is_true[..., :-1]
    is_near[..., :-1] |= is_true[..., 1:]
    # Equal weights share the place of the largest, or uniform attention would look anywhere.
    is_largest = weights == weights.amax(dim=-1, keepdim=True)
    largest = is_largest / is_largest.sum(dim=-1, keepdim=True)
    offset, fraction = _best_offset(_offsets(weights.argmax(dim=-1), is_true))
    return {
        "aligned_fraction": _mass(largest, is_true),
        "near_fraction": _mass(largest, is_near),
        "best_offset_items": offset,
        "best_offset_fraction": fraction,
        "aligned_mass": _mass(weights, is_true),
        "near_mass": _mass(weights, is_near),
        "weight_entropy_bits": _entropy_bits(weights),
        "test_sequences": len(weights),
    }


def occlusion_agreement(
    weights: Weights,
    effects: Float[Tensor, "batch target occluded"],
    *,
    occluded: Int[Tensor, " occluded"],
) -> float | None:
    """Return the share of target items that look where occlusion hurts them most.

    Args:
        occluded: The source positions that were occluded; target items that look elsewhere do
            not count, and one that nothing hurts agrees with nothing.

    Returns:
        The share; None where no target item looks at an occluded position.
    """
    looks_at = weights.argmax(dim=-1)
    worst = effects.max(dim=-1)
    agrees = (looks_at == occluded[worst.indices]) & (worst.values > 0)
    counts = torch.isin(looks_at, occluded)
    return _mean(agrees[counts]) if counts.any() else None


def _offsets(looks_at: Int[Tensor, "batch target"], is_true: Tensor) -> Int[Tensor, "batch target"]:
    """Return how far right of the nearest true position each target item looks."""
    positions = torch.arange(is_true.shape[-1], device=is_true.device)
    distance = looks_at[..., None] - positions
    nearest = distance.abs().masked_fill(~is_true, is_true.shape[-1]).argmin(dim=-1, keepdim=True)
    return distance.gather(-1, nearest).squeeze(-1)


def _best_offset(offsets: Int[Tensor, "batch target"]) -> tuple[float, float]:
    values, counts = offsets.unique(return_counts=True)
    best = counts.argmax()
    return float(values[best]), counts[best].item() / offsets.numel()


def _entropy_bits(weights: Weights) -> float:
    nats = -torch.xlogy(weights, weights).sum(dim=-1).double().mean().item()
    return max(0.0, nats / math.log(2))


def _mass(weights: Weights, positions: Tensor) -> float:
    # A sum of rounded weights may exceed 1 in its last digit.
    return min(1.0, (weights * positions).sum(dim=-1).double().mean().item())


def _mean(truths: Tensor) -> float:
    return truths.double().mean().item()
