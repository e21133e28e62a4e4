"""Tasks and samplers that are wrong in one respect each, for the checks to reject."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from tasks import TASKS, Task
from tasks.sampling import Batch, sample_batch


def broken(name: str, **fields: object) -> Task:
    """A registered task with some fields replaced; a function of `WRONG` needs no module."""
    references = {
        field: f"{__name__}:{value}" if value in WRONG else value for field, value in fields.items()
    }
    return replace(TASKS[name], **references)  # type: ignore[arg-type]


def move_global_generator(source: Tensor) -> Tensor:
    torch.rand(1)
    return source.clone()


def first_of_equals(source: Tensor) -> Tensor:
    is_same = source.sort(dim=1).values[:, :, None] == source[:, None, :]
    return one_hot(is_same.to(torch.int64).argmax(dim=2), source.shape[1]).to(torch.float32)


def negative(source: Tensor) -> Tensor:
    weights = torch.eye(source.shape[1])
    weights[:, 0] += 1
    weights[:, 1] -= 1
    return weights.expand(len(source), -1, -1)


def off_by_one_half(length: int, symbols: int) -> float:
    """Counts the middle item of reverse as not yet seen."""
    guessed = (length + 1) // 2
    return (length - guessed + guessed / symbols) / length


WRONG: dict[object, Callable[..., Any]] = {
    "sort_down": lambda source: source.sort(dim=1, descending=True).values,
    "add_chance": lambda source: source + torch.randint(1_000_000, source.shape),
    "move_global_generator": move_global_generator,
    "sort_in_place": lambda source: source.copy_(source.sort(dim=1).values).clone(),
    "same_memory": lambda source: source,
    "other_row": lambda source: source.roll(1, dims=0),
    "one_item_less": lambda source: source[:, :-1].clone(),
    "as_bytes": lambda source: source.to(torch.uint8),
    "shifted_symbols": lambda source: source + 1,
    "first_of_equals": first_of_equals,
    "sum_of_two": lambda source: 2 * torch.eye(source.shape[1]).expand(len(source), -1, -1),
    "negative": negative,
    "first_row_for_all": lambda source: TASKS["sort"].align(source)[:1].expand(len(source), -1, -1),
    "twice": lambda length: 2 * length,
    "one_and_a_half": lambda length, symbols: 1.5,
    "half_of_chance": lambda length, symbols: 0.5 / symbols,
    "off_by_one_half": off_by_one_half,
    "always_right": lambda length, symbols: 1.0,
}
globals().update({str(name): function for name, function in WRONG.items()})


def sample_any_source(task: Task, generator: torch.Generator, *, split: str, **size: int) -> Batch:
    """Draws as the sampler does, without regard to the split."""
    return sample_batch(task, generator, split="train", **size)
