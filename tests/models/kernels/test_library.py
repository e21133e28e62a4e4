"""The kernel is compiled if it can be; if not, that is said once and nothing fails."""

import logging
import tempfile

import pytest
import torch

from models.attention.layers import AdditiveAttention
from models.kernels import library as kernel
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


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    ("command", "script", "reason"),
    [
        ("{cc}", "echo 'cc: what is -march?' >&2; exit 1", "cc: what is -march?"),
        ("{cc}", "printf 'na\\357ve\\n' >&2; exit 1", "na\ufffdve"),  # In latin-1.
        ("{cc}", "exec sleep 60", "cc took more than 0.2 s"),
        ("{cc}", "cat", "kernels.so: cannot open shared object file"),  # It reads its input.
        ("{folder}", "", "no C compiler"),
        ("no-such-compiler", "", "no C compiler"),
        ("", "", "no C compiler"),
        ('gcc "-O2', "", "No closing quotation"),
        pytest.param(
            "cc -fvisibility=hidden", "", "symbol: additive_scores", marks=WITH_KERNEL, id="hidden"
        ),
    ],
)
def test_without_the_kernel_it_runs_chunked_and_says_so_once(
    nothing_compiled, command, script, reason, monkeypatch, caplog, tmp_path
):
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", command.format(cc=compiler, folder=tmp_path))
    if "sleep" in script:
        monkeypatch.setattr(kernel, "_SECONDS_TO_COMPILE", 0.2)
    _require_chunked(caplog, reason)


@pytest.mark.fault("F24")
def test_without_a_temporary_folder_it_runs_chunked(
    nothing_compiled, monkeypatch, caplog, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    _require_chunked(caplog, "No such file or directory")


def _require_chunked(caplog, reason):
    attention, memory = AdditiveAttention(8), uniform(2, 5, 8)
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert attention.path() == "chunked"
            attention(memory, attention.begin(memory), memory)
    (message,) = caplog.messages
    assert "not compiled, so LSTM and additive attention are slower: " in message
    assert reason in message


@WITH_KERNEL
def test_rest_of_the_process_keeps_its_arithmetic():
    """A library that was linked with relaxed arithmetic would flush the smallest numbers to 0."""
    kernel.load_library()
    assert (torch.full((64,), 1e-38) * 0.1 > 0).all()
