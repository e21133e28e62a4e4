"""The three kinds of attention; each check also rejects a broken twin."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.attention import backend as additive_path
from models.attention.layers import AdditiveAttention, DotAttention, UniformAttention
from tests.models.attention.attention_checks import PATHS, WITH_COMPILER, check_module, uniform

KINDS = (DotAttention, AdditiveAttention, UniformAttention)


@pytest.fixture(autouse=True)
def _restore_preference(monkeypatch):
    monkeypatch.setattr(additive_path, "_preference", "auto")


@pytest.mark.parametrize("scale", [0.1, 1, 100])
@pytest.mark.parametrize("path", PATHS)
def test_module_equals_the_obvious_form(path, scale):
    additive_path.prefer_path(path)
    check_module(scale=scale)


def test_module_check_rejects_another_memory(monkeypatch):
    additive_path.prefer_path("chunked")
    keys = AdditiveAttention.keys
    monkeypatch.setattr(AdditiveAttention, "keys", lambda self, memory: keys(self, memory / 2))
    with pytest.raises(AssertionError):
        check_module(scale=1)


def test_dot_is_the_unscaled_product():
    query, memory = uniform(2, 3, 4, seed=1), uniform(2, 5, 4, seed=2)
    attention = DotAttention(4)
    context, weights = attention(query, attention.keys(memory), memory)
    exact = torch.softmax(torch.einsum("bth,bsh->bts", query, memory), dim=-1)
    assert torch.allclose(weights, exact)
    assert torch.allclose(context, exact @ memory)
    assert not torch.allclose(weights, torch.softmax(exact.log() / 2, dim=-1))


def test_uniform_weighs_all_positions_alike():
    query, memory = uniform(2, 3, 4, seed=1), uniform(2, 5, 4, seed=2)
    attention = UniformAttention(4)
    context, weights = attention(query, attention.keys(memory), memory)
    assert torch.equal(weights, torch.full((2, 3, 5), 1 / 5))
    assert torch.allclose(context, weights @ memory)


class Unnormalised(DotAttention):
    def forward(self, query, keys, memory):
        context, weights = super().forward(query, keys, memory)
        return context, 2 * weights


class Mixing(DotAttention):
    def forward(self, query, keys, memory):
        context, weights = super().forward(query, keys, memory)
        return context + context.mean(0), weights


class Positional(DotAttention):
    def forward(self, query, keys, memory):
        return super().forward(query + torch.arange(query.shape[1])[:, None], keys, memory)


def check_rows_sum_to_one(attention):
    query, memory = uniform(2, 3, 8, seed=1), uniform(2, 33, 8, seed=2)
    context, weights = attention(query, attention.keys(memory), memory)
    assert context.shape == (2, 3, 8)
    assert weights.shape == (2, 3, 33)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 3))
    assert (weights >= 0).all()


def check_batch_rows_are_independent(attention):
    query, memory = uniform(3, 4, 8, seed=1), uniform(3, 5, 8, seed=2)
    before = attention(query, attention.keys(memory), memory)
    query[1], memory[1] = 5.0, -5.0
    after = attention(query, attention.keys(memory), memory)
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one[[0, 2]], other[[0, 2]])


def check_one_query_at_a_time(attention):
    query, memory = uniform(3, 6, 8, seed=1), uniform(3, 7, 8, seed=2)
    keys = attention.keys(memory)
    context, weights = attention(query, keys, memory)
    for t in range(6):
        one_context, one_weights = attention(query[:, t : t + 1], keys, memory)
        assert torch.allclose(one_context[:, 0], context[:, t], atol=1e-6)
        assert torch.allclose(one_weights[:, 0], weights[:, t], atol=1e-6)


def check_same_input_same_bits(attention):
    def outputs():
        query, memory = uniform(4, 30, 8, seed=1), uniform(4, 40, 8, seed=2).requires_grad_()
        context, weights = attention(query, attention.keys(memory), memory)
        return context, weights, *torch.autograd.grad(context.square().sum(), memory)

    for one, other in zip(outputs(), outputs(), strict=True):
        assert torch.equal(one, other)


class Dropping(DotAttention):
    def forward(self, query, keys, memory):
        return super().forward(torch.nn.functional.dropout(query), keys, memory)


CHECKS = {
    check_rows_sum_to_one: Unnormalised,
    check_batch_rows_are_independent: Mixing,
    check_one_query_at_a_time: Positional,
    check_same_input_same_bits: Dropping,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("check", CHECKS)
def test_attention_passes(check, kind):
    additive_path.prefer_path("chunked")
    check(kind(8))


@WITH_COMPILER
@pytest.mark.parametrize("check", CHECKS)
def test_compiled_attention_passes(check):
    additive_path.prefer_path("compiled")
    check(AdditiveAttention(8))


@pytest.mark.parametrize("check", CHECKS)
def test_twin_is_rejected(check):
    with pytest.raises(AssertionError):
        check(CHECKS[check](8))


@pytest.mark.parametrize("kind", [DotAttention, AdditiveAttention])
def test_flops_equal_the_counter(kind):
    additive_path.prefer_path("chunked")
    attention, query, memory = kind(8), uniform(1, 3, 8), uniform(1, 5, 8)
    with FlopCounterMode(display=False) as counter:
        attention(query, attention.keys(memory), memory)
    # The counter does not see the additive scores: an addition, a tanh and a multiply-add.
    unseen = 4 * 3 * 5 * 8 if kind is AdditiveAttention else 0
    assert attention.flops(5, 3) == counter.get_total_flops() + unseen


@pytest.mark.parametrize("kind", KINDS)
def test_path_is_named(kind):
    additive_path.prefer_path("chunked")
    assert kind(8).path() == ("chunked" if kind is AdditiveAttention else "plain")
