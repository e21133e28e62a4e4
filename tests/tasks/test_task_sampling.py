"""The sampler: its batches, how they are drawn, and its errors."""

import re
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor

from tasks import TASKS, sampling
from tasks.sampling import belongs_to, sample_batch

SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("length", "symbols", "batch_size"), [(1, 2, 1), (16, 2, 300), (4, 16, 300), (100, 128, 7)]
)
def test_a_batch_is_of_the_size_and_split_asked_for(
    length: int, symbols: int, batch_size: int, split: str
) -> None:
    batch = sample_batch(
        TASKS["sort"],
        torch.Generator().manual_seed(0),
        batch_size=batch_size,
        length=length,
        symbols=symbols,
        split=split,
    )
    assert batch.source.shape == (batch_size, length)
    assert batch.source.dtype == torch.int64
    assert batch.source.min() >= 0
    assert batch.source.max() < symbols
    assert belongs_to(batch.source, symbols=symbols, split=split).all()
    assert torch.equal(batch.target, batch.source.sort(dim=1).values)
    assert torch.equal(batch.target_in[:, 1:], batch.target[:, :-1])
    assert (batch.target_in[:, 0] == symbols).all()
    assert batch.symbols == symbols


def test_a_draw_in_many_rounds_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_ITEMS_PER_ROUND", 1)
    source = sample_batch(
        TASKS["copy"],
        torch.Generator().manual_seed(0),
        batch_size=20,
        length=30,
        symbols=4,
        split="test",
    ).source
    assert source.shape == (20, 30)
    assert belongs_to(source, symbols=4, split="test").all()


def check_uniform(draw: Callable[[torch.Generator], Tensor], expected: int) -> None:
    """Every possible source is drawn, and equally often."""
    drawn = Counter(map(tuple, draw(torch.Generator().manual_seed(0)).tolist()))
    assert len(drawn) == expected, f"{len(drawn)} distinct sources"
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-4, "not uniform"


def draw_unsplit(generator: torch.Generator) -> Tensor:
    return sample_batch(
        TASKS["copy"], generator, batch_size=20_000, length=3, symbols=4, split="train"
    ).source


def draw_held_out(generator: torch.Generator) -> Tensor:
    return sample_batch(
        TASKS["copy"], generator, batch_size=80_000, length=4, symbols=16, split="test"
    ).source


def draw_smaller_of_two(generator: torch.Generator) -> Tensor:
    return torch.minimum(draw_unsplit(generator), draw_unsplit(generator))


def test_sources_are_uniform() -> None:
    check_uniform(draw_unsplit, 64)


def test_held_out_sources_are_uniform() -> None:
    every_source = torch.cartesian_prod(*[torch.arange(16)] * 4)
    members = belongs_to(every_source, symbols=16, split="test").sum().item()
    check_uniform(draw_held_out, int(members))


def test_uniformity_rejects_a_biased_sampler() -> None:
    with pytest.raises(AssertionError, match="not uniform"):
        check_uniform(draw_smaller_of_two, 64)


def test_a_generator_goes_on_where_it_stopped() -> None:
    generator = torch.Generator().manual_seed(0)
    first = draw_unsplit(generator)
    assert not torch.equal(first, draw_unsplit(generator))


def test_a_batch_moves_as_a_whole() -> None:
    batch = sample_batch(
        TASKS["copy"],
        torch.Generator().manual_seed(0),
        batch_size=2,
        length=3,
        symbols=4,
        split="train",
    ).to("meta")
    assert {batch.source.device, batch.target.device, batch.target_in.device} == {
        torch.device("meta")
    }
    assert batch.symbols == 4


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("batch_size", 0, "batch_size: must be at least 1, got 0"),
        ("length", 0, "length: must be at least 1, got 0"),
        ("symbols", 1, "symbols: must be at least 2, got 1"),
        ("split", "dev", "split: 'dev' is not a split; use train, validation or test"),
    ],
)
def test_arguments_are_validated(argument: str, value: object, message: str) -> None:
    arguments: dict[str, object] = {
        "batch_size": 2,
        "length": 3,
        "symbols": 4,
        "split": "train",
        argument: value,
    }
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        sample_batch(TASKS["copy"], torch.Generator(), **arguments)  # type: ignore[arg-type]


class GeneratorElsewhere(torch.Generator):
    """What a generator of an accelerator looks like."""

    device = torch.device("cuda", 0)


def test_the_generator_lives_on_the_cpu() -> None:
    with pytest.raises(ValueError, match=r"^generator: must live on the cpu, got one on cuda:0$"):
        sample_batch(
            TASKS["copy"],
            GeneratorElsewhere(),
            batch_size=1,
            length=3,
            symbols=4,
            split="train",
        )
