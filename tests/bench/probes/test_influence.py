"""Occlusion, gradients and the context, against slow references of every model."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from bench.probes.influence import (
    context_norms,
    margin_gradients,
    occlusion_effects,
    spread_positions,
)
from bench.training.seeding import seeded_initialisation, stream
from models import MODELS
from models.config import CELLS, ModelConfig
from models.interface import context
from tasks import TASKS
from tasks.import_path import resolve
from tasks.sampling import sample_batch
from tests.models.checks import RECURRENT
from tests.plugins.broken import Raising
from tests.plugins.planted import WithoutTable, WithPlaces

LENGTH = 6
SYMBOLS = 4
# A channel draws noise at every call, or has no derivative.
WITHOUT_CHANNEL = [name for name, entry in MODELS.items() if not entry.reads]
WITH_CONTEXT = [name for name in RECURRENT if name != "rnn-aligned"]


def built(builder, *, symbols=SYMBOLS, hidden=8, **choices):
    with seeded_initialisation(1):
        # So little noise that an effect is the model's.
        channel = {"channel_numbers": 8, "channel_snr": 1e12}
        return builder(ModelConfig(symbols=symbols, hidden=hidden, **channel, **choices))


def model_of(name, **sizes):
    return built(resolve(MODELS[name].builder), **sizes)


def batch_of(task="reverse", *, length=LENGTH, symbols=SYMBOLS, batch_size=5):
    return sample_batch(
        TASKS[task],
        stream(1, "influence", length),
        batch_size=batch_size,
        length=length,
        symbols=symbols,
        split="train",
    )


def occlusion_of(model, batch):
    positions = torch.arange(batch.source.shape[1])
    return occlusion_effects(model, batch, positions, generator=stream(1, "occlusion"))


def gradients_of(model, batch):
    return margin_gradients(model, batch, torch.arange(batch.target.shape[1]))


# Spread positions.


@given(length=st.integers(1, 100_000), most=st.integers(1, 11).map(lambda half: 2 * half))
def test_positions_are_spread_evenly_and_alike_from_either_end(length, most):
    found = spread_positions(length, most=most)
    assert len(found) == min(length, most)
    assert (found[0], found[-1]) == (0, length - 1)
    assert torch.equal(found, length - 1 - found.flip(0))
    steps = found.diff()
    assert len(steps) == 0 or 0 < steps.min() >= steps.max() - 2


# Occlusion. Its effects: those planted in models, in `test_worker`.


class Recording(nn.Module):
    """Keeps the sources that it is shown."""

    def __init__(self):
        super().__init__()
        self.sources = []

    def forward(self, source, target_in):
        self.sources.append(source.clone())
        return torch.zeros(*target_in.shape, SYMBOLS)


def test_occlusion_puts_any_other_symbol_in_one_place():
    model, batch = Recording(), batch_of(batch_size=64)
    before = batch.source.clone()
    occlusion_of(model, batch)
    whole, *occluded = model.sources
    assert torch.equal(whole, before)
    assert torch.equal(batch.source, before)
    assert len(occluded) == LENGTH
    for position, source in enumerate(occluded):
        is_other = source != before
        assert is_other[:, position].all()
        assert is_other.sum() == len(source)
        shifts = (source - before)[:, position] % SYMBOLS
        assert set(shifts.tolist()) == set(range(1, SYMBOLS))


# Gradients of the margin.


def table_of(model):
    """Find the table in which a model of the matrix looks its source up."""
    return model.encoder.embedding if hasattr(model, "encoder") else model.embedding


def margins(logits, target):
    return [
        [
            scores[true] - max(score for item, score in enumerate(scores) if item != true)
            for scores, true in zip(row, trues, strict=True)
        ]
        for row, trues in zip(logits.tolist(), target.tolist(), strict=True)
    ]


@torch.no_grad()
def finite_differences(model, batch, *, step=1e-6):
    """Compute the norms of the slopes of all margins, one number of an embedding at a time."""
    table = table_of(model)
    squares = torch.zeros(*batch.target.shape, batch.source.shape[1], dtype=torch.float64)
    for position in range(batch.source.shape[1]):
        for number in range(table.embedding_dim):
            ends = []
            for change in (step, -step):

                def nudge(module, inputs, output, at=(position, number), change=change):
                    output[:, at[0], at[1]] += change

                hook = table.register_forward_hook(nudge)
                logits = model(batch.source, batch.target_in)
                ends.append(torch.tensor(margins(logits, batch.target), dtype=torch.float64))
                hook.remove()
            squares[..., position] += ((ends[0] - ends[1]) / (2 * step)).square()
    return squares.sqrt()


@pytest.mark.parametrize(
    ("name", "choices"),
    [*((name, {}) for name in WITHOUT_CHANNEL), *(("seq2seq", {"cell": cell}) for cell in CELLS)],
    ids=str,
)
def test_margin_gradients_agree_with_finite_differences(name, choices):
    model, batch = model_of(name, hidden=8, **choices).double(), batch_of(length=3)
    expected = finite_differences(model, batch)
    assert expected.max() > 1e-4
    torch.testing.assert_close(gradients_of(model, batch), expected, atol=1e-6, rtol=1e-3)
    some = margin_gradients(model, batch, torch.tensor([0, 2]))
    torch.testing.assert_close(some, expected[:, [0, 2]], atol=1e-6, rtol=1e-3)


# The context.


def context_jacobian(model, batch, row):
    """Compute the derivative of the context of one row to its embeddings, of all its numbers."""
    source, table = batch.source[row : row + 1], table_of(model)

    def context_of(embedded):
        hook = table.register_forward_hook(lambda *call: embedded[None])
        numbers = context(model, source)[0]
        hook.remove()
        return numbers

    with torch.no_grad():
        embedded = table(source)[0]
    return torch.autograd.functional.jacobian(context_of, embedded)


@pytest.mark.parametrize("name", WITH_CONTEXT)
def test_context_norms_are_those_of_the_whole_jacobian(name):
    model, batch = model_of(name), batch_of(batch_size=3)
    norms = context_norms(model, batch)
    for row in range(len(batch.source)):
        expected = context_jacobian(model, batch, row).square().sum(dim=(0, 2)).sqrt()
        torch.testing.assert_close(norms[row], expected, atol=1e-6, rtol=1e-4)


# What a model does not say, and what a probe leaves behind.


def test_what_a_model_does_not_have_is_none():
    assert context_norms(model_of("rnn-aligned"), batch_of()) is None
    model, batch = built(WithoutTable), batch_of("copy")
    assert gradients_of(model, batch) is None
    model.context = lambda source: torch.zeros(len(source), 3)
    assert context_norms(model, batch) is None
    assert occlusion_of(model, batch).abs().max() > 1e-3


def test_table_of_places_is_not_one_of_items():
    norms = gradients_of(built(WithPlaces), batch_of("copy"))
    assert torch.equal(norms > 0, torch.eye(LENGTH, dtype=torch.bool).expand_as(norms))


@pytest.mark.parametrize("name", WITHOUT_CHANNEL)
def test_probes_leave_the_model_and_the_global_generator_as_they_were(name):
    model, batch = model_of(name), batch_of()
    parameters, state = copy.deepcopy(model.state_dict()), torch.random.get_rng_state()
    for probe in (occlusion_of, gradients_of, context_norms):
        probe(model, batch)
    assert torch.equal(torch.random.get_rng_state(), state)
    for key, value in model.state_dict().items():
        assert torch.equal(value, parameters[key]), key
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.backends.cudnn.enabled
    raising = built(Raising)
    with pytest.raises(ValueError, match="is too long"):
        gradients_of(raising, batch)
    assert not any(module._forward_hooks for module in raising.modules())


@pytest.mark.parametrize("name", MODELS)
def test_only_a_causal_model_has_no_effect_on_earlier_outputs(name):
    """Exactly none, by both measures, and some on the output at the same position."""
    is_early = torch.ones(LENGTH, LENGTH).triu(1).bool()  # Output t before source position s.
    for probe in (occlusion_of, gradients_of):
        effects = probe(model_of(name), batch_of("copy"))
        assert effects[:, is_early].eq(0.0).all() == MODELS[name].is_causal
        assert (effects.diagonal(dim1=1, dim2=2).abs().amax(dim=0) > 1e-4).all()
