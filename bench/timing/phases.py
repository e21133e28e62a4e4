"""What one call of each phase is, as it is timed: a training step, a forward pass, a decoding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench.plan.recipe import Recipe
from bench.training.building import build_model
from bench.training.seeding import stream
from bench.training.train import build_optimizer, train_update
from models.config import ModelConfig
from models.interface import SequenceModel, forward_flops
from results.schema.rows import FORWARD_PASSES_PER_UPDATE
from tasks import TASKS
from tasks.sampling import Batch, sample_batch

_TASK = TASKS["copy"]  # Speed does not depend on which symbols the batch holds.
_PASSES = {"train_step": FORWARD_PASSES_PER_UPDATE, "forward": 1, "decode": 1}


@dataclass(frozen=True)
class Phase:
    """One phase of one model on one batch, ready to be called again and again.

    Attributes:
        call: Does it once.
        model: The model that it works on.
        flops: Floating-point operations of a call; None if the model does not say. A training step
            counts three forward passes; decoding does what a forward pass does, item by item.
    """

    call: Callable[[], Tensor]
    model: nn.Module
    flops: int | None


def prepare(
    phase: str,
    builder: str,
    *,
    config: ModelConfig,
    length: int,
    batch_size: int,
    device: str,
) -> Phase:
    """Build a model, and for training its optimiser, and draw a batch; compile what is compiled."""
    model = build_model(builder, config, seed=0, device=device)
    batch = sample_batch(
        _TASK,
        stream(0, "throughput", length),
        batch_size=batch_size,
        length=length,
        symbols=config.symbols,
        split="train",
    ).to(device)
    flops = forward_flops(model, length, batch.target.shape[1])
    return Phase(
        call=_CALLS[phase](model, batch),
        model=model,
        flops=None if flops is None else flops * batch_size * _PASSES[phase],
    )


def _train_step(model: nn.Module, batch: Batch) -> Callable[[], Tensor]:
    recipe = Recipe()
    optimizer = build_optimizer(model, recipe)
    return lambda: train_update(model, optimizer, batch, clip_norm=recipe.clip_norm)


def _forward(model: nn.Module, batch: Batch) -> Callable[[], Tensor]:
    def call() -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(batch.source, batch.target_in)
        return logits

    return call


def _decode(model: nn.Module, batch: Batch) -> Callable[[], Tensor]:
    return lambda: cast(SequenceModel, model).generate(batch.source, batch.target.shape[1])


_CALLS: dict[str, Callable[[nn.Module, Batch], Callable[[], Tensor]]] = {
    "train_step": _train_step,
    "forward": _forward,
    "decode": _decode,
}
