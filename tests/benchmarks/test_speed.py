"""Micro-benchmarks, `pytest --benchmark-only`: median and IQR of a few rounds on one thread."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from jaxtyping import config as type_checks
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from bench.recipe import Recipe
from bench.seeding import seeded_initialisation, stream
from bench.train import build_optimizer, train_update
from models import MODELS
from models.additive import AdditiveKeys, additive_keys, additive_scores, warm_up
from models.config import ModelConfig
from tasks import TASKS
from tasks.references import resolve
from tasks.sampling import Batch, sample_batch

LENGTHS = (10, 50, 100, 200)
BATCH_SIZE = 64
ROUNDS = 5

# torch itself gives this warning while it compiles; as an error it would leave the chunked form.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

default_models = pytest.mark.parametrize(
    "model_name", [name for name, entry in MODELS.items() if entry.is_default]
)
all_lengths = pytest.mark.parametrize("length", LENGTHS, ids="{}-items".format)


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
    repeats: int = 1,
    **facts: Any,
) -> Any:
    """Time a function, after a round that warms up and compiles, and note what it worked on."""
    benchmark.group = group
    benchmark.extra_info.update(facts, threads=torch.get_num_threads())
    return benchmark.pedantic(function, rounds=ROUNDS, iterations=repeats, warmup_rounds=1)


def build(model_name: str) -> Any:
    with seeded_initialisation(0):
        return resolve(MODELS[model_name].builder)(
            ModelConfig(symbols=TASKS["copy"].default_symbols)
        )


def copy_batch(length: int) -> Batch:
    return sample_batch(
        TASKS["copy"],
        stream(0, "speed", length),
        batch_size=BATCH_SIZE,
        length=length,
        symbols=TASKS["copy"].default_symbols,
        split="train",
    )


def model_facts(model_name: str, model: Any, length: int) -> dict[str, Any]:
    if hasattr(model, "warm_up"):
        model.warm_up()  # Only afterwards is it known which path the attention takes.
    return {
        "model": model_name,
        "length": length,
        "batch_size": BATCH_SIZE,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "attention_path": model.attention_path() if hasattr(model, "attention_path") else None,
    }


@all_lengths
@default_models
def test_train_step(benchmark: BenchmarkFixture, model_name: str, length: int) -> None:
    model, batch, recipe = build(model_name), copy_batch(length), Recipe()
    optimizer = build_optimizer(model, recipe)
    before = [parameter.clone() for parameter in model.parameters()]

    time_rounds(
        benchmark,
        lambda: train_update(model, optimizer, batch, clip_norm=recipe.clip_norm),
        group=f"train step, {length:>3} items",
        **model_facts(model_name, model, length),
    )

    pairs = zip(before, model.parameters(), strict=True)
    assert not any(torch.equal(old, new) for old, new in pairs), "a parameter was not trained"


@all_lengths
@default_models
def test_greedy_decode(benchmark: BenchmarkFixture, model_name: str, length: int) -> None:
    model, source = build(model_name), copy_batch(length).source

    answer = time_rounds(
        benchmark,
        lambda: model.generate(source, length),
        group=f"greedy decode, {length:>3} items",
        **model_facts(model_name, model, length),
    )

    assert answer.shape == (BATCH_SIZE, length)


def as_it_stands(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    """The formula with its tensor of four axes."""
    return torch.tanh(query[:, :, None] + memory[:, None]) @ v


def in_chunks(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    return additive_scores(query, AdditiveKeys(memory, None), v)


def as_in_models(query: Tensor, memory: Tensor, v: Tensor) -> Tensor:
    return additive_scores(query, additive_keys(memory), v)


def gradients(scores: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(scores(*inputs).square().sum(), inputs)


@pytest.mark.parametrize("scores", [as_in_models, in_chunks, as_it_stands])
def test_additive_attention(benchmark: BenchmarkFixture, scores: Callable[..., Tensor]) -> None:
    """Scores and their gradients, with the projections left out."""
    batch_size, length, hidden = 16, 100, 64
    shapes = (batch_size, length, hidden), (batch_size, length, hidden), (hidden,)
    generator = stream(0, "speed")
    inputs = tuple(torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)
    paths = {
        as_in_models: warm_up(),
        in_chunks: "chunked",
        as_it_stands: "plain",
    }

    timed = time_rounds(
        benchmark,
        lambda: gradients(scores, inputs),
        group=f"additive attention, {batch_size} x {length} x {length} x {hidden}",
        length=length,
        batch_size=batch_size,
        attention_path=paths[scores],
    )

    for ours, true in zip(timed, gradients(as_it_stands, inputs), strict=True):
        error = (ours - true).abs().max() / true.abs().max()
        assert error < 1e-4, "what was timed is another operation"


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
