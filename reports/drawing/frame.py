"""The frame of a figure: panels of one size, title and legend above them, caption below."""

import contextlib
import io
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import Formatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from reports.drawing import style
from reports.drawing.style import LineStyle
from results.wording import escaped, told_apart

WIDTH_INCHES = 7.0
PANEL_HEIGHT_INCHES = 1.6
POINTS_PER_INCH = 72
LABELS_INCHES = 0.5  # Of the vertical axis.
FILLED, FILLED_BESIDE = 0.93, 0.85  # Of the room of a title, so that it touches no other.
MOST_LINES = 3
UPRIGHT_COLUMNS, LINE_INCHES = 24, 0.14
XLABEL = "sequence length (items)"
STEPS = (1.0, 2.0, 5.0)
# Above two decades, these are more labels than a panel has room for.
NARROW_RATIO = 100.0
ROOM = 1.08
PAD_INCHES = 0.08
PNG, SVG = "png", "svg"


@dataclass(frozen=True)
class Canvas:
    """How large a figure is against its text, in inches; with a height, the whole of it."""

    width: float
    title_characters: int
    height: float | None = None

    @property
    def is_slide(self) -> bool:
        """Whether it is for a talk: of a fixed shape, without a caption."""
        return self.height is not None


PAGE = Canvas(WIDTH_INCHES, title_characters=78)
# 16:9. Less wide than a page at the same size of text, so that the text is larger on a screen.
SLIDE = Canvas(5.0, title_characters=54, height=5.0 * 9 / 16)
SLIDE_PIXELS = 1920
_canvas = ContextVar("canvas", default=PAGE)


@contextlib.contextmanager
def on(canvas: Canvas) -> Iterator[None]:
    """Draw figures of this size."""
    token = _canvas.set(canvas)
    try:
        yield
    finally:
        _canvas.reset(token)


def figure_width() -> float:
    """Give the width of the figures that are being drawn, in inches."""
    return _canvas.get().width


class _Panels(sns.FacetGrid):
    def tight_layout(self, *args: Any, **kwargs: Any) -> "_Panels":
        """Leave the layout to `framed`, which knows what is around the panels: it takes long."""
        return self


def empty_panels(
    table: pd.DataFrame,
    *,
    rows: Sequence[str],
    columns: Mapping[Any, str],
    height: float,
    bar_inches: float = 0.0,
) -> sns.FacetGrid:
    """Lay out a panel for each row and column of the figure.

    Args:
        table: Its columns `row` and `column` name the panel of each line.
        rows: Panels from top to bottom.
        columns: Panels from left to right, with their titles.
        height: Of a panel, in inches. The width of the figure is always the same, so that text
            is as large in one figure as in another.
        bar_inches: Width of a bar of colours, which will be drawn beside the panels.
    """
    grid = _Panels(
        table,
        row="row",
        col="column",
        row_order=list(rows),
        col_order=list(columns),
        height=height,
        aspect=figure_width() / len(columns) / height,
        sharey="row",
    )
    grid.set_titles("")
    room = (figure_width() - LABELS_INCHES - bar_inches) / len(columns)
    write_titles(grid.figure, dict(zip(grid.axes[0], columns.values(), strict=True)), room=room)
    return grid


def write_titles(figure: Figure, titles: Mapping[Axes, str], *, room: float) -> None:
    """Write a title above each panel, upwards where it has no room across.

    Args:
        room: Width of a panel, in inches.
    """
    font = FontProperties(weight="bold", size=style.PANEL_TITLE_SIZE)
    wrapped = {axis: _lines(title, FILLED * room, font) for axis, title in titles.items()}
    rows = len({axis.get_position().y0 for axis in titles})
    most_lines = max(map(len, wrapped.values()), default=0)
    if most_lines <= MOST_LINES:
        for axis, lines in wrapped.items():
            axis.set_title("\n".join(lines))
        _add_height(figure, rows * LINE_INCHES * max(0, most_lines - 1))
        return
    short = told_apart(titles.values(), most=UPRIGHT_COLUMNS)
    for axis, title in titles.items():
        axis.set_title(short[title], rotation="vertical")
    height = max(inches_of(each, font) for each in short.values())
    _add_height(figure, rows * height)


def _add_height(figure: Figure, inches: float) -> None:
    figure.set_figheight(figure.get_figheight() + inches)


def beside_row(title: str, inches: float) -> str:
    """Break a name into lines for the side of a row of panels."""
    return "\n".join(_lines(title, FILLED_BESIDE * inches, FontProperties(size=style.TEXT_SIZE)))


def _lines(text: str, room: float, font: FontProperties) -> list[str]:
    """Break a text where words end, else within them; unlike textwrap, by the width of letters."""

    def fits(line: str) -> bool:
        return inches_of(line.strip(), font) <= room

    lines = [""]
    # A word may end after a mark.
    for word in re.split(r"(?<=[ ._:/+-])", text):
        if fits(lines[-1] + word):
            lines[-1] += word
            continue
        lines += [""] * bool(lines[-1])
        for letter in word:
            if lines[-1] and not fits(lines[-1] + letter):
                lines.append("")
            lines[-1] += letter
    return [line.strip() for line in lines]


def inches_of(text: str, font: FontProperties) -> float:
    """Measure the width of a text."""
    width, *_ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / POINTS_PER_INCH


def framed(
    figure: Figure,
    *,
    title: str,
    caption: str,
    looks: Mapping[str, LineStyle] | None = None,
    xlabel: str = "",
) -> Figure:
    """Put title, legend, label of the horizontal axis and caption around the panels."""
    canvas = _canvas.get()
    figure.set_layout_engine("constrained")
    figure.supxlabel(xlabel, fontsize=style.TEXT_SIZE)
    handles = [legend_handle(look) for look in (looks or {}).values()]
    # As wide as it may be: Matplotlib breaks no legend into lines by itself.
    for columns in range(max(1, len(handles)), 0, -1):
        legend = figure.legend(
            handles=handles,
            ncols=columns,
            title=textwrap.fill(escaped(title, shows=style.is_drawn), canvas.title_characters),
            title_fontproperties={"size": style.TITLE_SIZE, "weight": "bold"},
            alignment="left",
            loc="lower left",
            bbox_to_anchor=(0, 1),
            frameon=False,
            borderpad=0,
            columnspacing=1.2,
            handlelength=2.6,
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    if not canvas.is_slide:
        figure.text(
            0.01,
            -0.01,
            escaped(caption, shows=style.is_drawn),
            gid="caption",
            va="top",
            wrap=True,
            fontsize=style.SMALL_SIZE,
            linespacing=1.3,
            color=style.NOTE_COLOUR,
        )
    plt.close(figure)  # It stays usable; pyplot would keep it, and warn of the twentieth.
    return figure


def legend_handle(look: LineStyle, label: str | None = None) -> Line2D:
    """Show a curve in a legend."""
    return Line2D(
        [],
        [],
        label=look.label if label is None else label,
        color=look.colour,
        linestyle=look.dash,
        linewidth=look.width,
        marker=look.marker or "None",
        markersize=4.2,
        markeredgecolor="white",
        markeredgewidth=0.4,
    )


def mark_decades(axis: Axis, values: Iterable[float], *, texts: Formatter) -> None:
    """Write 1, 2 and 5 of every decade, or decades where these are too many.

    The axis ends at a tick, so that even a narrow range has two.
    """
    known = [value for value in values if value > 0] or [1.0, 10.0]
    low, high = min(known), max(known)
    decades = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2)
    ticks = np.sort(np.outer(STEPS, decades), axis=None)
    below = ticks[ticks <= low].max()
    above = ticks[(ticks >= high) & (ticks > below)].min()
    is_horizontal = axis is axis.axes.xaxis
    set_limits = axis.axes.set_xlim if is_horizontal else axis.axes.set_ylim
    set_limits(below / ROOM, above * ROOM)
    axis.set_major_locator(LogLocator(subs=STEPS if high < NARROW_RATIO * low else STEPS[:1]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(texts)


def say_empty(axis: Axes) -> None:
    """Write into a panel that it has nothing to show."""
    axis.text(
        0.5,
        0.5,
        "no finished row",
        transform=axis.transAxes,
        ha="center",
        va="center",
        color=style.NOTE_COLOUR,
    )


def rendered(figure: Figure, kind: str = PNG) -> bytes:
    """Encode a figure as PNG or SVG; the same figure gives the same bytes."""
    content = io.BytesIO()
    canvas = _canvas.get()
    shape: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": PAD_INCHES}
    if canvas.height is not None:
        box = _filled(figure, canvas.width, canvas.height)
        shape = {"bbox_inches": box, "dpi": SLIDE_PIXELS / canvas.width}
    # Without versions and dates the bytes depend on the data alone.
    unsaid = {PNG: {"Software": None}, SVG: {"Date": None, "Creator": None}}[kind]
    figure.savefig(content, format=kind, metadata=unsaid, **({"dpi": style.DOTS_PER_INCH} | shape))
    return content.getvalue()


def _filled(figure: Figure, width: float, height: float) -> Bbox:
    """Stretch the panels until the figure and what is around it have this size, in inches."""
    box = Bbox.unit()
    for _ in range(2):  # Once more, since wider panels may have other labels.
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        wide, high = figure.get_size_inches()
        figure.set_size_inches(
            width - 2 * PAD_INCHES - max(0.0, box.width - wide),
            max(1.0, height - 2 * PAD_INCHES - (box.height - high)),
        )
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    left, bottom = (box.x0 + box.x1 - width) / 2, (box.y0 + box.y1 - height) / 2
    return Bbox.from_bounds(left, bottom, width, height)
