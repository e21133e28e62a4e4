"""Evaluation: one model at one length, on test sequences that nothing else sees."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from bench.training.failures import Diverged, model_at_work
from bench.training.seeding import seeded_model, stream
from bench.training.train import item_loss
from models.entry import ModelEntry
from models.interface import answers_of, logits_of
from tasks.baselines import chance_accuracy
from tasks.sampling import Batch, leak_fraction, sample_batch, sources_count
from tasks.task import Task

TEST_SEQUENCES = 1024  # The standard error of a sequence accuracy is then .016 at most.
STORED_SAMPLES = 4
MOST_CHUNK_SEQUENCES = 128
_CHUNK_NUMBERS = 2**21


@dataclass(frozen=True)
class Answers:
    """A model's answers to the test sequences of one length.

    Attributes:
        answer: Greedy and free-running: the model reads its own items.
        forced_correct: Whether an item is right given the true items before it.
        cross_entropy_bits: Of all items together, given the true items before each.
    """

    source: Int[Tensor, "batch source"]
    target: Int[Tensor, "batch target"]
    answer: Int[Tensor, "batch target"]
    forced_correct: Bool[Tensor, "batch target"]
    cross_entropy_bits: float


def chunk_sequences(length: int, *, hidden: int) -> int:
    """Choose how many sequences are answered at a time."""
    # Decoding reads the memory of all sequences at every item, so it has to stay near the caches.
    # At state 128 and length 200, chunks of 64 took 3.1 s, and chunks of 128 took 5.3 s.
    return max(1, min(MOST_CHUNK_SEQUENCES, _CHUNK_NUMBERS // (length * hidden)))


def answer_test_sequences(
    model: nn.Module,
    task: Task,
    *,
    length: int,
    symbols: int,
    seed: int,
    chunk_size: int = MOST_CHUNK_SEQUENCES,
) -> Answers:
    """Answer the test sequences of one length, free-running and teacher-forced.

    Raises:
        Diverged: If the loss is not finite.
        ModelError, ValueError: See `model_at_work`, `logits_of` and `answers_of`.
    """
    with torch.no_grad(), model_at_work():
        device = next(model.parameters()).device
        batch = sample_batch(
            task,
            stream(seed, "test", length),
            batch_size=TEST_SEQUENCES,
            length=length,
            symbols=symbols,
            split="test",
        ).to(device)
        # Seeded by the length: a model that draws while it answers does so alike in each attempt,
        # and when it is probed.
        with seeded_model(seed, "answers", length):
            answers, forced_correct, nats = _answer(model.eval(), batch, chunk_size=chunk_size)
        model.train()
    if not math.isfinite(nats):
        raise Diverged(f"the loss on the test sequences is {nats}")
    return Answers(
        source=batch.source,
        target=batch.target,
        answer=answers,
        forced_correct=forced_correct,
        cross_entropy_bits=nats / math.log(2),
    )


def _answer(model: nn.Module, batch: Batch, *, chunk_size: int) -> tuple[Tensor, Tensor, float]:
    """Answer a batch in chunks; see `Answers` for the answers, what is right, and nats."""
    chunks = [slice(at, at + chunk_size) for at in range(0, len(batch.source), chunk_size)]
    # All answers come first: what a model keeps of a call, it has not seen the true items yet.
    # `generate` is not shown the target, only its length: there is no end symbol, so an answer
    # cannot be wrong by stopping early.
    length = batch.target.shape[1]
    answers = [
        answers_of(model, batch.source[chunk], length, symbols=batch.symbols) for chunk in chunks
    ]
    forced_correct, nats = [], 0.0
    for chunk in chunks:
        target = batch.target[chunk]
        logits = logits_of(
            model, batch.source[chunk], batch.target_in[chunk], symbols=batch.symbols
        )
        # Sums, since the last chunk may be smaller; Python adds them up in double precision.
        nats += item_loss(logits, target, reduction="sum").item()
        forced_correct.append(logits.argmax(dim=-1) == target)
    return torch.cat(answers), torch.cat(forced_correct), nats


def score(
    answers: Answers, task: Task, entry: ModelEntry, *, length: int, symbols: int
) -> dict[str, float | int | None]:
    """Compute the score and baseline columns of one record."""
    # Every accuracy is divided by the number of target items, never by that of answered ones.
    correct = answers.answer == answers.target
    sequences, items = correct.shape
    token_accuracy = _mean(correct)
    prefix_items = correct.cumprod(dim=1).sum(dim=1).double().mean().item()
    constant_accuracy = task.constant_accuracy(length, symbols)
    target_bits = task.target_bits(length, symbols)
    cross_entropy_bits = answers.cross_entropy_bits / sequences
    # The chain rule makes item probabilities the probability of a sequence only if each is given
    # the items before it, or if items are independent. Elsewhere the bits would mean nothing.
    has_sequence_probability = entry.is_autoregressive or not task.has_dependent_items
    return {
        "token_accuracy": token_accuracy,
        "sequence_accuracy": _mean(correct.all(dim=1)),
        "teacher_forced_token_accuracy": _mean(answers.forced_correct),
        # A model that knows nothing of the source pays at least the entropy of the target. What a
        # model pays less has come from the source.
        "carried_bits": target_bits - cross_entropy_bits if has_sequence_probability else None,
        "target_bits": target_bits,
        "teacher_forced_sequence_accuracy": _mean(answers.forced_correct.all(dim=1)),
        "correct_prefix_items": prefix_items,
        "prefix_accuracy": prefix_items / items,
        "cross_entropy_bits": cross_entropy_bits / items,
        "normalised_accuracy": (token_accuracy - constant_accuracy) / (1 - constant_accuracy),
        "chance_accuracy": chance_accuracy(symbols),
        "constant_accuracy": constant_accuracy,
        "repeat_accuracy": task.repeat_accuracy(length, symbols),
        "causal_ceiling_accuracy": (
            task.ceiling_accuracy(length, symbols) if entry.is_causal else None
        ),
        "test_sequences": sequences,
        "distinct_sources": sources_count(length, symbols),
        "leak_fraction": leak_fraction(length, symbols),
    }


def _mean(truths: Bool[Tensor, "..."]) -> float:
    return truths.double().mean().item()  # Float32 would round the means of many items.
