"""Tasks and samplers that are wrong in one respect each, for the checks to reject."""

import math
from dataclasses import replace

import torch
from torch.nn.functional import one_hot

from tasks import TASKS
from tasks.sampling import sample_batch

COPY = TASKS["copy"]


def move_generator(source):
    torch.rand(1)
    return source.clone()


def first_of_equals(source):
    is_same = source.sort(dim=1).values[:, :, None] == source[:, None, :]
    return one_hot(is_same.to(torch.int64).argmax(dim=2), source.shape[1]).to(torch.float32)


def first_row_for_all(source):
    return TASKS["sort"].align(source)[:1].expand(len(source), -1, -1)


def negative(source):
    weights = torch.eye(source.shape[1])
    weights[:, 0] += 1
    weights[:, 1] -= 1
    return weights.expand(len(source), -1, -1)


def off_by_one_half(length, symbols):
    """Counts the middle item of reverse as not yet seen."""
    guessed = (length + 1) // 2
    return (length - guessed + guessed / symbols) / length


WRONG = {
    "sort_down": lambda source: source.sort(dim=1, descending=True).values,
    "add_chance": lambda source: torch.randint(2, source.shape),
    "move_generator": move_generator,
    "sort_in_place": lambda source: source.copy_(source.sort(dim=1).values),
    "copy_itself": lambda source: source,
    "as_list": lambda source: source.tolist(),
    "left_out": lambda source: torch.cat((source[:, :-1], source[:, :1] * 0 - 100), dim=1),
    "other_row": lambda source: source.roll(1, dims=0),
    "one_item_less": lambda source: source[:, :-1].clone(),
    "as_bytes": lambda source: source.to(torch.uint8),
    "shifted_symbols": lambda source: source + 1,
    "first_of_equals": first_of_equals,
    "first_of_equals_in_place": lambda source: first_of_equals(source.zero_()),
    "sum_of_two": lambda source: 2 * torch.eye(source.shape[1]).expand(len(source), -1, -1),
    "negative": negative,
    "first_row_for_all": first_row_for_all,
    "twice": lambda length: 2 * length,
    "nothing": lambda length: 0,
    "one_and_a_half": lambda length, symbols: 1.5,
    "half_of_chance": lambda length, symbols: 0.5 / symbols,
    "off_by_one_half": off_by_one_half,
    "not_a_number": lambda length, symbols: math.nan,
    "below_nothing": lambda length, symbols: -1e-3,
    "too_much": lambda length, symbols: 1.001 * length * math.log2(symbols),
    "in_percent": lambda length, symbols: 100 / symbols,
    "always_right": lambda length, symbols: 1.0,
}
globals().update(WRONG)  # A task names its functions as attributes of a module.


def broken(name, **fields):
    """A registered task with some fields replaced; a function of `WRONG` needs no module."""
    for field, value in fields.items():
        fields[field] = f"{__name__}:{value}" if value in WRONG else value
    return replace(TASKS[name], **fields)


def sample_any_source(task, generator, *, split, **size):
    """Draws as the sampler does, without regard to the split."""
    return sample_batch(task, generator, split="train", **size)
