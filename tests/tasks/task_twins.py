"""Tasks and samplers that are wrong in one respect each, for the checks to reject."""

from dataclasses import replace

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from tasks import TASKS, Task
from tasks.sampling import Batch, sample_batch

Ids = Int64[Tensor, "batch source"]
Weights = Float32[Tensor, "batch target source"]


def broken(name: str, **fields: object) -> Task:
    """Return a registered task with some of its fields replaced.

    A function of this module is named without its module.
    """
    references = {
        field: f"{__name__}:{value}" if isinstance(value, str) and ":" not in value else value
        for field, value in fields.items()
    }
    return replace(TASKS[name], **references)  # type: ignore[arg-type]


def sort_down(source: Ids) -> Ids:
    """Sort the wrong way round."""
    return source.sort(dim=1, descending=True).values


def add_chance(source: Ids) -> Ids:
    """Answer at random."""
    return source + torch.randint(1_000_000, source.shape)


def move_global_generator(source: Ids) -> Ids:
    """Give the right copy, but draw a number from torch's own generator."""
    torch.rand(1)
    return source.clone()


def sort_in_place(source: Ids) -> Ids:
    """Write to the source."""
    return source.copy_(source.sort(dim=1).values).clone()


def same_memory(source: Ids) -> Ids:
    """Hand out the source as the target."""
    return source


def other_row(source: Ids) -> Ids:
    """Answer a row with its neighbour."""
    return source.roll(1, dims=0)


def one_item_less(source: Ids) -> Ids:
    """Forget the last item."""
    return source[:, :-1].clone()


def as_bytes(source: Ids) -> Tensor:
    """Return another type of integers."""
    return source.to(torch.uint8)


def shifted_symbols(source: Ids) -> Ids:
    """Return ids that are no symbols."""
    return source + 1


def first_of_equals(source: Ids) -> Weights:
    """Let ties in sort go to the first position instead of sharing."""
    is_same = source.sort(dim=1).values[:, :, None] == source[:, None, :]
    first = is_same.to(torch.int64).argmax(dim=2)
    return torch.nn.functional.one_hot(first, source.shape[1]).to(torch.float32)


def sum_of_two(source: Ids) -> Weights:
    """Give every target item the weight 2."""
    batch, length = source.shape
    return 2 * torch.eye(length).expand(batch, -1, -1)


def negative(source: Ids) -> Weights:
    """Sum to 1 with a negative weight."""
    batch, length = source.shape
    weights = torch.eye(length)
    weights[:, 0] += 1
    weights[:, 1] -= 1
    return weights.expand(batch, -1, -1)


def first_row_for_all(source: Ids) -> Weights:
    """Align every row as the first one."""
    is_same = (source.sort(dim=1).values[:, :, None] == source[:, None, :]).to(torch.float32)
    return (is_same / is_same.sum(dim=2, keepdim=True))[:1].expand(source.shape[0], -1, -1)


def twice(length: int) -> int:
    """Announce the double number of items."""
    return 2 * length


def one_and_a_half(length: int, symbols: int) -> float:
    """Return no accuracy."""
    return 1.5


def half_of_chance(length: int, symbols: int) -> float:
    """Return less than any constant reaches."""
    return 0.5 / symbols


def off_by_one_half(length: int, symbols: int) -> float:
    """Count the middle item of reverse as not yet seen."""
    guessed = (length + 1) // 2
    return (length - guessed + guessed / symbols) / length


def always_right(length: int, symbols: int) -> float:
    """Return the trivial ceiling."""
    return 1.0


def sample_any_source(
    task: Task,
    generator: torch.Generator,
    *,
    batch_size: int,
    length: int,
    symbols: int,
    split: str,
) -> Batch:
    """Draw as the sampler does, without regard to the split."""
    return sample_batch(
        task, generator, batch_size=batch_size, length=length, symbols=symbols, split="train"
    )
