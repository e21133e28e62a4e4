"""The worked examples of the docstring, and the three tasks on any small source."""

import doctest

import torch
from hypothesis import given
from hypothesis import strategies as st

import tasks.transforms
from tasks.transforms import copy, reverse, sort

sources = st.integers(1, 12).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, 6), min_size=length, max_size=length), min_size=1, max_size=4
    )
)


def test_worked_examples() -> None:
    examples = doctest.testmod(tasks.transforms)
    assert examples.attempted >= 9
    assert examples.failed == 0


@given(sources)
def test_answers_are_those_of_python(rows: list[list[int]]) -> None:
    source = torch.tensor(rows)
    assert copy(source).tolist() == rows
    assert reverse(source).tolist() == [row[::-1] for row in rows]
    assert sort(source).tolist() == [sorted(row) for row in rows]
