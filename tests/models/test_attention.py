"""Attention against its obvious form in float64; each check also rejects a planted fault."""

import logging
import re
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters
from torch.utils.flop_counter import FlopCounterMode

from models import additive, additive_path
from models.additive import additive_keys, additive_scores, warm_up
from models.attention import AdditiveAttention, DotAttention, UniformAttention

KINDS = (DotAttention, AdditiveAttention, UniformAttention)
LENGTHS = (*range(1, 65), 127, 200, 257)
# Of queries and keys; the last keeps keys within their limit while queries exceed theirs.
SCALES = ((1e-3, 1e-3), (1, 1), (30, 30), (60, 60), (100, 100), (100, 34))
WITH_COMPILER = pytest.mark.skipif(
    additive_path.additive_path() != "compiled", reason="no C++ compiler was found"
)
PATHS = (pytest.param("compiled", marks=WITH_COMPILER), "chunked")


@pytest.fixture(autouse=True)
def _restore_preference(monkeypatch):
    monkeypatch.setattr(additive_path, "_preference", "auto")


@pytest.fixture
def fresh_choice(monkeypatch):
    """Forget what was compiled and what was said, before the test and after it."""
    monkeypatch.setattr(additive_path, "_failed_devices", set())
    remembered = (additive._compile_once, additive_path._has_compiler)
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


@pytest.fixture
def eager_identity(monkeypatch):
    """The compiled form's arithmetic without its compilation, so that a fault costs nothing."""
    additive_path.prefer_path("compiled")
    monkeypatch.setattr(additive, "_compile_once", lambda device: None)
    monkeypatch.setattr(additive, "call_compiled", lambda kernel, *tensors, axes: kernel(*tensors))


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


SMALL = ((2, 7, 7), (2, 1, 9), (1, 9, 1), (3, 33, 20))


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("path", PATHS)
def test_scores_and_gradients_at_every_length(path, scales):
    additive_path.prefer_path(path)
    check_accuracy(scales, [(2, length, length) for length in LENGTHS])
    check_accuracy(scales, [(2, 1, length) for length in LENGTHS])
    check_accuracy(scales, [(1, length, 3) for length in (1, 2, 50)], hidden=33)


def test_scores_from_pieces_smaller_than_a_row(monkeypatch):
    additive_path.prefer_path("chunked")
    for elements in (1, 100, 700, 2000):
        monkeypatch.setattr(additive, "CHUNK_ELEMENTS", {"cpu": elements})
        check_accuracy((1, 1), SMALL)


@pytest.mark.parametrize("scales", SCALES)
def test_identity_without_compiling(eager_identity, scales):
    check_accuracy(scales, SMALL)


def drop_last_piece(query, key):
    pieces = list(WHOLE_PIECES(query, key))
    yield from pieces[: len(pieces) - 1]


WHOLE_PIECES = additive._tanh_chunks
R = "1 / (1 + query[:, :, None] * key[:, None])"
FAULTS = {
    "clamp at 20": ("_exponential", lambda x: (2 * x).clamp(-40, 40).exp()),
    "keys never too large": ("KEY_LIMIT", float("inf")),
    "missing factor 2": (
        "identity_scores",
        lambda query, key, v: v.sum() - (v / (1 + query[:, :, None] * key[:, None])).sum(-1),
    ),
    "dropped sum of v": (
        "identity_scores",
        lambda query, key, v: -2 * (v / (1 + query[:, :, None] * key[:, None])).sum(-1),
    ),
    "gradients of a bare sigmoid": (
        "identity_sums",
        lambda query, key, grad: tuple(part / 4 for part in WHOLE_SUMS(query, key, grad)),
    ),
}
WHOLE_SUMS = additive.identity_sums


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_rejected(eager_identity, monkeypatch, fault):
    monkeypatch.setattr(additive, *FAULTS[fault])
    with pytest.raises(AssertionError):
        for scales in SCALES:
            check_accuracy(scales, SMALL)


def test_missing_piece_is_rejected(monkeypatch):
    additive_path.prefer_path("chunked")
    monkeypatch.setattr(additive, "_tanh_chunks", drop_last_piece)
    with pytest.raises(AssertionError):
        check_accuracy((1, 1), SMALL)
