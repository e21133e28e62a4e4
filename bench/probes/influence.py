"""How much each source position moves each output item: by gradient, by occlusion, in the context.

All of it is teacher-forced. Free-running, a changed item would also change what the model reads
of its own answer, and later items would move for that reason.
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
    """Spread at most `most` positions evenly, the same from either end."""
    if length <= most:
        return torch.arange(length)
    # The left half is mirrored. Rounding both halves would favour one end, and which end has the
    # larger influence is what is measured.
    pairs = most // 2
    left = [round(index * (length - 1) / (2 * pairs - 1)) for index in range(pairs)]
    return torch.tensor(sorted({*left, *(length - 1 - position for position in left)}))


@torch.no_grad()
def occlusion_effects(
    model: nn.Module, batch: Batch, positions: Positions, *, generator: torch.Generator
) -> Float[Tensor, "batch target positions"]:
    """Measure what each target item loses when one source item is another symbol.

    Args:
        positions: Source positions, each replaced alone.
        generator: Draws the other symbols; on the CPU.

    Returns:
        Nats of log-probability of the true target item: above 0 where the source item helped.
    """
    # Another symbol, not an empty item: models have never read an empty one, and what they make
    # of it would not be an effect of the item that is missing.
    before = _true_log_probability(model, batch.source, batch)
    effects = []
    for position in positions.tolist():
        # From 1: a symbol is never replaced by itself. All others are equally likely.
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
    """Measure how steeply each output's margin rises with each source embedding.

    The margin is the true item's logit less the largest of the others. Unlike a log-probability
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
    true = logits.gather(-1, batch.target[..., None]).squeeze(-1)
    others = logits.scatter(-1, batch.target[..., None], float("-inf"))
    margins = true - others.amax(dim=-1)
    # Sequences of a batch do not depend on one another, so one pass serves all of them.
    norms = [
        _norms(torch.autograd.grad(margins[:, output].sum(), found, retain_graph=True), batch)
        for output in outputs.tolist()
    ]
    return torch.stack(norms, dim=1)


def context_norms(model: nn.Module, batch: Batch) -> Float[Tensor, "batch source"] | None:
    """Measure the Frobenius norm of the context's derivative to each source embedding.

    Returns:
        Norms; None for a model that names no context.
    """
    with _embedded(model, batch.source) as found:
        numbers = context(model, batch.source)
    if numbers is None or not found:
        return None
    # Autograd differentiates one number of the context at a time.
    squares = torch.zeros(batch.source.shape, device=batch.source.device)
    for index in range(numbers.shape[1]):
        gradients = torch.autograd.grad(numbers[:, index].sum(), found, retain_graph=True)
        squares += _norms(gradients, batch).square()
    return squares.sqrt()


def _norms(gradients: tuple[Tensor, ...], batch: Batch) -> Float[Tensor, "batch source"]:
    """Take the norm at each source position, over all the tables that looked it up."""
    # `rnn` looks up source and answer in one go; the source comes first.
    length = batch.source.shape[1]
    return torch.cat([each[:, :length] for each in gradients], dim=-1).norm(dim=-1)


@contextmanager
def _embedded(model: nn.Module, source: Int[Tensor, "batch source"]) -> Iterator[list[Tensor]]:
    """Collect the embeddings of the source, from each table that looks it up."""
    # Found by hooks, so that any model can be probed that uses an `Embedding`.
    found: list[Tensor] = []

    def collect(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        (items,) = inputs
        # A table of positions may be looked up with one row for the whole batch.
        if items.dim() == 2 and torch.equal(items[:, : source.shape[1]], source):
            found.append(output)

    tables = [each for each in model.modules() if isinstance(each, nn.Embedding)]
    hooks = [table.register_forward_hook(collect) for table in tables]
    try:
        # The recurrent layers of cuDNN have no gradient in evaluation mode.
        with torch.backends.cudnn.flags(enabled=False):
            yield found
    finally:
        for hook in hooks:
            hook.remove()
