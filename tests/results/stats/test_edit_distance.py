"""Edit distances of all pairs at once, against their definition."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from results.stats.edit_distance import edit_distances


def distance(left: Sequence[int], right: Sequence[int]) -> int:
    """Count the edits by the definition."""

    @cache
    def of(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = left[i - 1] == right[j - 1]
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (not same))

    return of(len(left), len(right))


def pairs_of(left: int, right: int) -> st.SearchStrategy[list[tuple[list[int], list[int]]]]:
    items = st.integers(0, 2)
    one, other = (st.lists(items, min_size=size, max_size=size) for size in (left, right))
    return st.lists(st.tuples(one, other), min_size=1, max_size=4)


@given(st.tuples(st.integers(0, 7), st.integers(0, 7)).flatmap(lambda sizes: pairs_of(*sizes)))
def test_distances_are_those_of_the_definition(pairs):
    left, right = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    assert edit_distances(left, right).tolist() == [distance(*pair) for pair in pairs]
