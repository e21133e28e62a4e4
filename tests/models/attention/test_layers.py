"""The kinds of attention against their formulas. The conformance suite checks the rest of them."""

import pytest
import torch

from models.attention.layers import AdditiveAttention, DotAttention, UniformAttention
from tests.models.attention.checks import FORMS, obvious_scores, uniform, use_form

QUERY, MEMORY = uniform(2, 3, 8, seed=1), uniform(2, 5, 8, seed=2)


def attend(attention, memory=MEMORY):
    context, weights = attention(QUERY, attention.keys(memory), memory)
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
