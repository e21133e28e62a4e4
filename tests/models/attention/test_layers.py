"""The kinds of attention against their formulas. The conformance suite checks the rest of them."""

import pytest
import torch

from models.attention.layers import AdditiveAttention, DotAttention, UniformAttention
from tests.models.attention.checks import FORMS, obvious_attention, uniform, use_form


@pytest.mark.parametrize("scale", [0.1, 1, 100])
@pytest.mark.parametrize("form", FORMS)
def test_additive_equals_the_obvious_form(form, scale, monkeypatch):
    """Context, weights and all gradients, in float64."""
    use_form(monkeypatch, form)
    torch.manual_seed(0)
    attention = AdditiveAttention(8)
    assert attention.path() == form
    query = uniform(3, 5, 8, seed=1).requires_grad_()
    memory = uniform(3, 9, 8, scale=scale, seed=2).requires_grad_()
    weight = uniform(3, 5, 8, seed=3)
    context, weights = attention(query, attention.keys(memory), memory)
    (context * weight).sum().backward()
    named = dict(attention.named_parameters())
    order = ("query_projection.weight", "key_projection.weight", "score_vector")
    leaves = [query, memory, *(named.pop(name) for name in order)]
    assert not named
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    exact_context, exact_weights = obvious_attention(*doubles)
    (exact_context * weight).sum().backward()
    pairs = [(context, exact_context), (weights, exact_weights)]
    pairs += [(leaf.grad, double.grad) for leaf, double in zip(leaves, doubles, strict=True)]
    for found, exact in pairs:
        assert (found - exact).abs().max() <= 1e-5 * max(1, scale) * exact.abs().max()


def test_dot_is_the_unscaled_product():
    query, memory = uniform(2, 3, 4, seed=1), uniform(2, 5, 4, seed=2)
    attention = DotAttention(4)
    context, weights = attention(query, attention.keys(memory), memory)
    exact = torch.softmax(torch.einsum("bth,bsh->bts", query, memory), dim=-1)
    assert torch.allclose(weights, exact)
    assert torch.allclose(context, exact @ memory)
    assert attention.path() == "plain"


def test_uniform_weighs_all_positions_alike():
    query, memory = uniform(2, 3, 4, seed=1), uniform(2, 5, 4, seed=2)
    attention = UniformAttention(4)
    context, weights = attention(query, attention.keys(memory), memory)
    assert torch.equal(weights, torch.full((2, 3, 5), 1 / 5))
    assert torch.allclose(context, weights @ memory)
    assert attention.path() == "plain"
