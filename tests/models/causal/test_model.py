"""The causal model: its size, what passes, a layer of a user's own, and faults that are caught."""

from functools import partial

import pytest
import torch
from torch import Tensor

from bench.training.seeding import initialise
from models import MODELS
from models.causal.mamba2 import Mamba2
from models.causal.minlstm import MinLstm
from models.causal.model import CausalModel, Recomputed
from models.causal.transformer import SelfAttention
from models.config import ModelConfig
from models.interface import forward_flops, memory_numbers, parameter_count
from tasks.import_path import resolve
from tests.models import checks
from tests.models.causal.test_mixers import CausalMean

CAUSAL = [name for name, entry in MODELS.items() if entry.builder.startswith("models.causal.")]
CHALLENGERS = ["seq2seq+location", *CAUSAL]
NUMBERS = {
    "transformer": 2 * 2 * 64 * 100,
    "transformer-alibi": 2 * 2 * 64 * 100,
    "transformer-nope": 2 * 2 * 64 * 100,
    "mamba2": 2 * (128 * 32 + 3 * (128 + 2 * 32)),
    "gated-deltanet": 2 * (2 * 32 * 32 + 3 * 3 * 64),
    "minlstm": 3 * 64,
}


def model_of(name):
    return initialise(resolve(MODELS[name].builder), ModelConfig(symbols=16), seed=1)


@pytest.mark.parametrize("name", CHALLENGERS)
def test_size_is_that_of_dot_attention_within_a_quarter(name):
    reference = parameter_count(model_of("seq2seq+dot"))
    assert reference == 52_336
    assert 0.75 <= parameter_count(model_of(name)) / reference <= 1.25


def numbers_in(state):
    """The numbers of a batch of one; a cache counts what is filled."""
    if isinstance(state, Tensor):
        return state.numel()
    return sum(numbers_in(part) for part in state if not isinstance(part, int))


@pytest.mark.parametrize("name", CAUSAL)
def test_memory_numbers_are_those_of_the_states_after_the_source(name):
    model = model_of(name)
    _, states = model.run(torch.zeros(1, 100, dtype=torch.int64), None)
    held = [numbers_in(state) for state in states if state is not None]
    assert memory_numbers(model, 100) == sum(held) == NUMBERS[name]


def build_own(config):
    """As the docstring of `CausalModel` has it."""
    mixer = partial(Recomputed, build_layer=CausalMean)
    return CausalModel(config, build_mixers=(mixer, mixer))


@pytest.mark.parametrize(
    "check",
    [
        checks.check_shapes,
        checks.check_no_peeking,
        checks.check_greedy_agrees_with_teacher_forcing,
        checks.check_any_length,
        checks.check_every_parameter_learns,
    ],
)
def test_layer_of_a_user_becomes_a_model(check):
    check(build_own)


def test_layer_of_a_user_is_decoded_by_reading_all_again(monkeypatch):
    read = []
    forward = CausalMean.forward
    monkeypatch.setattr(
        CausalMean, "forward", lambda self, x: read.append(x.shape[1]) or forward(self, x)
    )
    model = build_own(ModelConfig(symbols=4, hidden=8))
    model.generate(torch.zeros(1, 5, dtype=torch.int64), 3)
    assert read == [5, 5, 6, 6, 7, 7, 8, 8]
    assert memory_numbers(model, 5) == 2 * 5 * 8
    assert forward_flops(model, 5, 5) is None  # The layer does not say.


# Planted faults, which the conformance suite has to catch.


class Peeking(SelfAttention):
    """Sees one item ahead."""

    def _mask(self, x, before):
        mask = super()._mask(x, before)
        if mask is None:
            return None
        ahead = torch.ones(mask.shape[-2:], dtype=torch.bool).triu(before + 2)
        return torch.zeros_like(mask).masked_fill(ahead, -torch.inf)


class OverwrittenCache(SelfAttention):
    """Writes each new item over the last one."""

    def forward(self, x, state):
        if state is not None:
            state = state._replace(items=state.items - 1)
        return super().forward(x, state)


class ForgottenConvolution(Mamba2):
    """Goes on with the memory, but not with the last inputs of the convolution."""

    def forward(self, x, state):
        return super().forward(x, None if state is None else (torch.zeros_like(state[0]), state[1]))


class LateState(MinLstm):
    """Gives the state before the last item."""

    def forward(self, x, state):
        y, after = super().forward(x, state)
        return y, after if state is None else state


def faulty(mixer):
    return lambda config: CausalModel(config, build_mixers=(mixer, mixer))


def test_mixer_that_peeks_one_item_ahead_is_caught():
    with pytest.raises(AssertionError, match="must not depend on target_in from there"):
        checks.check_no_peeking(faulty(partial(Peeking, positions="none")))


@pytest.mark.parametrize(
    "mixer", [partial(OverwrittenCache, positions="rotary"), ForgottenConvolution, LateState]
)
def test_mixer_with_a_wrong_cache_is_caught(mixer):
    with pytest.raises(AssertionError, match="must answer with the argmax of forward"):
        checks.check_greedy_agrees_with_teacher_forcing(faulty(mixer))
