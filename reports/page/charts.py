"""Charts as coordinates, which `chart.svg.j2` writes down: lines over an axis, and heat maps.

A chart is laid out twice: 16:9 for a screen or a slide, and narrow for a telephone, because text
that shrinks with its picture cannot be read there.
"""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from reports.selection.looks import SOLID, Dash
from results.stats.intervals import t_half_width

# Marks on a square from -5 to 5, by Matplotlib's names of them.
MARKS = {
    "o": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "s": "M-3.6,-3.6H3.6V3.6H-3.6Z",
    "d": "M0,-5L3.4,0L0,5L-3.4,0Z",
    "D": "M0,-4.8L4.8,0L0,4.8L-4.8,0Z",
    "v": "M-4.4,-3.6H4.4L0,4.4Z",
    "^": "M-4.4,3.6H4.4L0,-4.4Z",
    "<": "M3.6,-4.4V4.4L-4.4,0Z",
    ">": "M-3.6,-4.4V4.4L4.4,0Z",
    "P": "M-1.5,-4.6H1.5V-1.5H4.6V1.5H1.5V4.6H-1.5V1.5H-4.6V-1.5H-1.5Z",
    "X": "M-4.4,-2.6L-2.6,-4.4L0,-1.8L2.6,-4.4L4.4,-2.6L1.8,0L4.4,2.6L2.6,4.4L0,1.8L-2.6,4.4"
    "L-4.4,2.6L-1.8,0Z",
    "p": "M0,-4.6L4.4,-1.4L2.7,3.7H-2.7L-4.4,-1.4Z",
    "h": "M0,-4.6L4,-2.3V2.3L0,4.6L-4,2.3V-2.3Z",
    "*": "M0,-5L1.3,-1.7L4.8,-1.5L2.1,0.7L3,4.1L0,2.2L-3,4.1L-2.1,0.7L-4.8,-1.5L-1.3,-1.7Z",
}
PUBLISHED = "published"  # The class of grey lines.
# From dark to light, so that a map reads in grey as well: nothing right, half, all right.
RAMP = ((59, 15, 77), (40, 122, 142), (250, 228, 96))


@dataclass(frozen=True)
class Line:
    """One curve of a chart.

    Attributes:
        label: Its name, at its end and in tables.
        look: CSS class that colours it.
        rows: seed, x, y and record_id of each point; a baseline has no seed.
        constants: What its rows have in common, for the CSV.
        model: Which model switches it on and off; empty for a line that is always there.
    """

    label: str
    look: str
    rows: pd.DataFrame
    constants: dict[str, Any] = field(default_factory=dict)
    dash: Dash = SOLID
    mark: str = ""
    model: str = ""

    @cached_property
    def means(self) -> list[tuple[float, float, float | None, float | None, int]]:
        """List x, mean, low, high and n, in the order of x; no ends below three seeds."""
        groups = self.rows.dropna(subset="y").groupby("x")["y"]
        table = groups.agg(["mean", "std", "count"])
        half = t_half_width(table["std"], table["count"]) if len(table) else []
        return [
            (float(x), mean, *((mean - wide, mean + wide) if n >= 3 else (None, None)), int(n))
            for (x, mean, _, n), wide in zip(table.itertuples(), half, strict=True)
        ]

    @cached_property
    def by_seed(self) -> list[list[tuple[float, float]]]:
        """List the points of each seed, in the order of x."""
        found: dict[int, list[tuple[float, float]]] = {}
        known = self.rows.dropna(subset="y").sort_values("x")
        for seed, x, y in zip(known["seed"], known["x"], known["y"], strict=True):
            found.setdefault(seed, []).append((x, y))
        return list(found.values())

    @property
    def by_x(self) -> dict[float, float]:
        """The means, by x."""
        return {x: mean for x, mean, *_ in self.means}

    @property
    def stroke_dasharray(self) -> str:
        """The dash in pixels; empty for a solid line."""
        return (
            "" if self.dash == SOLID else " ".join(f"{2 * float(each):g}" for each in self.dash[1])
        )


@dataclass(frozen=True)
class Axis:
    """One direction of a chart: what it shows, from where to where."""

    label: str
    column: str
    low: float
    high: float
    is_log: bool = False
    is_share: bool = False

    def place(self, value: float) -> float:
        """Map a value to 0..1 along the axis."""
        low, high, value = (
            (math.log(each) for each in (self.low, self.high, max(value, self.low)))
            if self.is_log
            else (self.low, self.high, value)
        )
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """List values and texts of at most so many ticks."""
        if self.is_log:
            powers = range(math.ceil(math.log2(self.low)), math.floor(math.log2(self.high)) + 1)
            every = max(1, math.ceil(len(powers) / most))
            return [(2.0**each, f"{2.0**each:,g}") for each in powers[::every]]
        if self.is_share:
            return [(each / 4, f"{25 * each} %") for each in range(5)]
        step = _step((self.high - self.low) / most)
        first = math.ceil(self.low / step)
        values = [step * each for each in range(first, math.floor(self.high / step) + 1)]
        return [(value, f"{value:,g}") for value in values]


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least * (1 - 1e-9))


@dataclass(frozen=True)
class Size:
    """Pixels of a layout: the edges around the panel, the text, and most ticks."""

    name: str
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    text: int
    ticks: int


WIDE = Size("wide", 960, 540, left=84, right=270, top=20, bottom=56, text=16, ticks=8)
NARROW = Size("narrow", 360, 300, left=64, right=12, top=14, bottom=46, text=13, ticks=5)
SIZES = (WIDE, NARROW)


@dataclass(frozen=True)
class Chart:
    """A chart with its finding; `task` is the one that it shows, empty for all."""

    name: str
    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    task: str = ""
    note: str = ""
    has_cursor: bool = False
    # The value of a baseline at every x, and its name.
    floor: Sequence[tuple[float, float]] = ()
    floor_label: str = ""
    has_bands: bool = True
    grey: str = ""  # What the grey lines are.

    @property
    def x_values(self) -> list[float]:
        """Every x that a line has a point at."""
        return sorted({x for line in self.lines for x in line.by_x})

    def drawn(self, size: Size) -> dict[str, Any]:
        """Compute every coordinate of a layout."""
        right, bottom = size.width - size.right, size.height - size.bottom

        def at(x: float, y: float) -> tuple[float, float]:
            across = size.left + self.x.place(x) * (right - size.left)
            return round(across, 1), round(bottom - self.y.place(y) * (bottom - size.top), 1)

        def path(points: Sequence[tuple[float, float]]) -> str:
            return " ".join(f"{x:g},{y:g}" for x, y in (at(*each) for each in points))

        lines = [
            {
                "line": line,
                "number": number,
                "mean": path([(x, mean) for x, mean, *_ in line.means]),
                "band": path(_outline(line.means))
                if self.has_bands and line.look != PUBLISHED
                else "",
                "seeds": [path(points) for points in line.by_seed]
                # On a telephone the lines of seeds would be a smear.
                if size is WIDE and line.look != PUBLISHED and len(line.by_seed) > 1
                else [],
                "end": at(*line.means[-1][:2]) if line.means else None,
            }
            for number, line in enumerate(self.lines)
        ]
        return {
            "size": size,
            "right": right,
            "bottom": bottom,
            "lines": lines,
            "labels": _end_labels(lines, size, bottom) if size is WIDE else [],
            "x_ticks": [(at(x, self.y.low)[0], text) for x, text in self.x.ticks(size.ticks)],
            "y_ticks": [(at(self.x.low, y)[1], text) for y, text in self.y.ticks(5)],
            "floor": path(list(self.floor)),
            # Above the line as far as the words reach; models are best there, and out of the way.
            "floor_label_y": min(
                (at(*each)[1] - 7 for each in self.floor if self.x.place(each[0]) < 0.3),
                default=0.0,
            ),
        }

    def data(self) -> dict[str, Any]:
        """Collect what the script reads: the scale, and every line with its rows."""
        return {
            "title": self.title,
            "task": self.task,
            "x": _axis_data(self.x),
            "y": _axis_data(self.y),
            "sizes": {
                size.name: [size.left, size.width - size.right, size.top, size.height - size.bottom]
                for size in SIZES
            },
            "lines": [
                {
                    "label": line.label,
                    "look": line.look,
                    "model": line.model,
                    "constants": line.constants,
                    "rows": _plain_rows(line.rows),
                }
                for line in self.lines
            ],
        }


def _axis_data(axis: Axis) -> dict[str, Any]:
    return {
        "label": axis.label,
        "column": axis.column,
        "low": axis.low,
        "high": axis.high,
        "log": axis.is_log,
    }


def _plain_rows(rows: pd.DataFrame) -> list[list[Any]]:
    table = rows.sort_values(["seed", "x"])[["seed", "x", "y", "record_id"]]
    return [
        [int(seed), int(x) if float(x).is_integer() else float(x), _known(y), str(record)]
        for seed, x, y, record in table.itertuples(index=False)
    ]


def _known(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _outline(means: Sequence[tuple[Any, ...]]) -> list[tuple[float, float]]:
    """Go along the lower ends of the intervals, and back along the upper ones."""
    known = [(x, low, high) for x, _, low, high, _ in means if low is not None]
    return [(x, low) for x, low, _ in known] + [(x, high) for x, _, high in reversed(known)]


def _end_labels(lines: Sequence[dict[str, Any]], size: Size, bottom: int) -> list[dict[str, Any]]:
    """Put names beside the ends of lines, pushed apart where they would overlap."""
    step = size.text + 5
    # Grey lines are explained once, below the names.
    named = [each for each in lines if each["end"] and each["line"].look != PUBLISHED]
    ends = sorted(named, key=lambda each: each["end"][1])
    places = [float(each["end"][1]) for each in ends]
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + step)
    if places:  # What was pushed out below moves up again.
        places[-1] = min(places[-1], float(bottom))
    for at in range(len(places) - 2, -1, -1):
        places[at] = min(places[at], places[at + 1] - step)
    return [
        {"line": each["line"], "end": each["end"], "y": round(place, 1)}
        for each, place in zip(ends, places, strict=True)
    ]


def heat_picture(values: np.ndarray) -> str:
    """Write values from 0 to 1 as a PNG, one pixel each; those that are not known are clear."""
    known = np.nan_to_num(np.clip(values, 0, 1))
    stops = np.linspace(0, 1, len(RAMP))
    channels = [np.interp(known, stops, [colour[at] for colour in RAMP]) for at in range(3)]
    opaque = np.where(np.isnan(values), 0, 255)
    pixels = np.stack([*channels, opaque], axis=-1).round().astype("uint8")
    height, width = values.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)  # Each with the filter "none".
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
