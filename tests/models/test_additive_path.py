"""Which form of the additive scores is used, and what is said about it."""

import logging

import pytest
from attention_checks import check_module

from models import additive, additive_path
from models.additive import warm_up
from models.attention import AdditiveAttention


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


def test_short_sources_are_not_worth_compiling(fresh_choice, monkeypatch):
    """The choice is the length's alone, so a curriculum begins alike however far it goes."""
    monkeypatch.setattr(additive_path, "_has_compiler", lambda device_type: True)
    attention = AdditiveAttention(8)
    assert [attention.path(length) for length in (1, 50, 51, 200)] == ["chunked"] * 2 + [
        "compiled"
    ] * 2


def test_preference_is_checked():
    with pytest.raises(
        ValueError, match="preference: 'fast' is unknown; use auto, compiled, chunk"
    ):
        additive_path.prefer_path("fast")


def test_without_a_compiler_it_runs_chunked_and_says_so_once(fresh_choice, monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert AdditiveAttention(8).path(64) == "chunked"
            assert warm_up(source_length=64) == "chunked"
            check_module(scale=1)
    assert [record.name for record in caplog.records] == ["models.additive_path"]
    assert "no C++ compiler (no-such-compiler) found" in caplog.text


def break_compilation(monkeypatch):
    def fail(kernel):
        raise OSError("no space left\non the device")

    monkeypatch.setattr(additive_path, "_compiled", fail)
    monkeypatch.setattr(additive_path, "_has_compiler", lambda device_type: True)


def test_failed_compilation_runs_chunked_and_says_so_once(fresh_choice, monkeypatch, caplog):
    break_compilation(monkeypatch)
    assert AdditiveAttention(8).path(64) == "compiled"
    with caplog.at_level(logging.WARNING, logger="models"):
        for _ in range(2):
            assert warm_up(source_length=64) == "chunked"
            assert AdditiveAttention(8).path(64) == "chunked"
            check_module(scale=1)
    assert [record.getMessage().endswith(": no space left") for record in caplog.records] == [True]


def test_failed_compilation_is_an_error_where_it_was_asked_for(fresh_choice, monkeypatch):
    break_compilation(monkeypatch)
    additive_path.prefer_path("compiled")
    with pytest.raises(OSError, match="no space left"):
        warm_up(source_length=64)
