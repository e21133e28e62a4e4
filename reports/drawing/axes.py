"""Ticks of logarithmic axes, which end at a tick, so that even a narrow range has two."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    FuncFormatter,
    NullFormatter,
    NullLocator,
)

STEPS = (1.0, 2.0, 5.0)
MOST_TICKS = 10
MOST_TICKS_WITH_TEXT = 6
MOST_BYTE_TICKS = 8
ROOM = 1.08
NARROW_RATIO = 100.0
BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def decimal_ticks(values: np.ndarray) -> list[float]:
    """Return 1, 2 and 5 of every decade, or decades where these are too many, around all values."""
    if not len(values):
        return [1.0, 10.0]
    low, high = float(values.min()), float(values.max())
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (STEPS, STEPS[:1]):
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        below = max(tick for tick in ticks if tick <= low)
        above = min((tick for tick in ticks if tick >= high and tick > below), default=10 * below)
        ticks = [tick for tick in ticks if below <= tick < above] + [above]
        if len(ticks) <= MOST_TICKS:
            break
    return ticks


def byte_ticks(values: np.ndarray) -> list[float]:
    """Return powers of two around all values."""
    if not len(values):
        return [1.0, 2.0]
    lowest = math.floor(math.log2(float(values.min())))
    highest = max(lowest + 1, math.ceil(math.log2(float(values.max()))))
    step = math.ceil((highest - lowest) / (MOST_BYTE_TICKS - 1))
    return [2.0**power for power in range(lowest, highest + step, step)]


def put_ticks(axis: Axis, ticks: Sequence[float], *, text: Callable[[float], str]) -> None:
    """Put ticks at these values and nowhere else."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, place: text(value)))
    axis.set_minor_locator(NullLocator())


def write_plainly(axis: Axis) -> None:
    """Write 1, 2 and 5 of every decade beside a logarithmic axis of less than two, else decades."""
    low, high = axis.get_view_interval()
    is_narrow = high / low < NARROW_RATIO

    def text(value: float, place: int | None) -> str:
        return f"{value:g}" if f"{value:.6e}"[0] in "125" else ""

    if is_narrow:
        axis.set_major_formatter(FuncFormatter(text))
    axis.set_minor_formatter(FuncFormatter(text) if is_narrow else NullFormatter())


def ends_of(ticks: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis just beyond its ticks."""
    return ticks[0] / ROOM, ticks[-1] * ROOM


def number_text(value: float) -> str:
    """Return a number with a decimal prefix: `500`, `2k`, `1T`."""
    return str(EngFormatter(sep="").format_eng(value))


def number_texts(ticks: Sequence[float]) -> Callable[[float], str]:
    """Return what to write at ticks side by side: all of them, or decades where they are many."""
    if len(ticks) <= MOST_TICKS_WITH_TEXT:
        return number_text
    return lambda value: number_text(value) if math.log10(value).is_integer() else ""


def bytes_text(value: float) -> str:
    """Return a number of bytes with a binary unit: `64 MiB`."""
    place = 0
    while value >= 1024 and place < len(BYTE_UNITS) - 1:
        value /= 1024
        place += 1
    return f"{value:g} {BYTE_UNITS[place]}"
