"""The kernel is compiled if it can be; if not, that is said once and nothing fails."""

import logging

import pytest
import torch

from models.attention import kernel
from models.attention.layers import AdditiveAttention
from tests.models.attention.checks import WITH_KERNEL, uniform


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Replace the C compiler, and forget what was compiled, before the test and after it."""
    refusing = tmp_path / "cc"
    refusing.write_text("#!/bin/sh\necho 'cc: what is -march?' >&2\nexit 1\n", encoding="utf-8")
    refusing.chmod(0o755)
    monkeypatch.setenv("CC", str(refusing))
    for function in (kernel.is_ready, kernel.load_library):
        function.cache_clear()
    yield monkeypatch
    for function in (kernel.is_ready, kernel.load_library):
        function.cache_clear()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (None, "cc: what is -march?"),  # A compiler of another processor, say.
        ("no-such-compiler", "no C compiler"),
        ("", "no C compiler"),
        ("'cc", "No closing quotation"),
    ],
)
def test_without_the_kernel_it_runs_chunked_and_says_so_once(compiler, command, reason, caplog):
    if command is not None:
        compiler.setenv("CC", command)
    attention, memory = AdditiveAttention(8), uniform(2, 5, 8)
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert attention.path() == "chunked"
            attention(memory, attention.keys(memory), memory)
    (record,) = caplog.records
    assert record.getMessage().endswith(f"runs in the chunked form: {reason}")


@WITH_KERNEL
def test_rest_of_the_process_keeps_its_arithmetic():
    """A library that was linked with relaxed arithmetic would flush the smallest numbers to 0."""
    kernel.load_library()
    assert (torch.full((64,), 1e-38) * 0.1 > 0).all()
