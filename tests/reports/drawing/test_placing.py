from collections.abc import Sequence
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.drawing.placing import places_apart

GAP, END = 0.1, 10.0
CENTRES = st.lists(st.floats(0.0, END), min_size=1, max_size=6)


def check_apart(places: Sequence[float], widths: Sequence[float]) -> None:
    """Raise AssertionError unless texts are in order, a gap apart and between 0 and the end."""
    ends = [
        (place - width / 2, place + width / 2) for place, width in zip(places, widths, strict=True)
    ]
    assert ends[0][0] >= -1e-9
    assert ends[-1][1] <= END + 1e-9
    for (_, right), (left, _) in pairwise(ends):
        assert left - right >= GAP - 1e-9


@given(CENTRES)
def test_texts_stand_apart_in_their_order(wanted: list[float]) -> None:
    widths = [1.0 + 0.1 * place for place in range(len(wanted))]
    check_apart(places_apart(wanted, widths, gap=GAP, end=END), widths)


def test_texts_where_they_are_wanted_are_rejected_where_they_cover_one_another() -> None:
    with pytest.raises(AssertionError):
        check_apart([2.0, 2.5], [1.0, 1.0])
    with pytest.raises(AssertionError):
        check_apart([4.0, 2.0], [1.0, 1.0])
    with pytest.raises(AssertionError):
        check_apart([9.8], [1.0])


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([], []),
        ([3.0], [3.0]),
        ([0.0], [0.5]),
        ([10.0], [9.5]),
        ([2.0, 5.0], [2.0, 5.0]),
        ([5.0, 5.0], [4.45, 5.55]),
        ([5.0, 5.0, 8.0], [4.45, 5.55, 8.0]),
        ([5.2, 5.0, 5.1], [4.0, 5.1, 6.2]),
        ([9.0, 10.0], [8.4, 9.5]),
    ],
)
def test_texts_stand_as_near_as_they_can(wanted: list[float], places: list[float]) -> None:
    assert places_apart(wanted, [1.0] * len(wanted), gap=GAP, end=END) == pytest.approx(places)


@given(st.lists(st.integers(0, 10), min_size=3, max_size=3))
def test_no_other_places_are_nearer(wanted: list[int]) -> None:
    """Of all places on a grid, none has a smaller sum of squared ways."""
    places = places_apart(wanted, [1.0] * 3, gap=0.0, end=10.0)
    grid = [0.5 + 0.5 * step for step in range(19)]
    least = min(
        sum((each - want) ** 2 for each, want in zip(tried, wanted, strict=True))
        for tried in product(grid, repeat=3)
        if tried[1] - tried[0] >= 1 and tried[2] - tried[1] >= 1
    )
    assert sum((a - b) ** 2 for a, b in zip(places, wanted, strict=True)) <= least + 1e-9
