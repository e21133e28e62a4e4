"""Where attention looks, compared with where the target items come from, and what that does.

An intervention changes the weights of a trained model and asks how accurate it still is. Nothing in
the model is changed for it: its attention is wrapped, and put back.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from models.interface import Memory, States
from results.schema.probe_rows import AlignmentRow, WeightRow
from results.schema.rows import AccuracyRow
from results.store.records import stage_columns
from tasks.sampling import Batch

Weights = Float[Tensor, "batch target source"]
Places = Bool[Tensor, "batch target source"]
Change = Callable[[Weights], Weights]

TARGETS, SOURCES = 1, 2  # Dimensions of weights.


def alignment_row(
    row: AccuracyRow,
    weights: Weights,
    truth: Weights,
    *,
    agreement: float | None,
    accuracies: dict[str, Any],
) -> AlignmentRow:
    """Average where attention looks over target items and sequences.

    Args:
        weights: Of attention; they sum to 1 for each target item.
        truth: Above 0 at the source positions that a target item is a copy of. Sort has several
            where symbols are equal.
        agreement: With occlusion.
        accuracies: What `intervention_accuracies` found.
    """
    is_true = truth > 0
    is_near = _widened(is_true, SOURCES)
    # A source position is one rank off if the item before or after is a copy of it.
    within_ranks = [is_true]
    for _ in range(4):
        within_ranks.append(_widened(within_ranks[-1], TARGETS))
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
        weight_entropy_bits=entropy_bits(weights).mean().item(),
        occlusion_agreement_fraction=agreement,
        rank_0_mass=_mass(weights, is_true),
        near_rank_mass=_mass(weights, within_ranks[1]),
        rank_4_mass=_mass(weights, within_ranks[4]),
        **accuracies,
        test_sequences=len(weights),
    )


def entropy_bits(weights: Weights) -> Float[Tensor, " target"]:
    """Average the entropy of the weights of each target item over sequences."""
    # `xlogy` is 0 at weight 0. Rounding may leave the entropy of one-hot weights below 0.
    nats = -torch.xlogy(weights, weights).sum(dim=SOURCES).double().mean(dim=0)
    return (nats / math.log(2)).clamp(min=0.0) + 0.0  # -0.0 would be written as such.


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


def _widened(places: Places, dim: int) -> Places:
    """Mark the neighbours of marked places too."""
    wider, last = places.clone(), places.shape[dim] - 1
    wider.narrow(dim, 1, last).logical_or_(places.narrow(dim, 0, last))
    wider.narrow(dim, 0, last).logical_or_(places.narrow(dim, 1, last))
    return wider


def _offsets(looks_at: Int[Tensor, "batch target"], is_true: Tensor) -> Int[Tensor, "batch target"]:
    """Count how far right of the nearest true position each target item looks."""
    positions = torch.arange(is_true.shape[-1], device=is_true.device)
    distance = looks_at[..., None] - positions
    nearest = distance.abs().masked_fill(~is_true, is_true.shape[-1]).argmin(dim=-1, keepdim=True)
    return distance.gather(-1, nearest).squeeze(-1)


def weight_rows(row: AccuracyRow, weights: Weights, batch: Batch) -> list[WeightRow]:
    """List every weight of the first sequence of a batch, with the symbols on both sides."""
    sources, targets = batch.source[0].tolist(), batch.target[0].tolist()
    return [
        WeightRow(
            **stage_columns(row),
            output_item=output + 1,
            target_symbol=targets[output],
            source_item=place + 1,
            source_symbol=sources[place],
            weight=float(f"{weight:.4g}"),  # More digits would be bytes, not facts.
        )
        for output, of_output in enumerate(weights[0].tolist())
        for place, weight in enumerate(of_output)
    ]


def _best_offset(offsets: Int[Tensor, "batch target"]) -> tuple[float, float]:
    values, counts = offsets.unique(return_counts=True)
    best = counts.argmax()
    return float(values[best]), counts[best].item() / offsets.numel()


def _mass(weights: Weights, positions: Tensor) -> float:
    # A sum of rounded weights may exceed 1 in its last digit, which no fraction may.
    return min(1.0, (weights * positions).sum(dim=-1).double().mean().item())


# Interventions.


class _Changed(nn.Module):
    """An attention whose weights are changed before they average the memory."""

    def __init__(self, attention: nn.Module, change: Change) -> None:
        super().__init__()
        self.attention, self.change = attention, change

    def begin(self, memory: Memory) -> Any:
        return self.attention.begin(memory)  # type: ignore[operator]

    def forward(self, query: States, state: Any, memory: Memory) -> tuple[States, Weights, Any]:
        _, weights, state = self.attention(query, state, memory)
        weights = self.change(weights)
        return torch.bmm(weights, memory), weights, state


@torch.no_grad()
def intervention_accuracies(
    model: nn.Module, batch: Batch, truth: Weights, *, generator: torch.Generator
) -> dict[str, Any]:
    """Measure how accurate a model is, teacher-forced, with its weights as they are and changed.

    Args:
        model: In evaluation mode.
        truth: See `alignment_row`.
        generator: Draws the other positions that are masked; on the CPU.

    Returns:
        Accuracies by the names of their columns; nothing for a model whose decoder has no module
        `attention` that averages the memory by its weights.
    """
    decoder = getattr(model, "decoder", None)
    attention = getattr(decoder, "attention", None)
    if not (isinstance(decoder, nn.Module) and isinstance(attention, nn.Module)):
        return {}

    def logits(change: Change) -> Tensor:
        decoder.attention = _Changed(attention, change)
        try:
            return model(batch.source, batch.target_in)
        finally:
            decoder.attention = attention

    intact, calls = model(batch.source, batch.target_in), []

    def unchanged(weights: Weights) -> Weights:
        calls.append(len(weights))
        return weights

    try:
        again = logits(unchanged)
    except Exception:  # Of a plug-in: an attention of another form than ours cannot be wrapped.
        return {}
    # One that is passed by, or averages in another way, would be another model here.
    if not calls or not torch.allclose(again, intact, rtol=1e-3, atol=1e-3):
        return {}
    is_true = truth > 0
    changes: dict[str, Change] = {
        "masked_true_accuracy": partial(_only, ~is_true),
        "masked_other_accuracy": partial(_only, ~_drawn_others(is_true, generator=generator)),
        "top_1_accuracy": partial(_largest, 1),
        "top_4_accuracy": partial(_largest, 4),
        "shifted_accuracy": partial(torch.roll, shifts=1, dims=SOURCES),
    }
    accuracies = {name: _accuracy(logits(change), batch) for name, change in changes.items()}
    return {"intact_accuracy": _accuracy(intact, batch)} | accuracies


def _accuracy(logits: Tensor, batch: Batch) -> float:
    return (logits.argmax(dim=-1) == batch.target).double().mean().item()


def _only(kept: Places, weights: Weights) -> Weights:
    """Set all other weights to 0, and scale those kept so that they sum to 1 again."""
    left = weights * kept
    total = left.sum(dim=SOURCES, keepdim=True)
    # Weights that are sure may leave nothing but 0. Then the places kept share alike.
    alike = kept / kept.sum(dim=SOURCES, keepdim=True).clamp(min=1)
    return torch.where(total > 0, left / total, alike)


def _largest(count: int, weights: Weights) -> Weights:
    top = weights.topk(min(count, weights.shape[SOURCES]), dim=SOURCES).indices
    return _only(torch.zeros_like(weights, dtype=torch.bool).scatter_(SOURCES, top, True), weights)


def _drawn_others(is_true: Places, *, generator: torch.Generator) -> Places:
    """Draw for each target item as many other positions as it has true ones, or all others."""
    counts = is_true.sum(dim=SOURCES, keepdim=True)
    lots = torch.rand(is_true.shape, generator=generator, dtype=torch.float64)
    lots.masked_fill_(is_true, -1.0)
    smallest_drawn = lots.topk(int(counts.max()), dim=SOURCES).values.gather(SOURCES, counts - 1)
    return (lots >= smallest_drawn) & ~is_true
