"""Stages end as the recipe says, count what they took, and give the same weights again."""

import dataclasses
import math

import pytest
import torch

from bench.plan.recipe import Recipe
from bench.training import train as train_module
from bench.training.seeding import seeded_initialisation, stream, stream_seed
from bench.training.train import (
    Trajectory,
    Validation,
    build_optimizer,
    train_stage,
    train_update,
    validate,
)
from models.config import ModelConfig
from models.rnn import Rnn
from models.seq2seq import build_dot, build_plain
from tasks import TASKS
from tasks.sampling import belongs_to, sample_batch
from tests.plugins.broken import Noisy

CONFIG = ModelConfig(symbols=4, hidden=16)
QUICK = Recipe(
    batch_size=16,
    learning_rate=4e-3,
    stage_budget_updates=30,
    validation_sequences=32,
    validate_every_updates=10,
)


def start(builder=build_plain, *, recipe=QUICK):
    with seeded_initialisation(1):
        model = builder(CONFIG)
    return Trajectory(model, build_optimizer(model, recipe))


def train(trajectory, *, recipe=QUICK, lengths=(6,), budget=30):
    return train_stage(
        trajectory,
        TASKS["copy"],
        lengths=lengths,
        symbols=4,
        seed=1,
        recipe=recipe,
        budget_updates=budget,
        is_first=True,
    )


def held_out(length):
    return sample_batch(
        TASKS["copy"],
        stream(1, "validation", length),
        batch_size=256,
        length=length,
        symbols=4,
        split="validation",
    )


# How a stage ends.


def test_stage_ends_at_its_budget_solved_or_on_the_plateau():
    trajectory = start()
    outcome = train(trajectory)
    assert outcome.stopped_because == "budget"
    assert outcome.updates == trajectory.updates == 30
    assert outcome.tokens == trajectory.tokens == 30 * 16 * 6
    outcome = train(start(build_dot), lengths=(2,), budget=2000)
    assert outcome.stopped_because == "solved"
    assert outcome.updates < 2000
    assert outcome.validation.sequence_accuracy >= QUICK.solved_accuracy
    recipe = dataclasses.replace(QUICK, learning_rate=1e-9, plateau_fraction=0.1)
    outcome = train(start(recipe=recipe), recipe=recipe, budget=200)
    assert (outcome.stopped_because, outcome.updates) == ("plateau", 10 + 200 * 0.1)
    # A stage that is nearly solved goes on to its budget.
    nearly_solved = dataclasses.replace(recipe, plateau_accuracy=0.0)
    outcome = train(start(recipe=recipe), recipe=nearly_solved, budget=200)
    assert outcome.stopped_because == "budget"


@pytest.mark.parametrize("second", [0.97, 1.0])
def test_a_stage_is_solved_only_if_a_second_draw_says_so(monkeypatch, second):
    seen = []

    def score(model, batches):
        seen.append(batches[0].source)
        is_first = torch.equal(batches[0].source, seen[0])
        return Validation(0.1, 1.0, 1.0 if is_first else second)

    monkeypatch.setattr("bench.training.train.validate", score)
    outcome = train(start())
    assert outcome.stopped_because == ("solved" if second == 1.0 else "budget")
    second_draws = seen[1::2]
    assert len(second_draws) == (1 if second == 1.0 else 3)
    assert all(not torch.equal(draw, second_draws[0]) for draw in second_draws[1:])


# Streams.


def test_same_seed_gives_the_same_weights_and_moves_no_global_generator():
    state = torch.random.get_rng_state()
    one, two = start(), start()
    train(one)
    train(two)
    assert torch.equal(torch.random.get_rng_state(), state)
    for left, right in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(left, right)


def test_streams_are_distinct_and_stay_as_they_are():
    names = [(1, "train", 10), (2, "train", 10), (1, "test", 10), (1, "train", 20), (1, "train")]
    assert len({stream_seed(*name) for name in names}) == len(names)
    assert stream_seed(1, "train", 10) == 3873756139075444150


def test_mixed_stage_meets_all_its_lengths():
    seen = set()

    class Watching(Rnn):
        def forward(self, source, target_in):
            if self.training and torch.is_grad_enabled():
                seen.add(source.shape[1])
            return super().forward(source, target_in)

    train(start(Watching), lengths=(3, 4, 5))
    assert seen == {3, 4, 5}


# Validation.


def test_a_limited_set_of_training_sequences_is_the_same_for_every_model(monkeypatch):
    def sources_of(builder, *, kept):
        seen = []
        monkeypatch.setattr(
            train_module,
            "train_update",
            lambda *arguments, **others: (
                seen.append(arguments[2].source) or train_update(*arguments, **others)
            ),
        )
        recipe = dataclasses.replace(QUICK, train_sequences=kept)
        train(start(builder, recipe=recipe), recipe=recipe, lengths=(6, 9))
        return [{tuple(row.tolist()) for row in each} for each in seen]

    batches = sources_of(build_plain, kept=5)
    assert batches == sources_of(build_dot, kept=5)
    of_length = [{row for batch in batches for row in batch if len(row) == n} for n in (6, 9)]
    assert [*map(len, of_length)] == [5, 5]
    for n, rows in zip((6, 9), of_length, strict=True):
        sources = torch.tensor(sorted(rows))
        assert belongs_to(sources, symbols=4, split="train").all(), n
    assert len(set().union(*sources_of(build_plain, kept=None))) > 100


@pytest.mark.parametrize("builder", [build_plain, build_dot, Rnn])
def test_validated_exact_match_is_the_greedy_one(builder):
    """One teacher-forced pass says how many greedy answers are all correct."""
    trajectory, batch = start(builder), held_out(3)
    train(trajectory, lengths=(3,), budget=60)
    greedy = (trajectory.model.generate(batch.source, 3) == batch.target).all(dim=1)
    validated = validate(trajectory.model, [batch]).sequence_accuracy
    assert 0.02 < validated < 0.98
    assert validated == pytest.approx(greedy.double().mean().item(), abs=1e-9)


def test_validation_weighs_every_item_alike_and_leaves_out_a_regulariser():
    model, batches = start(Noisy).model, [held_out(2), held_out(5)]
    validation = validate(model, batches)
    assert model.training
    model.eval()
    nats, items, right = 0.0, 0, 0
    for batch in batches:
        logits = model(batch.source, batch.target_in).double()
        nats -= logits.log_softmax(dim=-1).gather(2, batch.target[..., None]).sum().item()
        right += (logits.argmax(dim=-1) == batch.target).sum().item()
        items += batch.target.numel()
    assert validation.cross_entropy_bits == pytest.approx(nats / items / math.log(2), rel=1e-5)
    assert validation.token_accuracy == pytest.approx(right / items)
