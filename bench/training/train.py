"""Training: one stage at a time, by the one recipe."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from bench.plan.recipe import Recipe
from bench.training.failures import Diverged, model_at_work
from bench.training.seeding import stream
from models.interface import Logits, logits_of
from tasks.sampling import Batch, sample_batch
from tasks.task import Task

PROGRESS_EVERY_UPDATES = 10


@dataclass
class Trajectory:
    """One model on its way through its stages; the optimiser's state goes on with it.

    Updates and target tokens are counted over all stages.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    updates: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Validation:
    """Scores on the validation sequences, given the true items before each item."""

    cross_entropy_bits: float
    token_accuracy: float
    sequence_accuracy: float


@dataclass(frozen=True)
class StageOutcome:
    """How a stage ended, and what it took."""

    stopped_because: str
    updates: int
    tokens: int
    seconds: float
    validation: Validation


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Build Adam, with the same settings for every model.

    Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """
    return torch.optim.Adam(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, recipe.beta2), fused=True
    )


def item_loss(
    logits: Float[Tensor, "batch target symbols"],
    target: Int[Tensor, "batch target"],
    *,
    reduction: str = "mean",
) -> Float[Tensor, "..."]:
    """Average the cross-entropy over items, in nats; `reduction="sum"` adds it up."""
    # A mean over items: all sequences of a batch have one length, so no item weighs more than
    # another, and the size of an update does not grow with the length.
    return functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction=reduction)


def train_update(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, *, clip_norm: float
) -> Float[Tensor, ""]:
    """Take one teacher-forced update; the loss is in nats per item.

    Source: Pascanu, Mikolov and Bengio 2013, arXiv:1211.5063, algorithm 1 (clipping).
    """
    optimizer.zero_grad(set_to_none=True)
    loss = item_loss(_logits(model, batch), batch.target)
    loss.backward()
    # Only here: `zero_grad` has emptied the gradient, so clipping any earlier would clip nothing.
    nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    return loss.detach()


def _logits(model: nn.Module, batch: Batch) -> Logits:
    return logits_of(model, batch.source, batch.target_in, symbols=batch.symbols)


@torch.no_grad()
def validate(model: nn.Module, batches: Sequence[Batch]) -> Validation:
    """Score a model on fixed batches, teacher-forced.

    The sequence accuracy is that of greedy decoding too. Up to its first error a greedy answer has
    seen the true items and nothing else. It is therefore all correct exactly when every item is
    correct given the true items before it, and one pass costs far less than decoding.
    """
    # Sums, not a mean of means: stages on several lengths have batches of different sizes, and
    # every item counts alike.
    nats = items = correct_items = correct_sequences = sequences = 0.0
    model.eval()
    for batch in batches:
        with model_at_work(_note_of(batch.source.shape[1], batches)):
            logits = _logits(model, batch)
        correct = logits.argmax(dim=-1) == batch.target
        nats += item_loss(logits, batch.target, reduction="sum").item()
        items += batch.target.numel()
        correct_items += correct.sum().item()
        correct_sequences += correct.all(dim=1).sum().item()
        sequences += len(batch.target)
    model.train()
    return Validation(
        cross_entropy_bits=nats / items / math.log(2),
        token_accuracy=correct_items / items,
        sequence_accuracy=correct_sequences / sequences,
    )


def _note_of(length: int, several: Sequence[object]) -> str:
    """Name the length of a batch where the row of an error may be of another one."""
    return f"in a batch of length {length}" if len(several) > 1 else ""


def train_stage(
    trajectory: Trajectory,
    task: Task,
    *,
    lengths: Sequence[int],
    symbols: int,
    seed: int,
    recipe: Recipe,
    budget_updates: int,
    is_first: bool,
    on_progress: Callable[[int], None] = lambda updates: None,
) -> StageOutcome:
    """Train until solved, until the plateau, or to the budget.

    Args:
        lengths: Source lengths of the stage; every batch has one of them.
        is_first: Whether the model begins here, so that the learning rate warms up.
        on_progress: Called every few updates with the updates of this stage so far.

    Raises:
        Diverged: If the loss is not finite.
        ModelError, ValueError: See `model_at_work` and `logits_of`.
    """
    trajectory.model.train()
    device = next(trajectory.model.parameters()).device
    began = time.perf_counter()

    def batch_of(split: str, generator: torch.Generator, *, length: int, size: int) -> Batch:
        return sample_batch(
            task, generator, batch_size=size, length=length, symbols=symbols, split=split
        ).to(device)

    draw = stream(seed, "train", *lengths)
    # Of each length as many. The stream names no stage: every stage and every model that meets a
    # length is validated on the same sequences of it.
    size = max(1, recipe.validation_sequences // len(lengths))
    with model_at_work():
        validation_batches = [
            batch_of("validation", stream(seed, "validation", length), length=length, size=size)
            for length in lengths
        ]
    second_draw = stream(seed, "second validation", *lengths)

    def second_batch_of(length: int) -> Batch:
        return batch_of("validation", second_draw, length=length, size=size)

    # Of each length the same for every model, and for every stage that meets it.
    kept: dict[int, Batch] = {}
    if recipe.train_sequences is not None:
        with model_at_work():
            kept = {
                length: batch_of(
                    "train",
                    stream(seed, "training set", length),
                    length=length,
                    size=recipe.train_sequences,
                )
                for length in lengths
            }

    def next_batch(length: int) -> Batch:
        if length not in kept:
            return batch_of("train", draw, length=length, size=recipe.batch_size)
        picked = torch.randint(len(kept[length].source), (recipe.batch_size,), generator=draw)
        return kept[length].pick(picked.to(device))

    tokens = 0
    best_bits, best_update = math.inf, 0
    stopped_because = "budget"
    validation = Validation(math.nan, math.nan, math.nan)
    for update in range(budget_updates):
        length = lengths[0]
        if len(lengths) > 1:
            length = lengths[int(torch.randint(len(lengths), (), generator=draw))]
        rate = recipe.learning_rate_at(
            update, length=length, budget_updates=budget_updates, is_first=is_first
        )
        for group in trajectory.optimizer.param_groups:
            group["lr"] = rate
        done = update + 1
        # Reading the loss waits for an accelerator, so not after every update.
        is_read = done % PROGRESS_EVERY_UPDATES == 0 or done == budget_updates
        with model_at_work(_note_of(length, lengths)):
            batch = next_batch(length)
            loss = train_update(
                trajectory.model, trajectory.optimizer, batch, clip_norm=recipe.clip_norm
            )
            if is_read and not torch.isfinite(loss):
                raise Diverged(f"the loss is {loss.item()} after {done} updates of the stage")
        tokens += batch.target.numel()
        if is_read:
            on_progress(done)
        if done % recipe.validate_every_updates == 0 or done == budget_updates:
            validation = validate(trajectory.model, validation_batches)
            if validation.sequence_accuracy >= recipe.solved_accuracy:
                # A score that was waited for is above the model's own. So a stage is solved only
                # if sequences of a second draw, new at each try, say so too.
                second = validate(trajectory.model, [*map(second_batch_of, lengths)])
                if second.sequence_accuracy >= recipe.solved_accuracy:
                    validation, stopped_because = second, "solved"
                    break
            # Cross-entropy falls long before an answer is all correct: it shows progress.
            if validation.cross_entropy_bits < best_bits * (1 - recipe.plateau_fall):
                best_bits, best_update = validation.cross_entropy_bits, done
            is_flat = done - best_update >= recipe.plateau_fraction * budget_updates
            if is_flat and validation.sequence_accuracy < recipe.plateau_accuracy:
                stopped_because = "plateau"
                break
    # The last update may have spoilt what the loss before it does not show.
    if not math.isfinite(validation.cross_entropy_bits):
        raise Diverged("the validation loss is not finite")
    trajectory.updates += done
    trajectory.tokens += tokens
    return StageOutcome(
        stopped_because=stopped_because,
        updates=done,
        tokens=tokens,
        seconds=time.perf_counter() - began,
        validation=validation,
    )
