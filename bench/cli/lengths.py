"""The text of `--lengths`, and the ladder that a curriculum climbs. Imports no torch."""

import re
from collections.abc import Sequence

LONGEST_LENGTH = 100_000
MOST_LENGTHS = 1_000
MOST_UNSTEPPED_LENGTHS = 20
LADDER_STEP = 10
LARGEST_FACTOR = 100

_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})(?::([0-9]{1,9}))?")
_FACTOR = re.compile(r"x[0-9]{1,3}(\.[0-9]{1,6})?")
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


def parse_test_lengths(text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Read lengths to test at: as `parse_lengths`, and `x1.5` for 1.5 times the length trained.

    Returns:
        The lengths, and the factors, each in rising order.

    Raises:
        ValueError: If a part is neither a length nor a factor.
    """
    parts = [part.strip() for part in text.split(",")]
    factors = sorted({_factor(part) for part in parts if part.startswith("x")})
    others = [part for part in parts if not part.startswith("x")]
    return parse_lengths(",".join(others)) if others else (), tuple(factors)


def _factor(part: str) -> float:
    if not _FACTOR.fullmatch(part) or not 0 < float(part[1:]) <= LARGEST_FACTOR:
        raise ValueError(
            f"{part!r} is not a factor; write x1.5 for 1.5 times the length trained, "
            f"at most x{LARGEST_FACTOR}"
        )
    return float(part[1:])


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
