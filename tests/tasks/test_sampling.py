"""Batches and their splits: fixed for ever, of the right size, and not to be guessed."""

import functools
import re
from collections import Counter

import pytest
import torch
from scipy import stats

from tasks import TASKS, sampling
from tasks.sampling import belongs_to, leak_fraction, sample_batch, sources_count, with_start

SHARES = {"train": 14 / 16, "validation": 1 / 16, "test": 1 / 16}
MASK = 2**64 - 1


def draw(task="copy", generator=None, **changes):
    sizes = {"batch_size": 2, "length": 3, "symbols": 4, "split": "train"} | changes
    return sample_batch(TASKS[task], generator or torch.Generator().manual_seed(0), **sizes)


@pytest.mark.parametrize(
    ("length", "symbols", "size", "split"),
    [(1, 2, 1, "train"), (16, 2, 300, "validation"), (100, 128, 7, "test")],
)
def test_a_batch_is_of_the_size_and_split_asked_for(length, symbols, size, split):
    batch = draw("sort", batch_size=size, length=length, symbols=symbols, split=split)
    assert batch.source.shape == (size, length)
    assert batch.source.dtype == torch.int64
    assert batch.source.min() >= 0
    assert batch.source.max() < symbols
    assert belongs_to(batch.source, symbols=symbols, split=split).all()
    assert torch.equal(batch.target, batch.source.sort(dim=1).values)
    assert torch.equal(batch.target_in, with_start(batch.target, symbols))
    assert batch.symbols == symbols
    tensors = [getattr(batch.to("meta"), name) for name in ("source", "target", "target_in")]
    assert {each.device for each in tensors} == {torch.device("meta")}


def test_target_in_is_the_target_one_step_later_behind_the_start_symbol():
    assert with_start(torch.tensor([[3, 1, 2], [0, 0, 1]]), 4).tolist() == [[4, 3, 1], [4, 0, 0]]


def test_a_draw_in_many_rounds_is_whole(monkeypatch):
    monkeypatch.setattr(sampling, "_ITEMS_PER_ROUND", 1)
    source = draw(batch_size=20, length=30, split="test").source
    assert source.shape == (20, 30)
    assert belongs_to(source, symbols=4, split="test").all()


@pytest.mark.parametrize(
    ("size", "length", "symbols", "split"), [(20_000, 3, 4, "train"), (80_000, 4, 16, "test")]
)
def test_sources_are_uniform(size, length, symbols, split):
    batch = draw(batch_size=size, length=length, symbols=symbols, split=split)
    drawn = Counter(map(tuple, batch.source.tolist()))
    sources = all_sources(length, symbols)
    assert len(drawn) == belongs_to(sources, symbols=symbols, split=split).sum()
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-4


class GeneratorElsewhere(torch.Generator):
    """Looks like a generator of an accelerator."""

    device = torch.device("cuda", 0)


def test_arguments_are_validated():
    for argument, value, rule in (
        ("batch_size", 0, "must be at least 1, got 0"),
        ("length", 0, "must be at least 1, got 0"),
        ("symbols", 1, "must be at least 2, got 1"),
        ("split", "dev", "'dev' is not a split; use train, validation or test"),
        ("generator", GeneratorElsewhere(), "must live on the cpu, got one on cuda:0"),
    ):
        with pytest.raises(ValueError, match=f"^{argument}: {re.escape(rule)}$"):
            draw(**{argument: value})


# Splits.


def finalised(state):
    """The output of splitmix64 for a state, with Python's unbounded integers."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def reference_split(row):
    total = 0
    for position, item in enumerate(row, start=1):
        weight = finalised((position * 0x9E3779B97F4A7C15) & MASK) | 1
        total = (total + (item + 1) * weight) & MASK
    return {0: "test", 1: "validation"}.get(finalised(total) >> 60, "train")


@functools.cache
def all_sources(length, symbols):
    return torch.cartesian_prod(*[torch.arange(symbols)] * length)


def test_the_reference_is_splitmix64():
    """Published vector: Rosetta Code, Pseudo-random numbers/Splitmix64, seed 1234567."""
    outputs = [finalised((1234567 + step * 0x9E3779B97F4A7C15) & MASK) for step in range(1, 4)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def check_splits_fixed(split_of):
    """The splits are those of the reference, so that no later version moves a source."""
    for length, symbols in ((20, 2), (16, 16), (7, 128), (300, 3)):
        generator = torch.Generator().manual_seed(length)
        source = torch.randint(symbols, (200, length), generator=generator)
        expected = [reference_split(tuple(row)) for row in source.tolist()]
        for split in SHARES:
            actual = split_of(source, symbols=symbols, split=split).tolist()
            assert actual == [each == split for each in expected], "not the split of the reference"


def check_split_sizes(split_of):
    """Each source is in one split: 14, 1 and 1 sixteenths, within 4 deviations of a fair hash."""
    for length, symbols in ((16, 2), (4, 16)):
        source = all_sources(length, symbols)
        inside = {split: split_of(source, symbols=symbols, split=split) for split in SHARES}
        assert (sum(inside.values()) == 1).all(), "not in exactly one split"
        for split, share in SHARES.items():
            count = inside[split].sum().item()
            spread = (len(source) * share * (1 - share)) ** 0.5
            assert abs(count - len(source) * share) < 4 * spread, f"{count} sources in {split}"


def check_held_out_is_typical(split_of):
    """No position and no sum of items shows whether a source is held out."""
    source = all_sources(4, 16)
    for split in ("validation", "test"):
        held_out = source[split_of(source, symbols=16, split=split)]
        for column in held_out.T:
            assert stats.chisquare(column.bincount(minlength=16)).pvalue > 1e-4, "a telling item"
        odd = int((held_out.sum(dim=1) % 2).sum())
        assert stats.binomtest(odd, len(held_out)).pvalue > 1e-4, "a telling sum"


def by_last_item(source, *, symbols, split):
    """A split of the right size that every model could read off the source."""
    sixteenth = source[:, -1] % 16
    return {"test": sixteenth == 0, "validation": sixteenth == 1, "train": sixteenth > 1}[split]


def thirds(source, *, symbols, split):
    return source.sum(dim=1) % 3 == list(SHARES).index(split)


def overlapping(source, *, symbols, split):
    """A split that holds nothing back from training."""
    return belongs_to(source, symbols=symbols, split=split) | torch.tensor(split == "train")


TWINS = [
    (check_splits_fixed, by_last_item, "reference"),
    (check_split_sizes, overlapping, "exactly one"),
    (check_split_sizes, thirds, "sources in train"),
    (check_held_out_is_typical, by_last_item, "a telling item"),
]


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _, _ in TWINS))
def test_splits(check):
    check(belongs_to)


@pytest.mark.parametrize(("check", "twin", "complaint"), TWINS)
def test_split_checks_reject_a_broken_twin(check, twin, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check(twin)


def test_a_space_too_small_to_split_belongs_to_every_split():
    source = all_sources(3, 16)
    assert all(belongs_to(source, symbols=16, split=split).all() for split in SHARES)
    assert [leak_fraction(*size) for size in ((3, 16), (4, 16), (15, 2), (16, 2))] == [1, 0, 1, 0]


def test_sources_count_stops_at_the_largest_int64_and_sizes_are_validated():
    sizes = ((3, 16), (62, 2), (63, 2), (1000, 128))
    assert [sources_count(*size) for size in sizes] == [4096, 2**62, 2**63 - 1, 2**63 - 1]
    for function in (sources_count, leak_fraction):
        with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
            function(0, 2)
        with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
            function(3, 1)
