"""The text of `--lengths` and of `--test-lengths`. No torch."""

import re
from argparse import ArgumentTypeError
from collections.abc import Sequence

LONGEST_LENGTH = 100_000
MOST_LENGTHS = 1_000
MOST_UNSTEPPED_LENGTHS = 20
LARGEST_FACTOR = 100

_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})(?::([0-9]{1,9}))?")
_FACTOR = re.compile(r"x[0-9]{1,3}(\.[0-9]{1,6})?")


def parse_lengths(text: str) -> tuple[int, ...]:
    """Read lengths: `10..200` steps by 10, `A..B:STEP` by STEP, commas join parts.

    Returns:
        The lengths in rising order, each once. The end of a range is always among them.
    """
    lengths: set[int] = set()
    for part in text.split(","):
        lengths.update(_parse_part(part.strip()))
        if len(lengths) > MOST_LENGTHS:
            raise ArgumentTypeError(f"{text!r} has more than {MOST_LENGTHS} lengths")
    return tuple(sorted(lengths))


def parse_test_lengths(text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Read lengths and factors, such as `x1.5` for 1.5 times the length trained."""
    parts = [part.strip() for part in text.split(",")]
    factors = sorted({_parse_factor(part) for part in parts if part.startswith("x")})
    others = [part for part in parts if not part.startswith("x")]
    return parse_lengths(",".join(others)) if others else (), tuple(factors)


def _parse_factor(part: str) -> float:
    if not _FACTOR.fullmatch(part) or not 0 < float(part[1:]) <= LARGEST_FACTOR:
        raise ArgumentTypeError(
            f"{part!r} is not a factor; write x1.5 for 1.5 times the length trained, "
            f"at most x{LARGEST_FACTOR}"
        )
    return float(part[1:])


def _parse_part(part: str) -> Sequence[int]:
    if _NUMBER.fullmatch(part):
        return (_checked(int(part), part),)
    match = _RANGE.fullmatch(part)
    if match is None:
        raise ArgumentTypeError(f"{part!r} is not a length; write 10..200, 10..200:5 or 10,20,50")
    first, last = _checked(int(match[1]), part), _checked(int(match[2]), part)
    if first > last:
        raise ArgumentTypeError(f"{part!r} runs backwards; write {last}..{first}")
    # 1..200 would step by 1, which hardly anybody means.
    if match[3] is None and first == 1 and last > MOST_UNSTEPPED_LENGTHS:
        raise ArgumentTypeError(f"{part!r} would be {last} lengths; add a step, as in 1..{last}:10")
    step = first if match[3] is None else int(match[3])
    if step < 1:
        raise ArgumentTypeError(f"{part!r} has step 0; a step is at least 1")
    if (last - first) // step > MOST_LENGTHS:  # Refused before it fills the memory.
        raise ArgumentTypeError(f"{part!r} has more than {MOST_LENGTHS} lengths")
    return (*range(first, last, step), last)


def _checked(length: int, part: str) -> int:
    if not 1 <= length <= LONGEST_LENGTH:
        raise ArgumentTypeError(f"{part!r}: a length lies between 1 and {LONGEST_LENGTH}")
    return length
