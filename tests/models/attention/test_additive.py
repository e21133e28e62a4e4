"""Additive scores in both forms against their obvious form in float64."""

import pytest
import torch

from bench.timing.peak_memory import peak_memory
from models.attention import additive
from models.attention.additive import additive_keys, additive_scores
from tests.models.attention import checks
from tests.models.attention.checks import FORMS, obvious_scores, uniform, with_gradients

LENGTHS = (*range(1, 65), 127, 200, 257)
# Of queries and keys. The last keeps keys within their limit while queries exceed it.
SCALES = ((1e-3, 1e-3), (1, 1), (30, 30), (60, 60), (100, 100), (100, 34))


@pytest.fixture(params=FORMS)
def form(request, monkeypatch):
    checks.use_form(monkeypatch, request.param)
    return request.param


def fast_scores(query, key, v):
    return additive_scores(query, additive_keys(key), v)


def inputs(batch, target, source, hidden, *, scales=(1, 1)):
    query = uniform(batch, target, hidden, scale=scales[0], seed=1)
    key = uniform(batch, source, hidden, scale=scales[1], seed=2)
    return (query, key, uniform(hidden, seed=3)), uniform(batch, target, source, seed=4)


def check_accuracy(*size, scales=(1, 1)):
    """Errors are below a millionth of the sums of absolute values that are added up."""
    tensors, grad = inputs(*size, scales=scales)
    found = with_gradients(fast_scores, tensors, grad)
    doubles = [tensor.double() for tensor in tensors]
    exact = with_gradients(obvious_scores, doubles, grad.double())
    weight, slope = grad.abs(), tensors[2].abs()
    bounds = {
        "scores": slope.sum(),
        "query": weight.sum(2)[..., None] * slope,
        "key": weight.sum(1)[..., None] * slope,
        "v": weight.sum(),
    }
    for (name, bound), one, other in zip(bounds.items(), found, exact, strict=True):
        error = ((one - other).abs() / bound).max().item()
        assert error <= 1e-6, f"{name}: {error:.1e} at {size}, {scales}"


@pytest.mark.parametrize("scales", SCALES)
def test_scores_and_gradients_at_every_length(form, scales):
    for length in LENGTHS:
        check_accuracy(2, length, length, 6, scales=scales)
        check_accuracy(2, 1, length, 6, scales=scales)
    for length in (1, 2, 50):
        check_accuracy(1, length, 3, 33, scales=scales)


def test_scores_from_pieces_smaller_than_a_row(monkeypatch):
    checks.use_form(monkeypatch, "chunked")
    for elements in (1, 100, 700, 2000):
        monkeypatch.setattr(additive, "CHUNK_ELEMENTS", {"cpu": elements})
        for sizes in ((2, 7, 7), (2, 1, 9), (1, 9, 1), (3, 33, 20)):
            check_accuracy(*sizes, 6)


def test_no_number_of_threads_changes_a_result(form, monkeypatch):
    tensors, grad = inputs(5, 7, 9, 20)
    results = []
    for threads in (1, 2, 5, 8):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append(with_gradients(fast_scores, tensors, grad))
    for result in results[1:]:
        assert all(map(torch.equal, result, results[0]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_stays_nan_and_infinity_saturates(form, value):
    """As tanh has it, so that a training that diverges is noticed."""
    (query, key, v), _ = inputs(1, 3, 5, 20)
    query[0, 1, 4] = value
    torch.testing.assert_close(
        fast_scores(query, key, v), obvious_scores(query, key, v), equal_nan=True, atol=1e-5, rtol=0
    )


def test_double_precision_runs_chunked():
    tensors = [tensor.double().requires_grad_() for tensor in inputs(2, 3, 3, 4)[0]]
    assert additive_keys(tensors[1]).exponential is None
    assert torch.autograd.gradcheck(fast_scores, tensors)


def test_four_axes_never_exist(form):
    """The peak of memory stays below half of (batch, target, source, hidden)."""
    size = (16, 200, 200, 64)
    large, small = inputs(*size), inputs(1, 2, 2, 2)
    peak = peak_memory(
        lambda: with_gradients(fast_scores, *large),
        rehearsal=lambda: with_gradients(fast_scores, *small),
        device="cpu",
    )
    assert peak.failure is None
    if peak.peak_bytes is None:
        pytest.skip("no peak of memory can be read here")
    assert peak.peak_bytes < 4 * torch.Size(size).numel() / 2
