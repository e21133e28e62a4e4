"""Additive scores against their obvious form in float64; each check rejects a planted fault."""

import functools
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from models.attention import additive
from models.attention import backend as additive_path
from models.attention.additive import additive_keys, warm_up
from tests.models.attention.attention_checks import (
    PATHS,
    SCALES,
    SMALL,
    WITH_COMPILER,
    WITH_CXX,
    check_accuracy,
    check_accuracy_at_all_scales,
    fast_scores,
    obvious_scores,
    uniform,
    with_gradients,
)

# torch itself gives this warning while it compiles; as an error it would end the compilation.
QUIET_COMPILER = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

LENGTHS = (*range(1, 65), 127, 200, 257)


@pytest.fixture(autouse=True)
def _restore_preference(monkeypatch):
    monkeypatch.setattr(additive_path, "_preference", "auto")


def through(monkeypatch, call):
    """Compute the compiled form as on CUDA, where this is what calls its formulas."""
    additive_path.prefer_path("compiled")
    monkeypatch.setattr(additive, "_compile_once", lambda device: None)
    monkeypatch.setattr(additive, "call_compiled", call)
    monkeypatch.setattr(additive, "KERNEL_DEVICES", ())


@pytest.fixture
def eager_identity(monkeypatch):
    """The compiled form's arithmetic without its compilation, so that a fault costs nothing."""
    through(monkeypatch, lambda formula, *tensors, axes: formula(*tensors))


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


@WITH_COMPILER
def test_no_number_of_threads_changes_a_result(monkeypatch):
    additive_path.prefer_path("compiled")
    sizes = (5, 7, 9)
    tensors = (uniform(5, 7, 20, seed=1), uniform(5, 9, 20, seed=2), uniform(20, seed=3))
    results = []
    for threads in (1, 2, 5, 8):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append(with_gradients(fast_scores, tensors, uniform(*sizes, seed=4)))
    for result in results[1:]:
        assert all(map(torch.equal, result, results[0]))


@WITH_COMPILER
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_stays_none_and_infinity_saturates(value):
    """As tanh has it, so that a training that diverges is seen to."""
    additive_path.prefer_path("compiled")
    query, key, v = uniform(1, 3, 20, seed=1), uniform(1, 5, 20, seed=2), uniform(20, seed=3)
    query[0, 1, 4] = value
    torch.testing.assert_close(
        fast_scores(query, key, v), obvious_scores(query, key, v), equal_nan=True, atol=1e-5, rtol=0
    )


@WITH_COMPILER
def test_rest_of_the_process_keeps_its_arithmetic():
    """A library that was linked with relaxed arithmetic would flush the smallest numbers to 0."""
    additive_path.prefer_path("compiled")
    warm_up()
    assert (torch.full((64,), 1e-38) * 0.1 > 0).all()


@WITH_CXX
@QUIET_COMPILER
def test_identity_as_it_is_compiled_on_cuda(monkeypatch):
    through(monkeypatch, additive.call_compiled)
    check_accuracy((1, 1), SMALL)
    check_accuracy((100, 34), SMALL)


ALL_PIECES, ALL_SLOPES = additive._chunks, additive.identity_slopes
FAULTS = {
    "clamp at 20": ("_exponential", lambda x: (2 * x).clamp(-40, 40).exp()),
    "keys never too large": ("KEY_LIMIT", float("inf")),
    "missing factor 2": (
        "identity_sums",
        lambda query, key, v: (v / (1 + query[:, :, None] * key[:, None])).sum(-1) / 2,
    ),
    "dropped 1": (
        "identity_sums",
        lambda query, key, v: (v / (query[:, :, None] * key[:, None])).sum(-1),
    ),
    "gradients of a bare sigmoid": (
        "identity_slopes",
        lambda query, key, grad: tuple(part / 4 for part in ALL_SLOPES(query, key, grad)),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_rejected(eager_identity, monkeypatch, fault):
    monkeypatch.setattr(additive, *FAULTS[fault])
    with pytest.raises(AssertionError):
        check_accuracy_at_all_scales()


def test_missing_piece_is_rejected(monkeypatch):
    additive_path.prefer_path("chunked")
    monkeypatch.setattr(additive, "_chunks", lambda *pair: list(ALL_PIECES(*pair))[:-1])
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


@WITH_CXX
@QUIET_COMPILER
def test_one_compilation_serves_all_sizes(monkeypatch):
    through(monkeypatch, additive.call_compiled)
    with_gradients(fast_scores, [uniform(2, 3, 7), uniform(2, 5, 7), uniform(7)], uniform(2, 3, 5))
    assert compilations_of_all_sizes() == 0


def test_sizes_left_unmarked_are_noticed(monkeypatch):
    @functools.cache
    def compiled(formula):
        return torch.compile(inspect.unwrap(formula), backend="eager", dynamic=True)

    through(monkeypatch, lambda formula, *tensors, axes: compiled(formula)(*tensors))
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
    warm_up()
    check_four_axes_never_exist(fast_scores)


def test_obvious_form_fills_four_axes():
    with pytest.raises(AssertionError):
        check_four_axes_never_exist(obvious_scores)
