"""The text of `--lengths` and `--test-lengths` is read, or refused in one line."""

import re
from argparse import ArgumentTypeError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cli.lengths import parse_lengths, parse_test_lengths


def test_lengths_are_read():
    for text, lengths in (
        ("7..7", (7,)),
        ("10..25", (10, 20, 25)),
        ("10..200:95", (10, 105, 200)),
        ("1..20", tuple(range(1, 21))),
        ("50, 10..30,10", (10, 20, 30, 50)),
    ):
        assert parse_lengths(text) == lengths


def test_bad_lengths_and_factors_are_refused():
    form = "is not a length; write 10..200, 10..200:5 or 10,20,50"
    for text, message in (
        *((text, f"{text!r} {form}") for text in ("", "ten", "-5", "1.5", "10..", "..10", "١٠")),
        ("10,,20", f"'' {form}"),
        ("0", "'0': a length lies between 1 and 100000"),
        ("10..100001", "'10..100001': a length lies between 1 and 100000"),
        ("20..10", "'20..10' runs backwards; write 10..20"),
        ("10..20:0", "'10..20:0' has step 0; a step is at least 1"),
        ("1..21", "'1..21' would be 21 lengths; add a step, as in 1..21:10"),
        ("1..100000:1", "'1..100000:1' has more than 1000 lengths"),
    ):
        with pytest.raises(ArgumentTypeError, match=f"^{re.escape(message)}$"):
            parse_lengths(text)
    for text in ("x", "x0", "x101", "x-1", "x1.5.2", "x1e2"):
        with pytest.raises(ArgumentTypeError, match=f"^'{text}' is not a factor; write x1.5 for"):
            parse_test_lengths(f"10,{text}")


def test_at_most_a_thousand_lengths_are_joined():
    assert len(parse_lengths("1..500:1,1001..1500:1")) == 1000
    with pytest.raises(ArgumentTypeError, match="has more than 1000 lengths"):
        parse_lengths("1..500:1,1001..1501:1")


def test_lengths_to_test_at_may_be_factors():
    assert parse_test_lengths("10..30") == ((10, 20, 30), ())
    assert parse_test_lengths("x2, x1.25,40,x100,x2.0") == ((40,), (1.25, 2.0, 100.0))


@pytest.mark.fault("F15")
@given(first=st.integers(1, 500), extent=st.integers(0, 900), step=st.integers(1, 300))
def test_range_has_both_ends_and_every_step(first, extent, step):
    last = first + extent
    lengths = parse_lengths(f"{first}..{last}:{step}")
    assert list(lengths) == sorted({*range(first, last + 1, step), last})
