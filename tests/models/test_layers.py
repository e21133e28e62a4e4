"""`--layers`: every model of several layers meets the checks, and its state has all of them."""

from dataclasses import replace

import pytest
import torch

from models import MODELS
from models.config import CELLS
from models.recurrent import RecurrentState, join_directions, state_numbers, state_of
from tasks.import_path import resolve
from tests.models import checks

LAYERS = 3


def deep(name, **changes):
    """The builder of a model of three layers, whatever sizes it is asked for."""
    build = resolve(MODELS[name].builder)
    return lambda config: build(replace(config, layers=LAYERS, **changes))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "check",
    [
        checks.check_every_parameter_learns,
        checks.check_no_peeking,
        checks.check_greedy_agrees_with_teacher_forcing,
    ],
)
def test_every_model_of_three_layers_meets_the_contract(name, check):
    check(deep(name))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("encoder", ["bi", "uni"])
@pytest.mark.parametrize("name", ["rnn", "seq2seq"])
def test_what_passes_is_the_state_of_all_layers(name, encoder, cell):
    of_one, of_three = (
        checks.build(
            lambda config, layers=layers: resolve(MODELS[name].builder)(
                replace(config, layers=layers, cell=cell, encoder=encoder)
            )
        )
        for layers in (None, LAYERS)
    )
    source = checks.batch_of().source
    assert of_three.memory_numbers(7) == LAYERS * of_one.memory_numbers(7)
    assert of_three.context(source).shape == (len(source), of_three.memory_numbers(7))
    assert of_three.flops(7, 7) > of_one.flops(7, 7)


@pytest.mark.parametrize("has_cell", [True, False])
def test_numbers_of_a_state_are_laid_out_and_back_layer_by_layer(has_cell):
    def state(fill):
        return torch.stack([torch.full((2, 4), fill + layer) for layer in range(LAYERS)])

    states: RecurrentState = (state(0.1), state(0.5)) if has_cell else state(0.1)
    numbers = state_numbers(states)
    again = state_of(numbers, like=states)
    bounded = torch.tanh(state(0.1))
    torch.testing.assert_close(again[0] if has_cell else again, bounded)
    if has_cell:
        torch.testing.assert_close(again[1], state(0.5))


def test_directions_are_joined_within_their_layer():
    # In the order of torch: layer 0 forwards, layer 0 backwards, layer 1 forwards, ...
    state = torch.arange(6.0)[:, None, None].expand(6, 2, 1)
    joined = join_directions(state, layers=LAYERS)
    assert joined[:, 0].tolist() == [[0, 1], [2, 3], [4, 5]]
