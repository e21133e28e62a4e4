"""How much each source position moves each output item: by gradient, by occlusion, in the context.

All of it teacher-forced: what the model wrote before does not depend on what is changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.interface import context
from tasks.sampling import Batch

Positions = Int[Tensor, " positions"]


def spread_positions(length: int, *, most: int) -> Positions:
    """Return at most so many positions, evenly spread, the same from either end."""
    if length <= most:
        return torch.arange(length)
    pairs = most // 2
    left = [round(index * (length - 1) / (2 * pairs - 1)) for index in range(pairs)]
    return torch.tensor(sorted({*left, *(length - 1 - position for position in left)}))


@torch.no_grad()
def occlusion_effects(
    model: nn.Module, batch: Batch, positions: Positions, *, generator: torch.Generator
) -> Float[Tensor, "batch target positions"]:
    """Return what each target item loses when one source item is another symbol.

    Args:
        positions: Source positions, each replaced alone by one of the other symbols.
        generator: Draws the other symbols; on the CPU.

    Returns:
        Nats of log-probability of the true target item: above 0 where the source item helped.
    """
    before = _true_log_probability(model, batch.source, batch)
    effects = []
    for position in positions.tolist():
        shift = torch.randint(1, batch.symbols, (len(batch.source),), generator=generator)
        occluded = batch.source.clone()
        occluded[:, position] += shift.to(occluded.device)
        occluded[:, position] %= batch.symbols
        effects.append(before - _true_log_probability(model, occluded, batch))
    return torch.stack(effects, dim=-1)


def _true_log_probability(
    model: nn.Module, source: Int[Tensor, "batch source"], batch: Batch
) -> Float[Tensor, "batch target"]:
    logits = model(source, batch.target_in)
    return logits.log_softmax(dim=-1).gather(-1, batch.target[..., None]).squeeze(-1)


def margin_gradients(
    model: nn.Module, batch: Batch, outputs: Positions
) -> Float[Tensor, "batch outputs source"] | None:
    """Return how steeply each output's margin rises with each source embedding.

    The margin is the true item's logit less the largest of the others: unlike a log-probability,
    it keeps a slope where the item is solved.

    Args:
        outputs: Target positions.

    Returns:
        Norms of the gradients; None for a model that looks no source item up in an `Embedding`.
    """
    with _embedded(model, batch.source) as found:
        logits = model(batch.source, batch.target_in)
    if not found:
        return None
    margins = _margins(logits, batch.target)
    norms = [
        _norms(torch.autograd.grad(margins[:, output].sum(), found, retain_graph=True), batch)
        for output in outputs.tolist()
    ]
    return torch.stack(norms, dim=1)


def _margins(
    logits: Float[Tensor, "batch target symbols"], target: Int[Tensor, "batch target"]
) -> Float[Tensor, "batch target"]:
    true = logits.gather(-1, target[..., None])
    others = logits.scatter(-1, target[..., None], float("-inf"))
    return true.squeeze(-1) - others.amax(dim=-1)


def context_norms(model: nn.Module, batch: Batch) -> Float[Tensor, "batch source"] | None:
    """Return the norm of the derivative of the context to each source embedding.

    Returns:
        Frobenius norms; None for a model that names no context.
    """
    with _embedded(model, batch.source) as found:
        numbers = context(model, batch.source)
    if numbers is None or not found:
        return None
    squares = torch.zeros(batch.source.shape, device=batch.source.device)
    for index in range(numbers.shape[1]):
        gradients = torch.autograd.grad(numbers[:, index].sum(), found, retain_graph=True)
        squares += _norms(gradients, batch).square()
    return squares.sqrt()


def _norms(gradients: tuple[Tensor, ...], batch: Batch) -> Float[Tensor, "batch source"]:
    """Return the norm at each source position, over all the tables that looked it up."""
    length = batch.source.shape[1]
    return torch.cat([each[:, :length] for each in gradients], dim=-1).norm(dim=-1)


@contextmanager
def _embedded(model: nn.Module, source: Int[Tensor, "batch source"]) -> Iterator[list[Tensor]]:
    """Collect the embeddings of the source, of each table that looks it up, alone or in front."""
    found: list[Tensor] = []

    def collect(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        (items,) = inputs
        # A table of positions may be looked up with one row for the whole batch.
        if items.dim() == 2 and torch.equal(items[:, : source.shape[1]], source):
            found.append(output)

    tables = [each for each in model.modules() if isinstance(each, nn.Embedding)]
    hooks = [table.register_forward_hook(collect) for table in tables]
    try:
        # The recurrent layers of cuDNN have no gradient outside of training.
        with torch.backends.cudnn.flags(enabled=False):
            yield found
    finally:
        for hook in hooks:
            hook.remove()
