"""Real measurements of small models: every cell has its row, whatever happens to one of them."""

import os
from dataclasses import asdict

import pytest
import torch

from bench.execution.engine import child_events
from bench.timing import measure as timing
from bench.timing.cases import Cell, Measurement
from bench.timing.measure import measure, noise_of
from models import MODELS
from models.config import ModelConfig
from results.schema.columns import from_json
from results.schema.rows import MEASURED_COLUMNS, NOISY, OK, PHASES, STEADY, ThroughputRow
from tests.plugins.broken import REPAIRED

HAS_AFFINITY = hasattr(os, "sched_setaffinity")


@pytest.fixture(autouse=True)
def _process_as_before():
    """A measurement binds its process, which here is that of the tests."""
    threads = torch.get_num_threads()
    usable = os.sched_getaffinity(0) if HAS_AFFINITY else None
    yield
    torch.set_num_threads(threads)
    if usable is not None:
        os.sched_setaffinity(0, usable)


def measurement(models=("rnn",), lengths=(2, 4), phases=PHASES, **changes):
    builders = {name: MODELS[name].builder if name in MODELS else name for name in models}
    fields = {
        "builders": builders,
        "cells": tuple(
            Cell(model, length, phase) for model in models for length in lengths for phase in phases
        ),
        "config": ModelConfig(symbols=16, hidden=8),
        "device": "cpu",
        "batch_size": 3,
        "threads": 1,
    }
    return Measurement(**fields | changes)


def test_every_cell_has_its_row():
    asked = measurement(("rnn", "seq2seq+additive"))
    emitted = []
    rows = list(measure(asked, emitted.append))
    assert emitted == [{"memory": 1}] * 12
    assert {Cell(row.model, row.length, row.phase) for row in rows} == set(asked.cells)
    assert [row.length for row in rows] == [2] * 6 + [4] * 6
    for row in rows:
        assert (row.status, row.rounds, row.batch_size) == (OK, timing.ROUNDS, 3)
        assert row.tokens_per_second == pytest.approx(3 * row.length / row.median_seconds)
        assert row.flops_per_second == pytest.approx(row.flops / row.median_seconds)
        assert 0 < row.matrix_product_ratio < 1.5
        assert row.parameters > 0
        assert row.attention_path == (None if row.model == "rnn" else asked_path())
        if HAS_AFFINITY:
            assert row.processors == 1
            assert 0 <= row.peak_memory_bytes < 2**24


def asked_path():
    from models.attention.additive import warm_up

    return warm_up()


def test_child_process_measures_the_same(tmp_path):
    asked = measurement(lengths=(2,))
    events = list(child_events("bench.timing.measure", asdict(asked), out=tmp_path))
    assert events[:3] == [{"memory": 1}] * 3
    (last,) = events[3:]
    rows = [from_json(ThroughputRow, row) for row in last["rows"]]
    assert {Cell(row.model, row.length, row.phase) for row in rows} == set(asked.cells)


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("Greedy", "out_of_memory", "RuntimeError: "),
        ("Raising", "failed", "ValueError: longer than 2"),
        ("Unbuildable", "failed", "ValueError: there is nothing to build"),
        ("Killed", "out_of_memory", "killed, as a system does"),
    ],
)
def test_model_that_cannot_is_a_row_and_the_others_go_on(model, status, said):
    broken = f"tests.plugins.broken:{model}"
    rows = list(measure(measurement((broken, "seq2seq"), lengths=(4,), phases=("forward",))))
    by_model = {row.model: row for row in rows}
    assert by_model["seq2seq"].status == OK
    row = by_model[broken]
    assert row.status == status
    assert row.error.startswith(said)
    assert all(getattr(row, name) is None for name in MEASURED_COLUMNS)


def test_what_fails_only_when_it_is_timed_is_a_row(monkeypatch):
    monkeypatch.setenv(REPAIRED, "1")

    def repaired_in_the_fork_only(*arguments, **options):
        peak = peak_memory(*arguments, **options)
        monkeypatch.delenv(REPAIRED, raising=False)
        return peak

    peak_memory = timing.peak_memory
    monkeypatch.setattr(timing, "peak_memory", repaired_in_the_fork_only)
    asked = measurement(("tests.plugins.broken:Raising",), lengths=(4,), phases=("forward",))
    (row,) = measure(asked)
    assert (row.status, row.error) == ("failed", "ValueError: longer than 2")


def test_cells_of_one_length_are_timed_in_turns(monkeypatch):
    """Round after round, and a matrix product before each of them."""
    called = []

    def time(function, asked):
        called.append(function)
        return 1.0

    monkeypatch.setattr(timing, "_time", time)
    list(measure(measurement(lengths=(2,))))
    rounds = called[-2 * 3 * timing.ROUNDS :]
    reference, *first = rounds[:6]
    assert rounds == timing.ROUNDS * [reference, *first]
    assert first[1] == first[3] == reference
    assert len({reference, *first}) == 4


def test_noise_is_a_verdict_on_the_spread_of_either():
    calm, restless = [1.0, 1.01, 1.02, 0.99, 1.0], [1.0, 1.3, 0.8, 1.2, 0.9]
    assert noise_of(calm, calm) == STEADY
    assert noise_of(calm, restless) == noise_of(restless, calm) == NOISY
    outlier = [1.0] * 9 + [50.0]
    assert noise_of(outlier, calm) == STEADY


@pytest.mark.skipif(not HAS_AFFINITY, reason="processes cannot be bound to processors here")
def test_process_is_bound_to_as_many_processors_as_threads():
    usable = os.sched_getaffinity(0)
    assert timing.bind(1) == 1
    assert os.sched_getaffinity(0) == {max(usable)}
