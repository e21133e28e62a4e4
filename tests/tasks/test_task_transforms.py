"""The worked examples of the docstring, and the laws of the three tasks."""

import doctest
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Int64
from torch import Tensor

import tasks.transforms
from tasks.transforms import copy, reverse, sort

Transform = Callable[[Int64[Tensor, "batch source"]], Int64[Tensor, "batch source"]]

sources = st.integers(1, 12).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, 6), min_size=length, max_size=length), min_size=1, max_size=4
    )
)
one_source = torch.tensor([[2, 0, 1, 2, 0, 3]])


def test_worked_examples() -> None:
    examples = doctest.testmod(tasks.transforms)
    assert examples.attempted >= 9
    assert examples.failed == 0


def check_own_inverse(transform: Transform, source: Tensor) -> None:
    assert torch.equal(transform(transform(source)), source)


def check_idempotent(transform: Transform, source: Tensor) -> None:
    assert torch.equal(transform(transform(source)), transform(source))


def check_ordered(transform: Transform, source: Tensor) -> None:
    assert (transform(source).diff(dim=1) >= 0).all()


def check_counts_kept(transform: Transform, source: Tensor) -> None:
    for before, after in zip(source.tolist(), transform(source).tolist(), strict=True):
        assert Counter(before) == Counter(after)


LAWS = [
    (check_own_inverse, copy),
    (check_own_inverse, reverse),
    (check_idempotent, copy),
    (check_idempotent, sort),
    (check_ordered, sort),
    (check_counts_kept, copy),
    (check_counts_kept, reverse),
    (check_counts_kept, sort),
]


@pytest.mark.parametrize(("check", "transform"), LAWS)
def test_law_holds(check: Callable[[Transform, Tensor], None], transform: Transform) -> None:
    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(sources)
    def holds(rows: list[list[int]]) -> None:
        check(transform, torch.tensor(rows))

    holds()


@pytest.mark.parametrize(
    ("check", "twin"),
    [
        (check_own_inverse, sort),
        (check_own_inverse, lambda source: source.roll(1, dims=1)),
        (check_idempotent, reverse),
        (check_ordered, copy),
        (check_counts_kept, lambda source: source.cummax(dim=1).values),
        (check_counts_kept, lambda source: source[:, :-1]),
    ],
)
def test_law_rejects_a_transform_without_it(
    check: Callable[[Transform, Tensor], None], twin: Transform
) -> None:
    with pytest.raises(AssertionError):
        check(twin, one_source)
