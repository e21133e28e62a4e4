"""Which form of the additive scores is used, and what is said about it."""

import logging

import pytest

from models.attention import additive
from models.attention import backend as additive_path
from models.attention import kernel as additive_kernel
from models.attention.additive import warm_up
from models.attention.layers import AdditiveAttention
from tests.models.attention.attention_checks import check_module


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


def test_preference_is_checked():
    with pytest.raises(
        ValueError, match="preference: 'fast' is unknown; use auto, compiled, chunk"
    ):
        additive_path.prefer_path("fast")


def test_without_a_compiler_it_runs_chunked_and_says_so_once(fresh_choice, monkeypatch, caplog):
    monkeypatch.setenv("CC", "no-such-compiler")
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert AdditiveAttention(8).path() == "chunked"
            assert warm_up() == "chunked"
            check_module(scale=1)
    assert [record.name for record in caplog.records] == ["models.attention.backend"]
    assert "no C compiler found" in caplog.text


def break_compilation(monkeypatch):
    def fail():
        raise OSError("no space left\non the device")

    monkeypatch.setattr(additive_kernel, "load_library", fail)
    monkeypatch.setattr(additive_path, "_has_compiler", lambda device_type: True)


def test_failed_compilation_runs_chunked_and_says_so_once(fresh_choice, monkeypatch, caplog):
    break_compilation(monkeypatch)
    assert AdditiveAttention(8).path() == "compiled"
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert warm_up() == "chunked"
            assert AdditiveAttention(8).path() == "chunked"
            check_module(scale=1)
    assert [record.getMessage().endswith(": no space left") for record in caplog.records] == [True]


def test_failed_compilation_is_an_error_where_it_was_asked_for(fresh_choice, monkeypatch):
    break_compilation(monkeypatch)
    additive_path.prefer_path("compiled")
    with pytest.raises(OSError, match="no space left"):
        warm_up()


def test_compiler_that_refuses_is_quoted(fresh_choice, monkeypatch, caplog, tmp_path):
    """A compiler of another processor, say, that knows none of the flags."""
    refusing = tmp_path / "cc"
    refusing.write_text("#!/bin/sh\necho 'cc: what is -march?' >&2\nexit 1\n", encoding="utf-8")
    refusing.chmod(0o755)
    monkeypatch.setenv("CC", str(refusing))
    additive_kernel.load_library.cache_clear()
    with caplog.at_level(logging.WARNING, logger="models"):
        assert warm_up() == "chunked"
        check_module(scale=1)
    assert "cc: what is -march?" in caplog.text
    additive_kernel.load_library.cache_clear()
