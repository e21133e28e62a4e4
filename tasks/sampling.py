"""Batches of a task, drawn from a generator that the caller seeds.

One generator belongs to each (seed, purpose, length): `bench/training/seeding.py` makes it. The
model is not part of its seed. Every model therefore sees the same batches in the same order, and
comparing two models at one seed is a paired comparison. Nothing here reads or moves a global
generator.

Token ids: the symbols are 0, 1, ..., symbols - 1, and the start symbol is the one after them.
There is no end symbol and no padding. A batch has one length, and a model emits exactly as many
items as the target has, so that no score mixes errors of stopping with errors of memory.

Splits: which split a source belongs to is a property of the source alone, decided by a hash of
its items. 1/16 of all sources are test, 1/16 validation, 14/16 train. No source can thus be
trained on and tested. Fewer than 65,536 sources are too few to hold any back. Then every source
belongs to every split, and `leak_fraction` says so.

The hash and the order of the draws are fixed. A change of either raises `tasks.SAMPLER_VERSION`.
"""

import math
from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from tasks.task import Task, require_length, require_symbols

# Sixteenths of all sources, as ranges of the hash's four highest bits.
_SPLITS = {"test": range(0, 1), "validation": range(1, 2), "train": range(2, 16)}
_SMALLEST_SPLIT_SPACE = 65_536
_INT64_MAX = 2**63 - 1
# A round of this many items takes about 100 MB. Long held-out draws take several rounds.
_ITEMS_PER_ROUND = 2**22


@dataclass(frozen=True)
class Batch:
    """Sources of one length with their targets.

    Attributes:
        source: ids in 0..symbols-1.
        target: ids in 0..symbols-1.
        target_in: the target one step later, beginning with the start symbol.
        symbols: alphabet size.
    """

    source: Int64[Tensor, "batch source"]
    target: Int64[Tensor, "batch target"]
    target_in: Int64[Tensor, "batch target"]
    symbols: int

    def pick(self, rows: Int64[Tensor, " picked"]) -> "Batch":
        """Take some of the sequences, in this order."""
        return replace(
            self,
            source=self.source[rows],
            target=self.target[rows],
            target_in=self.target_in[rows],
        )

    def to(self, device: torch.device | str) -> "Batch":
        """Move the whole batch to a device."""
        return replace(
            self,
            source=self.source.to(device),
            target=self.target.to(device),
            target_in=self.target_in.to(device),
        )


def sample_batch(
    task: Task,
    generator: torch.Generator,
    *,
    batch_size: int,
    length: int,
    symbols: int,
    split: str,
) -> Batch:
    """Draw sources of one split uniformly, with repetition, and answer them.

    Args:
        task: what turns a source into a target.
        generator: the only source of chance, on the CPU.
        batch_size: number of sources, at least 1.
        length: number of items of each source, at least 1.
        symbols: alphabet size, at least 2.
        split: train, validation or test.

    Raises:
        ValueError: An argument is out of its range, or the task answers otherwise than it should.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: must be at least 1, got {batch_size}")
    _require(length=length, symbols=symbols, split=split)
    # The stream of another device's generator would be another data set.
    if generator.device.type != "cpu":
        raise ValueError(f"generator: must live on the cpu, got one on {generator.device}")
    source = _sample_sources(
        generator, batch_size=batch_size, length=length, symbols=symbols, split=split
    )
    target = task.targets(source)
    low, high = (int(each) for each in target.aminmax())
    if low < 0 or high >= symbols:  # The loss would leave some negative ids out, without a word.
        raise ValueError(
            f"transform: must answer with ids from 0 to {symbols - 1}, got {low} to {high}"
        )
    return Batch(source, target, with_start(target, symbols), symbols)


def with_start(
    target: Int64[Tensor, "batch target"], symbols: int
) -> Int64[Tensor, "batch target"]:
    """Shift a target one step to the right, behind the start symbol.

    This is what a teacher-forced decoder reads: at step t, the gold item t - 1.
    """
    start = target.new_full((len(target), 1), symbols)
    return torch.cat([start, target[:, :-1]], dim=1)


def belongs_to(
    source: Int64[Tensor, "batch source"], *, symbols: int, split: str
) -> Bool[Tensor, " batch"]:
    """Mark the sources that may be drawn for a split.

    Args:
        source: ids in 0..symbols-1.
        symbols: alphabet size, at least 2.
        split: train, validation or test.
    """
    length = source.shape[1]
    _require(length=length, symbols=symbols, split=split)
    if not _is_split(length, symbols):
        return torch.ones(source.shape[0], dtype=torch.bool, device=source.device)
    sixteenth = _sixteenth(source)
    return (sixteenth >= _SPLITS[split].start) & (sixteenth < _SPLITS[split].stop)


def sources_count(length: int, symbols: int) -> int:
    """Count the distinct sources, up to 2**63 - 1."""
    require_length(length)
    require_symbols(symbols)
    # The count is a column of the CSVs, and a column of integers has 64 bits.
    return min(symbols**length, _INT64_MAX)


def leak_fraction(length: int, symbols: int) -> float:
    """Give the share of test sources that training may draw: 0.0 if split, else 1.0."""
    return 0.0 if _is_split(length, symbols) else 1.0


def _is_split(length: int, symbols: int) -> bool:
    return sources_count(length, symbols) >= _SMALLEST_SPLIT_SPACE


def _require(*, length: int, symbols: int, split: str) -> None:
    require_length(length)
    require_symbols(symbols)
    if split not in _SPLITS:
        raise ValueError(f"split: {split!r} is not a split; use train, validation or test")


def _sample_sources(
    generator: torch.Generator, *, batch_size: int, length: int, symbols: int, split: str
) -> Int64[Tensor, "batch source"]:
    """Draw until enough sources belong to the split; the others are thrown away."""
    share = len(_SPLITS[split]) / 16 if _is_split(length, symbols) else 1.0
    accepted: list[Tensor] = []
    missing = batch_size
    while missing > 0:
        # Two standard deviations more than is needed on average, so that one round mostly does.
        rows = math.ceil((missing + 2 * math.sqrt(missing * (1 - share))) / share)
        rows = max(1, min(rows, _ITEMS_PER_ROUND // length))
        drawn = torch.randint(symbols, (rows, length), generator=generator)
        fitting = drawn[belongs_to(drawn, symbols=symbols, split=split)][:missing]
        accepted.append(fitting)
        missing -= fitting.shape[0]
    return torch.cat(accepted)


def _sixteenth(source: Int64[Tensor, "batch source"]) -> Int64[Tensor, " batch"]:
    """Hash every source to 0..15: a sum weighted by position, then the finaliser of splitmix64.

    Source: splitmix64, https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64.
    """
    weights = torch.tensor(_position_weights(source.shape[1]), device=source.device)
    # One is added so that symbol 0 counts. Products and sums wrap around at 64 bits, as they must.
    mixed = ((source + 1) * weights).sum(dim=1)
    mixed = (mixed ^ _shift_right(mixed, 30)) * _signed(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ _shift_right(mixed, 27)) * _signed(0x94D049BB133111EB)
    mixed = mixed ^ _shift_right(mixed, 31)
    return _shift_right(mixed, 60)


def _shift_right(value: Int64[Tensor, " batch"], bits: int) -> Int64[Tensor, " batch"]:
    # torch has no unsigned 64-bit shift: its own fills up with copies of the sign from the left.
    ones = (1 << (64 - bits)) - 1
    return (value >> bits) & ones


@cache
def _position_weights(length: int) -> tuple[int, ...]:
    """List the first outputs of splitmix64 from state 0, made odd, as int64."""
    weights = []
    for position in range(1, length + 1):
        mixed = (position * 0x9E3779B97F4A7C15) % 2**64
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) % 2**64
        # Multiplying by an odd number loses nothing modulo 2**64: another item, another sum.
        weights.append(_signed((mixed ^ (mixed >> 31)) | 1))
    return tuple(weights)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
