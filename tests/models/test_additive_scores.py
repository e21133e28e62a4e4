"""Additive scores against their obvious form in float64; each check rejects a planted fault."""

import functools
import inspect
import re
from pathlib import Path

import pytest
import torch
from attention_checks import (
    PATHS,
    SCALES,
    SMALL,
    WITH_COMPILER,
    check_accuracy,
    check_accuracy_at_all_scales,
    fast_scores,
    obvious_scores,
    uniform,
    with_gradients,
)
from torch._dynamo.utils import counters

from models import additive, additive_path
from models.additive import additive_keys, warm_up

LENGTHS = (*range(1, 65), 127, 200, 257)


@pytest.fixture(autouse=True)
def _restore_preference(monkeypatch):
    monkeypatch.setattr(additive_path, "_preference", "auto")


@pytest.fixture
def eager_identity(monkeypatch):
    """The compiled form's arithmetic without its compilation, so that a fault costs nothing."""
    additive_path.prefer_path("compiled")
    monkeypatch.setattr(additive, "_compile_once", lambda device: None)
    monkeypatch.setattr(additive, "call_compiled", lambda kernel, *tensors, axes: kernel(*tensors))


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


def test_identity_without_compiling(eager_identity):
    check_accuracy_at_all_scales()


ALL_PIECES, ALL_SUMS = additive._tanh_chunks, additive.identity_sums
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
        lambda query, key, grad: tuple(part / 4 for part in ALL_SUMS(query, key, grad)),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_rejected(eager_identity, monkeypatch, fault):
    monkeypatch.setattr(additive, *FAULTS[fault])
    with pytest.raises(AssertionError):
        check_accuracy_at_all_scales()


def test_missing_piece_is_rejected(monkeypatch):
    additive_path.prefer_path("chunked")
    monkeypatch.setattr(additive, "_tanh_chunks", lambda *pair: list(ALL_PIECES(*pair))[:-1])
    with pytest.raises(AssertionError):
        check_accuracy((1, 1), SMALL)


def test_double_precision_runs_chunked():
    keys = additive_keys(uniform(2, 3, 4).double())
    assert keys.exponential is None
    arguments = [uniform(2, 3, 4).double().requires_grad_() for _ in range(2)]
    arguments.append(uniform(4).double().requires_grad_())
    assert torch.autograd.gradcheck(fast_scores, arguments)


def compilations_of_all_sizes():
    before = counters["stats"]["unique_graphs"]
    for sizes in (
        (3, 4, 5, 6),
        (3, 1, 5, 6),
        (1, 4, 4, 6),
        (256, 2, 3, 6),
        (1, 1, 1, 1),
        (2, 3, 1, 8),
    ):
        batch, target, source, hidden = sizes
        tensors = (uniform(batch, target, hidden), uniform(batch, source, hidden), uniform(hidden))
        with_gradients(fast_scores, tensors, uniform(batch, target, source))
        with torch.no_grad():
            fast_scores(*tensors)
    return counters["stats"]["unique_graphs"] - before


@WITH_COMPILER
def test_one_compilation_serves_all_sizes():
    additive_path.prefer_path("compiled")
    warm_up(source_length=64)
    assert compilations_of_all_sizes() == 0


def test_sizes_left_unmarked_are_noticed(monkeypatch):
    additive_path.prefer_path("compiled")
    monkeypatch.setattr(additive, "_compile_once", lambda device: None)

    @functools.cache
    def compiled(kernel):
        return torch.compile(inspect.unwrap(kernel), backend="eager", dynamic=True)

    monkeypatch.setattr(
        additive, "call_compiled", lambda kernel, *tensors, axes: compiled(kernel)(*tensors)
    )
    assert compilations_of_all_sizes() > 2


SIZES = (16, 200, 200, 64)


def check_four_axes_never_exist(scores):
    """The peak of resident memory stays below half of (batch, target, source, hidden)."""
    batch, target, source, hidden = SIZES
    tensors = (uniform(batch, target, hidden), uniform(batch, source, hidden), uniform(hidden))
    grad = uniform(batch, target, source)
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    try:
        reset.write_text("5")
    except OSError:
        pytest.skip("the peak of resident memory cannot be reset here")

    def kibibytes(field):
        return int(re.search(rf"{field}:\s+(\d+)", status.read_text())[1])

    before = kibibytes("VmRSS")
    with_gradients(scores, tensors, grad)
    assert kibibytes("VmHWM") - before < 4 * batch * target * source * hidden / 1024 / 2


@pytest.mark.parametrize("path", PATHS)
def test_four_axes_never_exist(path):
    additive_path.prefer_path(path)
    warm_up(source_length=64)
    check_four_axes_never_exist(fast_scores)


def test_obvious_form_fills_four_axes():
    with pytest.raises(AssertionError):
        check_four_axes_never_exist(obvious_scores)
