"""How fast each model trains and answers, and in how much memory, while nothing else runs.

As a child process (`bench.execution.worker_main`) it reads what to measure from standard input and
writes the rows of one length per line, after a line for each cell whose memory is known.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from statistics import median, quantiles
from typing import Any, TextIO

import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from bench.execution.provenance import provenance
from bench.timing.cases import Cell, Measurement
from bench.timing.peak_memory import Peak, peak_memory
from bench.timing.phases import Phase, prepare
from bench.training.building import build_model
from bench.training.failure_status import summary_of
from bench.training.seeding import stream
from models.interface import attention_path, parameter_count
from results.schema.columns import to_json
from results.schema.rows import NOISY, OK, STEADY, ThroughputRow

ROUNDS = 7
NOISY_FROM = 0.1
LEAST_CPU_SHARE = 0.9
_REFERENCE_SIZE = 512
_REFERENCE_FLOPS = 2 * _REFERENCE_SIZE**3
_PEAK_ROUNDS = 30

Emit = Callable[[dict[str, Any]], None]


def measure(measurement: Measurement, emit: Emit = lambda event: None) -> Iterator[ThroughputRow]:
    """Yield a row for every cell, the cells of one length after those of another.

    Memory comes first, for all of them. Then cells of one length are timed in turns, round after
    round, and a fixed matrix product beside each of them, so that the ratio of the two is free of
    the machine's mood.

    Args:
        emit: Called once for each cell whose memory is known.
    """
    processors = bind(measurement.threads)
    torch.set_num_threads(measurement.threads)
    _compile(measurement)
    cells = sorted(measurement.cells, key=lambda cell: cell.length)
    peaks = {}
    for cell in cells:
        peaks[cell] = _peak(measurement, cell)
        emit({"memory": 1})
    reference = _reference_product(measurement.device)
    best = _REFERENCE_FLOPS / min(_time(reference, measurement) for _ in range(_PEAK_ROUNDS))
    for _, of_length in groupby(cells, key=lambda cell: cell.length):
        timed = [
            _prepared(measurement, cell, peak=peaks[cell], processors=processors)
            for cell in of_length
        ]
        _time_in_turns(timed, reference, measurement)
        for each in timed:
            yield each.row(measurement, best_flops_per_second=best)


def bind(threads: int) -> int | None:
    """Bind this process to as many processors as it has threads; None where that cannot be done.

    To the last ones: a system that handles interrupts on some processors does so on the first.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, usable[-threads:])
    return len(os.sched_getaffinity(0))


def _compile(measurement: Measurement) -> None:
    """Compile what the models compile, here and not in each of the forks that take memory."""
    for builder in measurement.builders.values():
        try:
            build_model(builder, measurement.config, seed=0, device=measurement.device)
        except Exception:
            continue  # Its cells will say why.


def _phase(measurement: Measurement, cell: Cell, *, length: int, batch_size: int) -> Phase:
    return prepare(
        cell.phase,
        measurement.builders[cell.model],
        config=measurement.config,
        length=length,
        batch_size=batch_size,
        device=measurement.device,
    )


def _peak(measurement: Measurement, cell: Cell) -> Peak:
    def work(*, length: int, batch_size: int) -> None:
        _phase(measurement, cell, length=length, batch_size=batch_size).call()

    return peak_memory(
        partial(work, length=cell.length, batch_size=measurement.batch_size),
        rehearsal=partial(work, length=1, batch_size=1),
        device=measurement.device,
    )


@dataclass
class _Timed:
    """One cell: ready to be timed, or with what stopped it; and its times, round by round."""

    cell: Cell
    peak: Peak
    processors: int | None
    phase: Phase | None = None
    failure: tuple[str, str] | None = None
    seconds: list[float] = field(default_factory=list)
    reference_seconds: list[float] = field(default_factory=list)
    cpu_shares: list[float] = field(default_factory=list)

    def row(self, measurement: Measurement, *, best_flops_per_second: float) -> ThroughputRow:
        if self.phase is None:
            status, error = self.failure or ("failed", "not timed")
            return self._row(measurement, status=status, error=error)
        return self._row(
            measurement,
            status=OK,
            parameters=parameter_count(self.phase.model),
            attention_path=attention_path(self.phase.model),
            flops=self.phase.flops,
            **self._times(self.phase, measurement, best_flops_per_second=best_flops_per_second),
            peak_memory_bytes=self.peak.peak_bytes,
            reserved_memory_bytes=self.peak.reserved_bytes,
        )

    def _times(
        self, phase: Phase, measurement: Measurement, *, best_flops_per_second: float
    ) -> dict[str, float | int | str | None]:
        middle, spread = median(self.seconds), _interquartile_range(self.seconds)
        ratios = [
            seconds / product
            for seconds, product in zip(self.seconds, self.reference_seconds, strict=True)
        ]
        speed = None if phase.flops is None else phase.flops / middle
        return {
            "rounds": len(self.seconds),
            "median_seconds": middle,
            "iqr_seconds": spread,
            "tokens_per_second": measurement.batch_size * self.cell.length / middle,
            "reference_seconds": median(self.reference_seconds),
            "reference_ratio": median(ratios),
            "reference_ratio_iqr": _interquartile_range(ratios),
            "noise": NOISY
            if measurement.device == "cpu" and median(self.cpu_shares) < LEAST_CPU_SHARE
            else noise_of(self.seconds, self.reference_seconds),
            "flops_per_second": speed,
            "matrix_product_ratio": None if speed is None else speed / best_flops_per_second,
        }

    def _row(self, measurement: Measurement, **measured: Any) -> ThroughputRow:
        config, device = measurement.config, measurement.device
        return ThroughputRow(
            model=self.cell.model,
            phase=self.cell.phase,
            length=self.cell.length,
            batch_size=measurement.batch_size,
            symbols=config.symbols,
            cell=config.cell,
            hidden=config.hidden,
            embedding=config.embedding,
            encoder=config.encoder,
            device=device,
            processors=self.processors,
            **provenance(device, threads=measurement.threads),  # type: ignore[arg-type]
            **measured,
        )


def _prepared(
    measurement: Measurement, cell: Cell, *, peak: Peak, processors: int | None
) -> _Timed:
    """Prepare a cell whose memory was there, and call it once, untimed."""
    timed = _Timed(cell, peak, processors, failure=peak.failure)
    if peak.failure is None:
        try:
            phase = _phase(measurement, cell, length=cell.length, batch_size=measurement.batch_size)
            phase.call()
            timed.phase = phase
        except Exception as error:
            timed.failure = summary_of(error)
    return timed


def _time_in_turns(
    timed: Sequence[_Timed], reference: Callable[[], Tensor], measurement: Measurement
) -> None:
    for _ in range(ROUNDS):
        for each in timed:
            if each.phase is not None:
                with _noting_cpu_share(each.cpu_shares):
                    each.reference_seconds.append(_time(reference, measurement))
                    each.seconds.append(_time(each.phase.call, measurement))


def _time(function: Callable[[], Any], measurement: Measurement) -> float:
    """Return the seconds of one call, after two that warm up; on a GPU until its work is done."""
    timer = Timer("function()", globals={"function": function}, num_threads=measurement.threads)
    return timer.timeit(1).median


@contextmanager
def _noting_cpu_share(shares: list[float]) -> Iterator[None]:
    """Note which share of the time this process was at work.

    A neighbour on the same core may slow every round alike, which no spread shows.
    """
    began, used = time.perf_counter(), time.process_time()
    yield
    shares.append((time.process_time() - used) / (time.perf_counter() - began))


def noise_of(*series: Sequence[float]) -> str:
    """Return the verdict on times of the same work, one series for each kind of work."""
    spreads = (_interquartile_range(times) / median(times) for times in series)
    return NOISY if any(spread > NOISY_FROM for spread in spreads) else STEADY


def _interquartile_range(values: Sequence[float]) -> float:
    lower, _, upper = quantiles(values, n=4, method="inclusive")
    return upper - lower


def _reference_product(device: str) -> Callable[[], Tensor]:
    matrix = torch.randn(
        _REFERENCE_SIZE, _REFERENCE_SIZE, generator=stream(0, "reference product")
    ).to(device)
    return lambda: matrix @ matrix


def main(events: TextIO) -> int:
    """Measure what stands on standard input."""

    def emit(event: dict[str, Any]) -> None:
        print(json.dumps(event), file=events, flush=True)

    measurement = Measurement.from_json(sys.stdin.readline())
    for _, rows in groupby(measure(measurement, emit), key=lambda row: row.length):
        emit({"rows": [to_json(row) for row in rows]})
    return 0
