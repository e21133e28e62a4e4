"""Micro-benchmarks, `pytest --benchmark-only`: median and IQR of a few rounds on one thread."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from jaxtyping import config as type_checks
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from bench.timing.cases import Case, Measurement
from bench.timing.measure import prepare
from bench.training.seeding import stream
from models import MODELS
from models.attention.additive import AdditiveKeys, additive_keys, additive_scores, warm_up
from models.config import ModelConfig
from models.interface import attention_path
from models.recurrent import reader
from results.schema.rows import PHASES
from tasks import TASKS
from tasks.sampling import sample_batch

LENGTHS = (10, 50, 100, 200)
BATCH_SIZE = 64
ROUNDS = 5
# Batch, length and state size at which the speed of additive attention is claimed.
ATTENTION_SIZES = (64, 200, 128)
LAYER_SIZES = ((32, 200, 64), (64, 200, 128))

# torch itself gives this warning while it compiles; as an error it would leave the chunked form.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def as_in_a_model_run() -> Iterator[None]:
    """One thread, and none of the type checks that the other tests make in every call."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    type_checks.update("jaxtyping_disable", True)
    yield
    type_checks.update("jaxtyping_disable", False)
    torch.set_num_threads(threads)


def time_rounds(
    benchmark: BenchmarkFixture,
    function: Callable[[], Any],
    *,
    group: str,
    rounds: int = ROUNDS,
    repeats: int = 1,
    **facts: Any,
) -> Any:
    """Time a function, after a round that warms up and compiles, and note what it worked on."""
    benchmark.group = group
    benchmark.extra_info.update(facts, threads=torch.get_num_threads())
    return benchmark.pedantic(function, rounds=rounds, iterations=repeats, warmup_rounds=1)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("length", LENGTHS, ids="{}-items".format)
@pytest.mark.parametrize("model", [name for name, entry in MODELS.items() if entry.is_default])
def test_phase(benchmark: BenchmarkFixture, model: str, length: int, phase: str) -> None:
    """What `python -m bench.throughput` times, too."""
    measurement = Measurement(
        builders={model: MODELS[model].builder},
        cases=(Case(model, length, phase),),
        config=ModelConfig(symbols=TASKS["copy"].default_symbols),
        device="cpu",
        batch_size=BATCH_SIZE,
        threads=1,
    )
    prepared = prepare(measurement, *measurement.cases)
    result = time_rounds(
        benchmark,
        prepared.call,
        group=f"{phase.replace('_', ' ')}, {length:>3} items",
        model=model,
        length=length,
        batch_size=BATCH_SIZE,
        flops=prepared.flops,
        attention_path=attention_path(prepared.model),
    )
    assert phase == "train_step" or result.shape[:2] == (BATCH_SIZE, length)


def as_it_stands(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    """The formula with its tensor of four axes."""
    return torch.tanh(query[:, :, None] + memory[:, None]) @ v


def as_it_stands_compiled(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    return torch.compile(as_it_stands)(query, memory, v)


def in_chunks(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    return additive_scores(query, AdditiveKeys(memory, None), v)


def as_in_models(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    return additive_scores(query, additive_keys(memory), v)


def gradients(scores: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(scores(*inputs).square().sum(), inputs)


@pytest.mark.parametrize("scores", [as_in_models, in_chunks, as_it_stands, as_it_stands_compiled])
def test_additive_attention(benchmark: BenchmarkFixture, scores: Callable[..., Tensor]) -> None:
    """Scores and their gradients, with the projections left out."""
    batch_size, length, hidden = ATTENTION_SIZES
    if scores is as_it_stands_compiled and not shutil.which(os.environ.get("CXX", "g++")):
        pytest.skip("no C++ compiler was found")
    shapes = (batch_size, length, hidden), (batch_size, length, hidden), (hidden,)
    generator = stream(0, "speed")
    inputs = tuple(torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)
    paths = {as_in_models: warm_up(), in_chunks: "chunked"}
    few = tuple((part[:1] if part.ndim > 1 else part).detach().requires_grad_() for part in inputs)

    time_rounds(
        benchmark,
        lambda: gradients(scores, inputs),
        group=f"additive attention, {batch_size} x {length} x {length} x {hidden}",
        rounds=3,
        length=length,
        batch_size=batch_size,
        attention_path=paths.get(scores, "plain"),
    )

    for ours, true in zip(gradients(scores, few), gradients(as_it_stands, few), strict=True):
        error = (ours - true).abs().max() / true.abs().max()
        assert error < 1e-4, "what was timed is another operation"


Layer = tuple[nn.Embedding, nn.LSTM]


def looked_up(layer: Layer, symbols: Tensor) -> Tensor:
    embedding, recurrent = layer
    return reader(recurrent, embedding)(symbols, None)[0]


def of_the_library(layer: Layer, symbols: Tensor) -> Tensor:
    embedding, recurrent = layer
    states: Tensor = recurrent(embedding(symbols))[0]
    return states


def item_by_item(layer: Layer, symbols: Tensor) -> Tensor:
    """The loop of tutorials, one call of the layer an item."""
    embedding, recurrent = layer
    states, state = [], None
    for item in embedding(symbols).split(1, dim=1):
        output, state = recurrent(item, state)
        states.append(output)
    return torch.cat(states, dim=1)


@pytest.mark.parametrize("sizes", LAYER_SIZES, ids=str)
@pytest.mark.parametrize("read", [looked_up, of_the_library, item_by_item])
def test_recurrent_layer(
    benchmark: BenchmarkFixture, read: Callable[..., Tensor], sizes: tuple[int, int, int]
) -> None:
    """The states of a decoder that is given the true items, and the gradients of its weights."""
    batch_size, length, hidden = sizes
    generator, symbols = stream(0, "speed"), TASKS["copy"].default_symbols
    embedding = nn.Embedding(symbols, hidden // 2)
    layer = (embedding, nn.LSTM(hidden // 2, hidden, batch_first=True))
    parameters = [parameter for part in layer for parameter in part.parameters()]
    source = torch.randint(symbols, (batch_size, length), generator=generator)

    def gradients_of(states: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(states.square().sum(), parameters)

    time_rounds(
        benchmark,
        lambda: gradients_of(read(layer, source)),
        group=f"LSTM, {batch_size} x {length} x {hidden}",
        length=length,
        batch_size=batch_size,
    )

    pairs = zip(
        gradients_of(read(layer, source[:2])),
        gradients_of(of_the_library(layer, source[:2])),
        strict=True,
    )
    assert all((one - other).abs().max() < 1e-4 * other.abs().max() for one, other in pairs)


@pytest.mark.parametrize("task_name", TASKS)
def test_sampler(benchmark: BenchmarkFixture, task_name: str) -> None:
    task, generator, length = TASKS[task_name], stream(0, "speed"), max(LENGTHS)

    batch = time_rounds(
        benchmark,
        lambda: sample_batch(
            task,
            generator,
            batch_size=BATCH_SIZE,
            length=length,
            symbols=task.default_symbols,
            split="train",
        ),
        group=f"sampler, {length} items",
        repeats=10,
        task=task_name,
        length=length,
        batch_size=BATCH_SIZE,
    )

    assert batch.target.shape == (BATCH_SIZE, length)
