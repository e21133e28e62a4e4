"""The kinds of attention against their formulas. The conformance suite checks the rest of them."""

import pytest
import torch

from models.attention.layers import (
    AdditiveAttention,
    DotAttention,
    LocationAttention,
    UniformAttention,
)
from tests.models.attention.checks import FORMS, obvious_scores, uniform, use_form

QUERY, MEMORY = uniform(2, 3, 8, seed=1), uniform(2, 5, 8, seed=2)


def attend(attention, memory=MEMORY):
    context, weights, _ = attention(QUERY, attention.begin(memory), memory)
    assert torch.allclose(context, weights @ memory, atol=1e-5 * memory.abs().max().item())
    return weights


@pytest.mark.parametrize("scale", [0.1, 1, 100])
@pytest.mark.parametrize("form", FORMS)
def test_additive_equals_the_obvious_form(form, scale, monkeypatch):
    use_form(monkeypatch, form)
    torch.manual_seed(0)
    attention, memory = AdditiveAttention(8), scale * MEMORY
    assert attention.path() == form
    found = attend(attention, memory)
    attention.double()
    query = attention.query_projection(QUERY.double())
    key = attention.key_projection(memory.double())
    exact = torch.softmax(obvious_scores(query, key, attention.score_vector), dim=-1)
    assert (found - exact).abs().max() <= 1e-5 * max(1, scale) * exact.abs().max()


def test_dot_is_the_unscaled_product():
    exact = torch.softmax(torch.einsum("bth,bsh->bts", QUERY, MEMORY), dim=-1)
    assert torch.allclose(attend(DotAttention(8)), exact)
    assert DotAttention(8).path() == "plain"


def test_uniform_weighs_all_positions_alike():
    assert torch.equal(attend(UniformAttention(8)), torch.full((2, 3, 5), 1 / 5))
    assert UniformAttention(8).path() == "plain"


def located(*, step, gate):
    """Location attention with the same step and gate for every query."""
    attention = LocationAttention(8)
    with torch.no_grad():
        for each in (attention.step.weight, attention.gate.weight):
            each.zero_()
        attention.step.bias.fill_(step)
        attention.gate.bias.copy_(torch.tensor(gate))
    return attention


@pytest.mark.parametrize(("gate", "order"), [((50.0, 0.0), (0, 1, 2)), ((0.0, 50.0), (4, 3, 2))])
def test_location_walks_by_one_item_at_most_from_either_end(gate, order):
    weights = attend(located(step=7.0, gate=gate))
    assert weights.argmax(dim=-1).tolist() == [list(order)] * 2
    # From item to item the window is the density of a Gaussian of width 1.
    apart = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    expected = torch.softmax(-apart.square() / 2, dim=0)
    found = weights[0, 0] if order[0] == 0 else weights[0, 0].flip(0)
    assert torch.allclose(found, expected, atol=1e-6)


def test_location_goes_on_in_decoding_from_where_it_was():
    torch.manual_seed(0)
    attention = LocationAttention(8).double()
    query, memory = QUERY.double(), MEMORY.double()
    at_once, weights, last = attention(query, attention.begin(memory), memory)
    centre = attention.begin(memory)
    for t in range(query.shape[1]):
        context, weight, centre = attention(query[:, t : t + 1], centre, memory)
        assert torch.allclose(context[:, 0], at_once[:, t], rtol=1e-12)
        assert torch.allclose(weight[:, 0], weights[:, t], rtol=1e-12)
    assert torch.allclose(centre, last)


def test_location_looks_at_no_item():
    torch.manual_seed(0)
    attention = LocationAttention(8)
    assert torch.equal(attend(attention), attend(attention, memory=MEMORY.flip(1)))
    assert attention.path() == "plain"
