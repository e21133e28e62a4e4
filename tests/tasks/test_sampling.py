"""Batches: their form, their uniformity, and what is refused. The splits are in test_splits.py."""

import re
from collections import Counter

import pytest
import torch
from scipy import stats

from tasks import TASKS, sampling
from tasks.sampling import Batch, belongs_to, sample_batch, with_start


def draw(task: str = "copy", generator: torch.Generator | None = None, **changes: object) -> Batch:
    sizes = {"batch_size": 2, "length": 3, "symbols": 4, "split": "train"} | changes
    generator = generator or torch.Generator().manual_seed(0)
    return sample_batch(TASKS[task], generator, **sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(
    ("length", "symbols", "batch_size"), [(1, 2, 1), (16, 2, 300), (100, 128, 7)]
)
def test_a_batch_is_of_the_size_and_split_asked_for(
    length: int, symbols: int, batch_size: int, split: str
) -> None:
    batch = draw("sort", batch_size=batch_size, length=length, symbols=symbols, split=split)
    assert batch.source.shape == (batch_size, length)
    assert batch.source.dtype == torch.int64
    assert batch.source.min() >= 0
    assert batch.source.max() < symbols
    assert belongs_to(batch.source, symbols=symbols, split=split).all()
    assert torch.equal(batch.target, batch.source.sort(dim=1).values)
    assert torch.equal(batch.target_in, with_start(batch.target, symbols))
    assert batch.symbols == symbols


def test_target_in_is_the_target_one_step_later_behind_the_start_symbol() -> None:
    assert with_start(torch.tensor([[3, 1, 2], [0, 0, 1]]), 4).tolist() == [[4, 3, 1], [4, 0, 0]]
    assert with_start(torch.tensor([[1]]), 2).tolist() == [[2]]


def test_a_draw_in_many_rounds_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_ITEMS_PER_ROUND", 1)
    source = draw(batch_size=20, length=30, split="test").source
    assert source.shape == (20, 30)
    assert belongs_to(source, symbols=4, split="test").all()


@pytest.mark.parametrize(
    ("batch_size", "length", "symbols", "split"),
    [(20_000, 3, 4, "train"), (80_000, 4, 16, "test")],
    ids=["not split", "held out"],
)
def test_sources_are_uniform(batch_size: int, length: int, symbols: int, split: str) -> None:
    batch = draw(batch_size=batch_size, length=length, symbols=symbols, split=split)
    every_source = torch.cartesian_prod(*[torch.arange(symbols)] * length)
    drawn = Counter(map(tuple, batch.source.tolist()))
    assert len(drawn) == belongs_to(every_source, symbols=symbols, split=split).sum()
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-4


def test_a_generator_goes_on_where_it_stopped() -> None:
    generator = torch.Generator().manual_seed(0)
    first = draw(generator=generator, length=20)
    assert not torch.equal(first.source, draw(generator=generator, length=20).source)


def test_a_batch_moves_as_a_whole() -> None:
    batch = draw().to("meta")
    tensors = (batch.source, batch.target, batch.target_in)
    assert {each.device for each in tensors} == {torch.device("meta")}
    assert batch.symbols == 4


class GeneratorElsewhere(torch.Generator):
    """Looks like a generator of an accelerator."""

    device = torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("batch_size", 0, "batch_size: must be at least 1, got 0"),
        ("length", 0, "length: must be at least 1, got 0"),
        ("symbols", 1, "symbols: must be at least 2, got 1"),
        ("split", "dev", "split: 'dev' is not a split; use train, validation or test"),
        (
            "generator",
            GeneratorElsewhere(),
            "generator: must live on the cpu, got one on cuda:0",
        ),
    ],
)
def test_arguments_are_validated(argument: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        draw(**{argument: value})  # type: ignore[arg-type]
