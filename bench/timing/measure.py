"""How fast each model trains and answers, and in how much memory, while nothing else runs.

As a child process (`bench.execution.worker_main`) it reads what to measure from standard input. It
writes a line for each case whose memory is known, then a line with the rows of each length.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from statistics import median, quantiles
from typing import Any, TextIO, cast

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from bench.execution.provenance import provenance
from bench.plan.recipe import Recipe
from bench.timing.cases import Case, Measurement
from bench.timing.peak_memory import Peak, peak_memory
from bench.training.failures import model_at_work, summary_of
from bench.training.seeding import build_model, stream
from bench.training.train import build_optimizer, train_update
from models.interface import SequenceModel, attention_path, forward_flops, parameter_count
from results.schema.columns import to_json
from results.schema.rows import FORWARD_PASSES_PER_UPDATE, NOISY, OK, STEADY, ThroughputRow
from tasks import TASKS
from tasks.sampling import Batch, sample_batch

ROUNDS = 7
NOISY_FROM = 0.1
LEAST_CPU_SHARE = 0.9
_TASK = TASKS["copy"]  # Speed does not depend on which symbols a batch has.
_REFERENCE_SIZE = 512
_REFERENCE_FLOPS = 2 * _REFERENCE_SIZE**3
_PEAK_ROUNDS = 30

Call = Callable[[], Any]
Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Phase:
    """One phase of one model on one batch, ready to be called again and again.

    Attributes:
        flops: Floating-point operations of a call; None if the model does not say.
    """

    call: Call
    model: nn.Module
    flops: int | None


def prepare(measurement: Measurement, case: Case) -> Phase:
    """Build the model of a case and draw a batch for it."""
    config, batch_size = measurement.config, measurement.batch_size
    model = build_model(measurement.builders[case.model], config, seed=0, device=measurement.device)
    batch = sample_batch(
        _TASK,
        stream(0, "throughput", case.length),
        batch_size=batch_size,
        length=case.length,
        symbols=config.symbols,
        split="train",
    ).to(measurement.device)
    # Decoding does what a forward pass does, one item at a time.
    passes = FORWARD_PASSES_PER_UPDATE if case.phase == "train_step" else 1
    flops = forward_flops(model, case.length, batch.target.shape[1])
    return Phase(
        call=_CALLS[case.phase](model, batch),
        model=model,
        flops=None if flops is None else flops * batch_size * passes,
    )


def _train_step(model: nn.Module, batch: Batch) -> Call:
    recipe = Recipe()
    optimizer = build_optimizer(model, recipe)
    return lambda: train_update(model, optimizer, batch, clip_norm=recipe.clip_norm)


def _forward(model: nn.Module, batch: Batch) -> Call:
    def call() -> Tensor:
        with torch.no_grad():
            return model(batch.source, batch.target_in)

    return call


def _decode(model: nn.Module, batch: Batch) -> Call:
    return lambda: cast(SequenceModel, model).generate(batch.source, batch.target.shape[1])


_CALLS = {"train_step": _train_step, "forward": _forward, "decode": _decode}


def measure(measurement: Measurement, emit: Emit = lambda event: None) -> Iterator[ThroughputRow]:
    """Yield a row for every case, one length after another.

    Args:
        emit: Called once for each case whose memory is known.
    """
    processors = bind(measurement.threads)
    torch.set_num_threads(measurement.threads)
    # Compiled here, and not again in each of the forks that take memory.
    for builder in measurement.builders.values():
        with suppress(Exception), model_at_work():  # The model's cases will say why.
            build_model(builder, measurement.config, seed=0, device=measurement.device)
    cases = sorted(measurement.cases, key=lambda case: case.length)
    # All the memory first: once this process has computed with several threads it cannot fork.
    peaks = {}
    for case in cases:
        peaks[case] = _peak(measurement, case)
        emit({"memory": 1})
    reference = _reference_product(measurement.device)
    best = _REFERENCE_FLOPS / min(_time(reference, measurement) for _ in range(_PEAK_ROUNDS))
    for _, of_length in groupby(cases, key=lambda case: case.length):
        timed = [_prepared(measurement, case, peaks[case]) for case in of_length]
        _time_in_turns(timed, reference, measurement)
        for each in timed:
            yield _row(each, measurement, processors=processors, best_flops_per_second=best)


def bind(threads: int) -> int | None:
    """Bind this process to as many processors as it has threads; None where that cannot be done."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    # The last ones: a system that handles interrupts on some processors does so on the first.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    return len(os.sched_getaffinity(0))


def _peak(measurement: Measurement, case: Case) -> Peak:
    smallest = replace(measurement, batch_size=1), replace(case, length=1)
    return peak_memory(
        lambda: prepare(measurement, case).call(),
        rehearsal=lambda: prepare(*smallest).call(),
        device=measurement.device,
    )


@dataclass
class _Timed:
    """One case, ready to be timed or with what stopped it, and its times round by round."""

    case: Case
    peak: Peak
    phase: Phase | None = None
    failure: tuple[str, str] | None = None
    seconds: list[float] = field(default_factory=list)
    reference_seconds: list[float] = field(default_factory=list)
    cpu_shares: list[float] = field(default_factory=list)

    @contextmanager
    def failing_alone(self) -> Iterator[None]:
        """Make what stops this case its row, and stop no other."""
        try:
            with model_at_work():
                yield
        except Exception as error:
            self.phase, self.failure = None, summary_of(error)


def _prepared(measurement: Measurement, case: Case, peak: Peak) -> _Timed:
    """Prepare a case whose memory was there, and call it once, untimed."""
    timed = _Timed(case, peak, failure=peak.failure)
    if peak.failure is None:
        with timed.failing_alone():
            phase = prepare(measurement, case)
            phase.call()
            timed.phase = phase
    return timed


def _time_in_turns(timed: Sequence[_Timed], reference: Call, measurement: Measurement) -> None:
    # Round after round, so that a slow minute of the machine falls on all cases alike. The product
    # beside each of them is slowed by the same neighbours, and the ratio of the two is not.
    for _ in range(ROUNDS):
        for each in timed:
            if each.phase is None:
                continue
            with each.failing_alone():
                began, used = time.perf_counter(), time.process_time()
                each.reference_seconds.append(_time(reference, measurement))
                each.seconds.append(_time(each.phase.call, measurement))
                # A neighbour on the same core may slow every round alike, which no spread shows.
                share = (time.process_time() - used) / (time.perf_counter() - began)
                each.cpu_shares.append(share)


def _time(function: Call, measurement: Measurement) -> float:
    """Time one call after two that warm up; on a GPU until its work is done."""
    timer = Timer("function()", globals={"function": function}, num_threads=measurement.threads)
    return timer.timeit(1).median


def noise_of(*series: Sequence[float]) -> str:
    """Judge times of the same work, one series for each kind of work."""
    spreads = (_interquartile_range(times) / median(times) for times in series)
    return NOISY if any(spread > NOISY_FROM for spread in spreads) else STEADY


def _interquartile_range(values: Sequence[float]) -> float:
    lower, _, upper = quantiles(values, n=4, method="inclusive")
    return upper - lower


def _reference_product(device: str) -> Call:
    matrix = torch.randn(
        _REFERENCE_SIZE, _REFERENCE_SIZE, generator=stream(0, "reference product")
    ).to(device)
    return lambda: matrix @ matrix


def _row(
    timed: _Timed,
    measurement: Measurement,
    *,
    processors: int | None,
    best_flops_per_second: float,
) -> ThroughputRow:
    known: dict[str, Any] = {
        **measurement.columns_of(timed.case),
        "processors": processors,
        **provenance(measurement.device, threads=measurement.threads),
    }
    if timed.phase is not None:
        with timed.failing_alone():  # A model's own words are columns.
            figures = _figures(timed, timed.phase, measurement, best_flops_per_second)
            return ThroughputRow(**known, **figures)
    status, error = timed.failure or ("failed", "not timed")
    return ThroughputRow(**known, status=status, error=error)


def _figures(
    timed: _Timed, phase: Phase, measurement: Measurement, best_flops_per_second: float
) -> dict[str, Any]:
    middle = median(timed.seconds)
    ratios = [
        seconds / product
        for seconds, product in zip(timed.seconds, timed.reference_seconds, strict=True)
    ]
    # On a GPU this process mostly waits.
    is_robbed = measurement.device == "cpu" and median(timed.cpu_shares) < LEAST_CPU_SHARE
    speed = None if phase.flops is None else phase.flops / middle
    return {
        "status": OK,
        "parameters": parameter_count(phase.model),
        "attention_path": attention_path(phase.model),
        "flops": phase.flops,
        "rounds": len(timed.seconds),
        "median_seconds": middle,
        "iqr_seconds": _interquartile_range(timed.seconds),
        "tokens_per_second": measurement.batch_size * timed.case.length / middle,
        "reference_seconds": median(timed.reference_seconds),
        "reference_ratio": median(ratios),
        "reference_ratio_iqr": _interquartile_range(ratios),
        "noise": NOISY if is_robbed else noise_of(timed.seconds, timed.reference_seconds),
        "flops_per_second": speed,
        "matrix_product_ratio": None if speed is None else speed / best_flops_per_second,
        "peak_memory_bytes": timed.peak.peak_bytes,
        "reserved_memory_bytes": timed.peak.reserved_bytes,
    }


def main(events: TextIO) -> int:
    """Measure what is on standard input."""

    def emit(event: dict[str, Any]) -> None:
        print(json.dumps(event), file=events, flush=True)

    measurement = Measurement.from_json(sys.stdin.readline())
    for _, rows in groupby(measure(measurement, emit), key=lambda row: row.length):
        emit({"rows": [to_json(row) for row in rows]})
    return 0
