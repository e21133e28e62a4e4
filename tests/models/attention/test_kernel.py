"""The kernel is compiled if it can be; if not, that is said once and nothing fails."""

import logging

import pytest
import torch

from models.attention import kernel
from models.attention.layers import AdditiveAttention
from tests.models.attention.checks import WITH_KERNEL, uniform


@pytest.fixture
def nothing_compiled():
    """Forget what was compiled, before the test and after it."""
    remembered = (kernel.is_ready, kernel.load_library)
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("{folder}/cc", "cc: what is -march?"),  # A compiler of another processor, say.
        ("no-such-compiler", "no C compiler"),
        ("'cc", "No closing quotation"),
    ],
)
def test_without_the_kernel_it_runs_chunked_and_says_so_once(
    nothing_compiled, command, reason, monkeypatch, caplog, tmp_path
):
    refusing = tmp_path / "cc"
    refusing.write_text("#!/bin/sh\necho 'cc: what is -march?' >&2\nexit 1\n", encoding="utf-8")
    refusing.chmod(0o755)
    monkeypatch.setenv("CC", command.format(folder=tmp_path))
    attention, memory = AdditiveAttention(8), uniform(2, 5, 8)
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert attention.path() == "chunked"
            attention(memory, attention.keys(memory), memory)
    (message,) = caplog.messages
    assert message.endswith(f"runs in the chunked form: {reason}")


@WITH_KERNEL
def test_rest_of_the_process_keeps_its_arithmetic():
    """A library that was linked with relaxed arithmetic would flush the smallest numbers to 0."""
    kernel.load_library()
    assert (torch.full((64,), 1e-38) * 0.1 > 0).all()
