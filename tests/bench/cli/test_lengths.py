import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cli.lengths import (
    LONGEST_LENGTH,
    MOST_LENGTHS,
    ladder,
    parse_lengths,
    parse_test_lengths,
)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("10..200", tuple(range(10, 201, 10))),
        ("10..25", (10, 20, 25)),
        ("10..200:95", (10, 105, 200)),
        ("5", (5,)),
        ("50, 10,20,10", (10, 20, 50)),
        ("1..20", tuple(range(1, 21))),
        ("1..100:50", (1, 51, 100)),
        ("7..7", (7,)),
        ("10..30,100", (10, 20, 30, 100)),
    ],
)
def test_lengths_are_read(text, lengths):
    assert parse_lengths(text) == lengths


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a length; write 10..200, 10..200:5 or 10,20,50"),
        ("ten", "'ten' is not a length"),
        ("-5", "'-5' is not a length"),
        ("1e2", "'1e2' is not a length"),
        ("10,,20", "'' is not a length"),
        ("0", "'0': a length lies between 1 and 100000"),
        ("0..10", "a length lies between"),
        ("20..10", "'20..10' runs backwards; write 10..20"),
        ("10..20:0", "'10..20:0' has step 0"),
        ("1..21", "'1..21' would be 21 lengths; add a step, as in 1..21:10"),
        ("10..100001", "a length lies between"),
        ("1..100000:1", "has more than 1000 lengths"),
        ("9999999999", "is not a length"),
        ("١٠", "is not a length"),
    ],
)
def test_bad_lengths_are_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        parse_lengths(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("10..30", ((10, 20, 30), ())),
        ("x1.5", ((), (1.5,))),
        ("x2, x1.25,40,x2.0", ((40,), (1.25, 2.0))),
        ("x100,x0.5", ((), (0.5, 100.0))),
    ],
)
def test_lengths_to_test_at_may_be_factors(text, read):
    assert parse_test_lengths(text) == read


@pytest.mark.parametrize("text", ["x", "x0", "x101", "x-1", "1.5", "x1.5.2", "x1e2", "xx2", "2x"])
def test_bad_factors_are_refused(text):
    with pytest.raises(ValueError, match=r"is not a (factor|length); write") as error:
        parse_test_lengths(f"10,{text}")
    assert repr(text) in str(error.value)


@pytest.mark.fault("F15")
@given(
    first=st.integers(1, 500),
    extent=st.integers(0, 2000),
    step=st.integers(1, 300),
)
def test_range_holds_both_ends_and_every_step(first, extent, step):
    last = first + extent
    if extent // step > MOST_LENGTHS - 1:
        return
    lengths = parse_lengths(f"{first}..{last}:{step}")
    assert lengths[0] == first
    assert lengths[-1] == last
    assert list(lengths) == sorted(set(lengths))
    assert set(range(first, last + 1, step)) | {last} == set(lengths)


@pytest.mark.fault("F15")
@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    message = "one line"
    try:
        lengths = parse_lengths(text)
    except ValueError as error:
        message = str(error)
    else:
        assert lengths
        assert all(1 <= length <= LONGEST_LENGTH for length in lengths)
    assert len(message.splitlines()) == 1


@pytest.mark.fault("F15")
@given(st.sets(st.integers(1, 400), min_size=1), st.integers(1, 600))
def test_ladder_does_not_depend_on_longer_lengths(lengths, longer):
    rungs = ladder(sorted(lengths))
    assert set(lengths) <= set(rungs)
    longer += max(lengths)
    continued = ladder([*sorted(lengths), longer])
    assert [rung for rung in continued if rung <= max(lengths)] == list(rungs)
