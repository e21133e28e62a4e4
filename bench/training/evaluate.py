"""Evaluation: one model at one length, on test sequences that nothing else sees."""

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from bench.training.seeding import stream
from bench.training.train import item_loss
from models.entry import ModelEntry
from models.interface import SequenceModel
from tasks.baselines import chance_accuracy
from tasks.sampling import leak_fraction, sample_batch, sources_count
from tasks.task import Task

TEST_SEQUENCES = 1024
STORED_SAMPLES = 4
MOST_CHUNK_SEQUENCES = 128
_CHUNK_NUMBERS = 2**21


@dataclass(frozen=True)
class Answers:
    """A model's answers to the test sequences.

    Attributes:
        source: The test sources.
        target: Their targets.
        answer: Greedy answers, free-running.
        forced_correct: Whether the best item given the true items before it is the right one.
        cross_entropy_bits: Of all items together, given the true items before each.
    """

    source: Int[Tensor, "batch source"]
    target: Int[Tensor, "batch target"]
    answer: Int[Tensor, "batch target"]
    forced_correct: Bool[Tensor, "batch target"]
    cross_entropy_bits: float


def chunk_sequences(length: int, *, hidden: int) -> int:
    """Return how many sequences to answer at a time.

    Decoding reads the whole memory of a chunk at every item, so it has to stay near the caches.
    """
    return max(1, min(MOST_CHUNK_SEQUENCES, _CHUNK_NUMBERS // (length * hidden)))


@torch.no_grad()
def answer_test_sequences(
    model: nn.Module,
    task: Task,
    *,
    length: int,
    symbols: int,
    seed: int,
    chunk_size: int = MOST_CHUNK_SEQUENCES,
) -> Answers:
    """Let a model answer the test sequences of one length, so many at a time."""
    model.eval()
    device = next(model.parameters()).device
    batch = sample_batch(
        task,
        stream(seed, "test", length),
        batch_size=TEST_SEQUENCES,
        length=length,
        symbols=symbols,
        split="test",
    ).to(device)
    answers, forced_correct, nats = [], [], 0.0
    for start in range(0, TEST_SEQUENCES, chunk_size):
        chunk = slice(start, start + chunk_size)
        target = batch.target[chunk]
        logits = model(batch.source[chunk], batch.target_in[chunk])
        nats += item_loss(logits, target, reduction="sum").item()
        forced_correct.append(logits.argmax(dim=-1) == target)
        answers.append(cast(SequenceModel, model).generate(batch.source[chunk], target.shape[1]))
    model.train()
    return Answers(
        source=batch.source,
        target=batch.target,
        answer=torch.cat(answers),
        forced_correct=torch.cat(forced_correct),
        cross_entropy_bits=nats / math.log(2),
    )


def score(
    answers: Answers, task: Task, entry: ModelEntry, *, length: int, symbols: int
) -> dict[str, float | int | None]:
    """Return the score and baseline columns of one record.

    Accuracies are divided by the number of target items, all of which are answered.

    Raises:
        ValueError: If the answers have another number of items than the targets.
    """
    if answers.answer.shape != answers.target.shape:
        asked, given = tuple(answers.target.shape), tuple(answers.answer.shape)
        raise ValueError(f"generate: must answer {asked} items, got {given}")
    correct = answers.answer == answers.target
    sequences, items = correct.shape
    token_accuracy = _mean(correct)
    constant_accuracy = task.constant_accuracy(length, symbols)
    target_bits = task.target_bits(length, symbols)
    cross_entropy_bits = answers.cross_entropy_bits / sequences
    has_sequence_probability = entry.is_autoregressive or not task.has_dependent_items
    return {
        "token_accuracy": token_accuracy,
        "sequence_accuracy": _mean(correct.all(dim=1)),
        "teacher_forced_token_accuracy": _mean(answers.forced_correct),
        "carried_bits": target_bits - cross_entropy_bits if has_sequence_probability else None,
        "target_bits": target_bits,
        "teacher_forced_sequence_accuracy": _mean(answers.forced_correct.all(dim=1)),
        "correct_prefix_items": correct.cumprod(dim=1).sum(dim=1).double().mean().item(),
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
    return truths.double().mean().item()
