"""The obvious form of additive attention, and what the fast ones are held to."""

import os
import shutil

import pytest
import torch

from models.attention import backend as additive_path
from models.attention.additive import additive_keys, additive_scores
from models.attention.layers import AdditiveAttention

WITH_COMPILER = pytest.mark.skipif(
    additive_path.additive_path() != "compiled", reason="no C compiler was found"
)
# torch.compile, which computes the scores on CUDA, can be tried on the CPU with a C++ compiler.
WITH_CXX = pytest.mark.skipif(
    not shutil.which(os.environ.get("CXX", "g++")), reason="no C++ compiler was found"
)
PATHS = (pytest.param("compiled", marks=WITH_COMPILER), "chunked")
# Of queries and keys; the last keeps keys within their limit while queries exceed it.
SCALES = ((1e-3, 1e-3), (1, 1), (30, 30), (60, 60), (100, 100), (100, 34))
SMALL = ((2, 7, 7), (2, 1, 9), (1, 9, 1), (3, 33, 20))


def uniform(*size, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return scale * (2 * torch.rand(*size, generator=generator) - 1)


def obvious_scores(query, key, v):
    return torch.tanh(query[:, :, None] + key[:, None]) @ v


def fast_scores(query, key, v):
    return additive_scores(query, additive_keys(key), v)


def with_gradients(scores, tensors, grad):
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    result = scores(*leaves)
    result.backward(grad)
    return [result.detach(), *(leaf.grad for leaf in leaves)]


def check_accuracy(scales, sizes, hidden=6):
    """The errors are below a millionth of the sums of absolute values that are added up."""
    for batch, target, source in sizes:
        query = uniform(batch, target, hidden, scale=scales[0], seed=1)
        key = uniform(batch, source, hidden, scale=scales[1], seed=2)
        v, grad = uniform(hidden, seed=3), uniform(batch, target, source, seed=4)
        found = with_gradients(fast_scores, (query, key, v), grad)
        doubles = [tensor.double() for tensor in (query, key, v)]
        exact = with_gradients(obvious_scores, doubles, grad.double())
        size, slope = grad.abs(), v.abs()
        bounds = [slope.sum(), size.sum(2)[..., None] * slope, size.sum(1)[..., None] * slope]
        for name, one, other, bound in zip(
            ("scores", "query", "key", "v"), found, exact, (*bounds, size.sum()), strict=True
        ):
            error = ((one - other).abs() / bound).max().item()
            assert error <= 1e-6, f"{name}: {error:.1e} at {(batch, target, source)}, {scales}"


def check_accuracy_at_all_scales():
    for scales in SCALES:
        check_accuracy(scales, SMALL)


def obvious_attention(query, memory, query_weight, key_weight, v):
    scores = obvious_scores(query @ query_weight.T, memory @ key_weight.T, v)
    weights = torch.softmax(scores, dim=-1)
    return weights @ memory, weights


def check_module(*, scale):
    """Context, weights and all gradients equal the obvious form's in float64."""
    torch.manual_seed(0)
    attention = AdditiveAttention(8)
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
