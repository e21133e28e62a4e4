"""Real measurements of small models: every case has its row, whatever happens to one of them."""

import itertools
import os
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.execution.engine import child_events
from bench.timing import measure as timing
from bench.timing.cases import Case, Measurement
from bench.timing.measure import measure, noise_of, prepare
from models import MODELS
from models.config import CELLS, ModelConfig
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
        "cases": tuple(
            Case(model, length, phase) for model in models for length in lengths for phase in phases
        ),
        "config": ModelConfig(symbols=16, hidden=8),
        "device": "cpu",
        "batch_size": 3,
        "threads": 1,
    }
    return Measurement(**fields | changes)


# What a phase does, and the operations that it is said to take.

LENGTH, HIDDEN = 7, 16
# The counter sees matrix products. Of the scores of additive attention it sees none: an addition,
# a tanh and a multiply-add for each pair and hidden unit. Nor does it see a mean.
UNSEEN = {"seq2seq+additive": 4 * LENGTH * LENGTH * HIDDEN, "seq2seq+uniform": LENGTH * HIDDEN}
# Nor, in both layers over source and answer, of fused attention and of triangular solutions.
PAIRS = 2 * (2 * LENGTH) ** 2
UNSEEN |= {
    **dict.fromkeys(("transformer", "transformer-alibi", "transformer-nope"), 4 * PAIRS * HIDDEN),
    "gated-deltanet": 2 * PAIRS * HIDDEN,
}


def prepared(phase, model="seq2seq+dot", **choices):
    channel = {"channel_numbers": 8, "channel_snr": 3.0}
    config = ModelConfig(symbols=16, hidden=HIDDEN, **channel, **choices)
    asked = measurement((model,), lengths=(LENGTH,), phases=(phase,), config=config)
    return prepare(asked, *asked.cases)


def counted(call, monkeypatch):
    # Fused layers count as nothing, those of oneDNN and ours; without them products are seen.
    monkeypatch.setattr("models.kernels.lstm.is_ready", lambda: False)
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize(
    ("model", "choices"),
    [
        *((model, {}) for model in MODELS),
        *(("seq2seq+dot", {"cell": cell, "encoder": "uni"}) for cell in CELLS),
    ],
    ids=str,
)
def test_operations_are_those_that_are_counted(model, choices, monkeypatch):
    forward = prepared("forward", model, **choices)
    assert counted(forward.call, monkeypatch) == forward.flops - 3 * UNSEEN.get(model, 0)
    assert prepared("decode", model, **choices).flops == forward.flops
    assert prepared("forward", "tests.plugins.example:build").flops is None  # It does not say.


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_training_step_takes_about_three_forward_passes(monkeypatch):
    """Less than that: the first layer's input, an embedding, needs no gradient from a product."""
    step = prepared("train_step")
    assert step.flops == 3 * prepared("forward").flops
    assert 0.9 * step.flops < counted(step.call, monkeypatch) <= step.flops


@pytest.mark.parametrize("phase", PHASES)
def test_phase_does_its_work(phase):
    ready = prepared(phase)
    before = [parameter.clone() for parameter in ready.model.parameters()]
    shapes = {"train_step": (), "forward": (3, LENGTH, 16), "decode": (3, LENGTH)}
    result = ready.call()
    assert result.shape == shapes[phase]
    assert not result.requires_grad
    pairs = zip(before, ready.model.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs) == (phase != "train_step")


# Measuring. That cases are timed warm, in turns and beside a product: tests/test_pitfalls.py.


def test_every_case_has_its_row(tmp_path):
    asked = measurement(("rnn", "seq2seq+additive"))
    events = list(child_events("bench.timing.measure", asdict(asked), out=tmp_path))
    assert events[:12] == [{"memory": 1}] * 12
    rows = [from_json(ThroughputRow, row) for event in events[12:] for row in event["rows"]]
    assert {Case(row.model, row.length, row.phase) for row in rows} == set(asked.cases)
    assert [row.length for row in rows] == [2] * 6 + [4] * 6
    for row in rows:
        assert (row.status, row.rounds, row.batch_size) == (OK, timing.ROUNDS, 3)
        assert (row.symbols, row.hidden, row.embedding) == (16, 8, 4)
        assert row.tokens_per_second == pytest.approx(3 * row.length / row.median_seconds)
        assert row.flops_per_second == pytest.approx(row.flops / row.median_seconds)
        assert 0 < row.matrix_product_ratio < 1.5
        assert row.parameters > 0
        assert (row.attention_path is None) == (row.model == "rnn")
        if HAS_AFFINITY:
            assert row.processors == 1
            assert 0 <= row.peak_memory_bytes < 2**24


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("broken:Greedy", "out_of_memory", "RuntimeError: "),
        ("broken:Unbuildable", "failed", "ValueError: there is nothing to build"),
        ("broken:Killed", "out_of_memory", "killed, as a system does"),
        ("strange:Exit", "failed", "ModelError: the model or its task raised SystemExit: 0"),
        ("strange:Nul", "failed", r"ValueError: a\x00b"),
        ("strange:StrangePath", "failed", "ModelError: the model or its task raised ResultsError"),
    ],
)
def test_model_that_cannot_is_a_row_and_the_others_go_on(model, status, said):
    broken = f"tests.plugins.{model}"
    asked = measurement((broken, "seq2seq"), lengths=(4,), phases=("forward",))
    rows = {row.model: row for row in measure(asked)}
    assert rows["seq2seq"].status == OK
    assert rows[broken].status == status
    assert rows[broken].error.startswith(said)
    assert all(getattr(rows[broken], name) is None for name in MEASURED_COLUMNS)


def test_what_fails_only_when_it_is_timed_is_a_row(monkeypatch):
    monkeypatch.setenv(REPAIRED, "1")

    def repaired_in_the_fork_only(*arguments, peak_memory=timing.peak_memory, **options):
        peak = peak_memory(*arguments, **options)
        monkeypatch.delenv(REPAIRED, raising=False)
        return peak

    monkeypatch.setattr(timing, "peak_memory", repaired_in_the_fork_only)
    (row,) = measure(measurement(("tests.plugins.broken:Raising",), (4,), ("forward",)))
    assert (row.status, row.error) == ("failed", "ValueError: longer than 2")


def test_noise_is_a_verdict_on_the_spread_of_either():
    calm, restless = [1.0, 1.01, 1.02, 0.99, 1.0], [1.0, 1.3, 0.8, 1.2, 0.9]
    assert noise_of(calm, calm) == noise_of([1.0] * 9 + [50.0], calm) == STEADY
    assert noise_of(calm, restless) == noise_of(restless, calm) == NOISY


@pytest.mark.parametrize(("share", "noise"), [(0.89, NOISY), (0.91, STEADY)])
def test_a_process_that_had_less_of_its_processor_is_noisy(monkeypatch, share, noise):
    """Every round is slowed alike, so no spread shows it."""
    seconds, used = itertools.count(), itertools.count(step=share)
    clocks = SimpleNamespace(perf_counter=seconds.__next__, process_time=used.__next__)
    monkeypatch.setattr(timing, "time", clocks)
    monkeypatch.setattr(timing, "_time", lambda function, asked: 1.0)
    (row,) = measure(measurement(lengths=(2,), phases=("forward",)))
    assert row.noise == noise


@pytest.mark.skipif(not HAS_AFFINITY, reason="processes cannot be bound to processors here")
def test_process_is_bound_to_as_many_processors_as_threads():
    usable = os.sched_getaffinity(0)
    assert timing.bind(1) == 1
    assert os.sched_getaffinity(0) == {max(usable)}
