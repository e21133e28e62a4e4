"""Token ids as text that can be read and compared item by item."""

import string
from collections.abc import Iterable, Sequence

from results.tables import parse_ids as parse_ids

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
NO_ITEM = "·"


class Writing:
    """How the ids of one task are written: one character each, or numbers where too many.

    The characters are in the order of the ids, so that a sorted answer looks sorted.

    Args:
        largest_id: Largest id that is to be written.
    """

    def __init__(self, largest_id: int) -> None:
        self._is_short = largest_id < len(CHARACTERS)
        self._cell = 1 if self._is_short else len(str(largest_id))
        self._gap = "" if self._is_short else " "

    def columns(self, items: int) -> int:
        """Return the columns that so many items take."""
        return items * self._cell + max(0, items - 1) * len(self._gap)

    def cells(self, ids: Iterable[int], *, items: int) -> list[str]:
        """Return each id as text of one width, filled up to so many items."""
        texts = [CHARACTERS[item] if self._is_short else str(item) for item in ids]
        texts += [NO_ITEM] * (items - len(texts))
        return [text.rjust(self._cell) for text in texts]

    def join(self, cells: Sequence[str]) -> str:
        """Return the cells as one line."""
        return self._gap.join(cells)


def wrong_items(answer: Sequence[int], target: Sequence[int]) -> list[bool]:
    """Return for each item whether it differs; one that is missing or too many does."""
    items = max(len(answer), len(target))
    return [
        index >= len(answer) or index >= len(target) or answer[index] != target[index]
        for index in range(items)
    ]
