"""The text of `--lengths`, and the ladder that a curriculum climbs. Imports no torch."""

import re
from collections.abc import Sequence

LONGEST_LENGTH = 100_000
MOST_LENGTHS = 1_000
MOST_UNSTEPPED_LENGTHS = 20
LADDER_STEP = 10

_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})(?::([0-9]{1,9}))?")
_HINT = "write 10..200, 10..200:5 or 10,20,50"


def parse_lengths(text: str) -> tuple[int, ...]:
    """Read a list of lengths: `10..200` steps by 10, `A..B:STEP` by STEP, commas join parts.

    B is always included. `1..B` would step by 1, which is meant only up to 20 values.

    Returns:
        The lengths in rising order, each once.

    Raises:
        ValueError: If a part is no length, is reversed, holds zero, or is absurdly long.
    """
    lengths: set[int] = set()
    for part in text.split(","):
        lengths.update(_parse_part(part.strip()))
        if len(lengths) > MOST_LENGTHS:
            raise ValueError(f"{text!r} has more than {MOST_LENGTHS} lengths; use a larger step")
    return tuple(sorted(lengths))


def _parse_part(part: str) -> Sequence[int]:
    if _NUMBER.fullmatch(part):
        return (_checked(int(part), part),)
    match = _RANGE.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is not a length; {_HINT}")
    first, last = _checked(int(match[1]), part), _checked(int(match[2]), part)
    if first > last:
        raise ValueError(f"{part!r} runs backwards; write {last}..{first}")
    if match[3] is None and first == 1 and last > MOST_UNSTEPPED_LENGTHS:
        raise ValueError(f"{part!r} would be {last} lengths; add a step, as in 1..{last}:10")
    step = first if match[3] is None else int(match[3])
    if step < 1:
        raise ValueError(f"{part!r} has step 0; a step is at least 1")
    if (last - first) // step > MOST_LENGTHS:
        raise ValueError(f"{part!r} has more than {MOST_LENGTHS} lengths; use a larger step")
    return (*range(first, last, step), last)


def _checked(length: int, part: str) -> int:
    if not 1 <= length <= LONGEST_LENGTH:
        raise ValueError(f"{part!r}: a length lies between 1 and {LONGEST_LENGTH}")
    return length


def ladder(lengths: Sequence[int]) -> tuple[int, ...]:
    """Return the rungs of the curriculum: 10, 20, 30, ... up to the longest, and each length.

    The rungs below a length do not depend on the longer ones, so a finished ladder can be
    climbed further.
    """
    return tuple(sorted({*range(LADDER_STEP, max(lengths) + 1, LADDER_STEP), *lengths}))
