"""How fast each model trains and answers, measured while nothing else runs.

As the child process (`bench.child`) of the last step of `bench.run` it reads what to measure from
standard input and writes one row per line.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, TextIO, cast

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from bench.model_run import status_of
from bench.provenance import provenance
from bench.recipe import Recipe
from bench.seeding import seeded_initialisation, stream
from bench.train import build_optimizer, train_update
from models.config import ModelConfig
from models.interface import SequenceModel, attention_path, warm_up
from results.columns import to_json
from results.schema import OK, ThroughputRow
from tasks import TASKS
from tasks.references import resolve
from tasks.sampling import sample_batch

ROUNDS = 7
PHASES = ("train_step", "decode")
THREADS = 1
_TASK = TASKS["copy"]  # Speed does not depend on which symbols the batch holds.
_REFERENCE_SIZE = 512


@dataclass(frozen=True)
class Measurement:
    """What is timed: models by name and builder, at these lengths, with this configuration."""

    builders: dict[str, str]
    lengths: tuple[int, ...]
    config: ModelConfig
    device: str
    batch_size: int


def measure(measurement: Measurement) -> Iterator[ThroughputRow]:
    """Yield one row per model, length and phase.

    Models are interleaved within a round, and a fixed matrix product is timed beside each phase,
    so that the ratio of the two is free of the machine's mood. The first, untimed round warms up
    (it also compiles what is compiled).
    """
    torch.set_num_threads(THREADS)
    for length in measurement.lengths:
        phases = {}
        for model, builder in measurement.builders.items():
            try:
                phases[model] = _phases(builder, measurement, length=length)
                for run in phases[model].functions:
                    run()
            except Exception as error:
                phases.pop(model, None)
                for phase in PHASES:
                    yield _failed_row(measurement, model, phase, length=length, error=error)
        yield from _rows(measurement, phases, length=length)


@dataclass(frozen=True)
class _Phases:
    """A model's phases at one length, in the order of `PHASES`."""

    functions: tuple[Callable[[], Any], ...]
    attention_path: str | None


def _phases(builder: str, measurement: Measurement, *, length: int) -> _Phases:
    config, device = measurement.config, measurement.device
    with seeded_initialisation(0):
        model: nn.Module = resolve(builder)(config).to(device)
    recipe = Recipe(batch_size=measurement.batch_size)
    optimizer = build_optimizer(model, recipe)
    batch = sample_batch(
        _TASK,
        stream(0, "throughput", length),
        batch_size=measurement.batch_size,
        length=length,
        symbols=config.symbols,
        split="train",
    ).to(device)

    def train_step() -> Tensor:
        return train_update(model, optimizer, batch, clip_norm=recipe.clip_norm)

    def decode() -> Tensor:
        return cast(SequenceModel, model).generate(batch.source, length)

    warm_up(model)
    return _Phases((train_step, decode), attention_path(model))


def _rows(
    measurement: Measurement, phases: dict[str, _Phases], *, length: int
) -> Iterator[ThroughputRow]:
    reference = _reference_product(measurement.device)
    seconds: dict[tuple[str, str], list[float]] = {}
    references: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for model, of_model in phases.items():
            for phase, function in zip(PHASES, of_model.functions, strict=True):
                references.setdefault((model, phase), []).append(_time(reference))
                seconds.setdefault((model, phase), []).append(_time(function))
    for (model, phase), times in seconds.items():
        beside = references[model, phase]
        yield _row(
            measurement,
            model,
            phase,
            length=length,
            status=OK,
            rounds=ROUNDS,
            median_seconds=median(times),
            iqr_seconds=_interquartile_range(times),
            tokens_per_second=measurement.batch_size * length / median(times),
            reference_seconds=median(beside),
            reference_ratio=median(
                time / product for time, product in zip(times, beside, strict=True)
            ),
            attention_path=phases[model].attention_path,
        )


def _reference_product(device: str) -> Callable[[], Tensor]:
    matrix = torch.randn(
        _REFERENCE_SIZE, _REFERENCE_SIZE, generator=stream(0, "reference product")
    ).to(device)
    return lambda: matrix @ matrix


def _time(function: Callable[[], Any]) -> float:
    """Return the seconds of one call, after two that warm up; on a GPU until its work is done."""
    timer = Timer("function()", globals={"function": function}, num_threads=THREADS)
    return timer.timeit(1).median


def _interquartile_range(values: Sequence[float]) -> float:
    lower, _, upper = quantiles(values, n=4, method="inclusive")
    return upper - lower


def _failed_row(
    measurement: Measurement, model: str, phase: str, *, length: int, error: Exception
) -> ThroughputRow:
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    return _row(measurement, model, phase, length=length, status=status_of(error), error=summary)


def _row(
    measurement: Measurement, model: str, phase: str, *, length: int, **measured: Any
) -> ThroughputRow:
    config, device = measurement.config, measurement.device
    name = torch.cuda.get_device_name() if device == "cuda" else None
    return ThroughputRow(
        model=model,
        phase=phase,
        length=length,
        batch_size=measurement.batch_size,
        symbols=config.symbols,
        cell=config.cell,
        hidden=config.hidden,
        embedding=config.embedding,
        encoder=config.encoder,
        device=device,
        **provenance(device_name=name, threads=THREADS),  # type: ignore[arg-type]
        **measured,
    )


def main(events: TextIO) -> int:
    """Measure what stands on standard input."""
    order = json.loads(sys.stdin.readline())
    measurement = Measurement(
        builders=order["builders"],
        lengths=tuple(order["lengths"]),
        config=ModelConfig(**order["config"]),
        device=order["device"],
        batch_size=order["batch_size"],
    )
    for row in measure(measurement):
        print(json.dumps(to_json(row)), file=events, flush=True)
    return 0
