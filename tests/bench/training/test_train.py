import dataclasses
import math

import pytest
import torch
from torch import nn

from bench.plan.recipe import Recipe
from bench.training.seeding import seeded_initialisation, stream, stream_seed
from bench.training.train import (
    Diverged,
    Trajectory,
    build_optimizer,
    train_stage,
    train_update,
    validate,
)
from models.config import ModelConfig
from models.rnn import Rnn
from models.seq2seq import build_dot, build_plain
from tasks import TASKS
from tasks.sampling import sample_batch

CONFIG = ModelConfig(symbols=4, hidden=16)
COPY = TASKS["copy"]
QUICK = Recipe(
    batch_size=16,
    learning_rate=4e-3,
    stage_budget_updates=30,
    validation_sequences=32,
    validate_every_updates=10,
)


def start(builder=build_plain, *, seed=1, recipe=QUICK):
    with seeded_initialisation(seed):
        model = builder(CONFIG)
    return Trajectory(model, build_optimizer(model, recipe))


def train(trajectory, *, recipe=QUICK, lengths=(6,), budget=30, **options):
    return train_stage(
        trajectory,
        COPY,
        lengths=lengths,
        symbols=4,
        seed=1,
        recipe=recipe,
        budget_updates=budget,
        is_first=True,
        **options,
    )


def batch(*, length=6, batch_size=16, split="train"):
    return sample_batch(
        COPY, stream(1, split, length), batch_size=batch_size, length=length, symbols=4, split=split
    )


def test_stage_ends_at_its_budget_and_counts():
    trajectory = start()
    outcome = train(trajectory)
    assert outcome.stopped_because == "budget"
    assert outcome.updates == trajectory.updates == 30
    assert outcome.tokens == trajectory.tokens == 30 * 16 * 6


def test_solved_stage_ends_early():
    trajectory = start(build_dot)
    outcome = train(trajectory, lengths=(2,), budget=2000)
    assert outcome.stopped_because == "solved"
    assert outcome.updates < 2000
    assert outcome.validation.sequence_accuracy >= QUICK.solved_accuracy


def test_stage_without_progress_ends_on_the_plateau():
    recipe = dataclasses.replace(QUICK, learning_rate=1e-9, plateau_fraction=0.1)
    outcome = train(start(recipe=recipe), recipe=recipe, budget=500)
    assert outcome.stopped_because == "plateau"
    assert outcome.updates == 10 + 500 * 0.1
    nearly_solved = dataclasses.replace(recipe, plateau_accuracy=0.0)
    outcome = train(start(recipe=recipe), recipe=nearly_solved, budget=500)
    assert outcome.stopped_because == "budget"


def test_same_seed_gives_the_same_weights_and_moves_no_global_generator():
    state = torch.random.get_rng_state()
    one, two = start(), start()
    train(one)
    train(two)
    assert torch.equal(torch.random.get_rng_state(), state)
    for left, right in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(left, right)


def test_diverged_loss_is_an_error():
    trajectory = start()
    with torch.no_grad():
        next(trajectory.model.parameters()).fill_(math.nan)
    with pytest.raises(Diverged, match="the loss is nan"):
        train(trajectory)


def test_mixed_stage_meets_all_its_lengths():
    seen = set()

    class Watching(Rnn):
        def forward(self, source, target_in):
            if self.training and torch.is_grad_enabled():
                seen.add(source.shape[1])
            return super().forward(source, target_in)

    train(start(Watching), lengths=(3, 4, 5))
    assert seen == {3, 4, 5}


def test_gradient_is_clipped_after_the_backward_pass():
    """The norm that the optimiser sees is at most the limit, and the limit binds."""
    trajectory = start()
    for parameter in trajectory.model.parameters():
        parameter.data.mul_(20.0)
    norms = []
    trajectory.optimizer.register_step_pre_hook(
        lambda optimizer, *_: norms.append(
            torch.cat([p.grad.flatten() for p in optimizer.param_groups[0]["params"]]).norm().item()
        )
    )
    train_update(trajectory.model, trajectory.optimizer, batch(), clip_norm=0.01)
    assert norms[0] == pytest.approx(0.01, rel=1e-3)


def test_clipping_twin_is_seen(monkeypatch):
    """Clipping before the backward pass would leave the gradient as it is."""
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", lambda *_: None)
    with pytest.raises(AssertionError):
        test_gradient_is_clipped_after_the_backward_pass()


@pytest.mark.parametrize("builder", [build_plain, build_dot, Rnn])
def test_validated_exact_match_is_the_greedy_one(builder):
    """One teacher-forced pass tells how many greedy answers are all correct."""
    trajectory = start(builder)
    train(trajectory, lengths=(3,), budget=60)
    held_out = batch(length=3, batch_size=256, split="validation")
    greedy = (trajectory.model.generate(held_out.source, 3) == held_out.target).all(dim=1)
    validated = validate(trajectory.model, [held_out]).sequence_accuracy
    assert 0.02 < validated < 0.98
    assert validated == pytest.approx(greedy.double().mean().item(), abs=1e-9)


def test_learning_rate_warms_up_once_is_constant_and_falls():
    recipe = Recipe(learning_rate=1e-3, warmup_updates=100, final_fraction=0.1)

    def rate(update, *, is_first):
        return recipe.learning_rate_at(update, length=10, budget_updates=1000, is_first=is_first)

    first = [rate(update, is_first=True) for update in range(1000)]
    assert first[0] == pytest.approx(1e-5)
    assert first[99] == first[100] == pytest.approx(1e-3)
    assert first[-1] == pytest.approx(1e-4)
    assert rate(0, is_first=False) == pytest.approx(1e-3)
    assert first[100:] == sorted(first[100:], reverse=True)


def test_learning_rate_falls_with_the_cube_root_of_the_length():
    recipe = Recipe(learning_rate=1e-3, full_rate_length=30)
    rates = [
        recipe.learning_rate_at(0, length=length, budget_updates=1000, is_first=False)
        for length in (1, 30, 240, 30_000)
    ]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 1e-4])


def test_streams_are_distinct_and_without_the_model():
    names = [(1, "train", 10), (2, "train", 10), (1, "test", 10), (1, "train", 20), (1, "train")]
    assert len({stream_seed(*name) for name in names}) == len(names)


def test_initialisation_changes_the_weights_and_sets_the_forget_bias():
    model = start().model
    recurrent = model.decoder.recurrent
    for gate in recurrent.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)
    forget = (recurrent.bias_ih_l0 + recurrent.bias_hh_l0).chunk(4)[1]
    assert torch.equal(forget, torch.ones(16))
    others = torch.cat([(recurrent.bias_ih_l0 + recurrent.bias_hh_l0).chunk(4)[i] for i in (0, 2)])
    assert torch.equal(others, torch.zeros(32))
    plain = nn.LSTM(8, 16)
    assert not torch.allclose(plain.weight_hh_l0 @ plain.weight_hh_l0.T, torch.eye(64), atol=0.1)


@pytest.mark.parametrize(("field", "value"), [("stage_budget_updates", 0), ("learning_rate", 2.0)])
def test_bad_recipe_is_refused(field, value):
    with pytest.raises(ValueError, match="must"):
        Recipe(**{field: value})
