"""The frame of a figure: title, legend above the panels, panels of one size, caption below."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.drawing import style
from reports.drawing.style import LineStyle

LEFT_INCHES = 0.58
RIGHT_INCHES = 0.12
EDGE_INCHES = 0.08
ROW_GAP_INCHES = 0.24
TITLE_LINE_INCHES = 0.19
LEGEND_LINE_INCHES = 0.15
CAPTION_LINE_INCHES = 0.128
XLABEL_INCHES = 0.46
NOTES_GAP_INCHES = 0.06
XLABEL = "sequence length (items)"
# Mean widths of a character at the sizes used, measured on the texts that occur.
TITLE_CHARACTER_INCHES = 0.085
LEGEND_CHARACTER_INCHES = 0.057
CAPTION_CHARACTER_INCHES = 0.0495
LEGEND_HANDLE_INCHES = 0.47


@dataclass(frozen=True)
class Notes:
    """Numbers that belong to the curves, in lines below the panels.

    Attributes:
        heading: The line above them.
        columns: For each column of panels its notes, each led by the look of its curve.
    """

    heading: str
    columns: Sequence[Sequence[LineStyle]]


@dataclass(frozen=True)
class Frame:
    """What stands around the panels.

    Attributes:
        title: Headline.
        columns: Title of each column of panels.
        legends: Entries of the legend; each list begins a new line.
        xlabel: Label that all panels share.
        caption: What a reader has to know; wrapped to the width.
        notes: What stands between the panels and the caption.
        left_inches: Room for the labels of the first column.
        right_inches: Room beside the last column.
        corner_inches: Room right above each panel, below the titles, for a line of its own.
    """

    title: str
    columns: Sequence[str]
    legends: Sequence[Sequence[LineStyle]]
    xlabel: str
    caption: str
    notes: Notes | None = None
    left_inches: float = LEFT_INCHES
    right_inches: float = RIGHT_INCHES
    corner_inches: float = 0.0


def empty_figure(
    frame: Frame, *, rows: int, is_shared: bool = True
) -> tuple[Figure, list[list[Axes]]]:
    """Lay out a figure in inches, so that panels have one size whatever stands around them.

    Args:
        rows: Rows of panels.
        is_shared: Whether panels share the horizontal axis, and those of a row the vertical one.

    Returns:
        The figure and its empty axes, by row, then column.
    """
    width = max(
        style.LEAST_WIDTH_INCHES,
        frame.left_inches + frame.right_inches + len(frame.columns) * style.PANEL_WIDTH_INCHES,
    )
    text_width = width - 2 * EDGE_INCHES
    title = textwrap.wrap(frame.title, int(text_width / TITLE_CHARACTER_INCHES))
    caption = textwrap.wrap(frame.caption, int(text_width / CAPTION_CHARACTER_INCHES))
    lines = [line for entries in frame.legends for line in _lines_that_fit(entries, text_width)]
    above_legend = 0.12 + TITLE_LINE_INCHES * len(title)
    above = above_legend + LEGEND_LINE_INCHES * len(lines) + 0.3 + frame.corner_inches
    below_notes = CAPTION_LINE_INCHES * len(caption) + 0.06
    below = XLABEL_INCHES + _notes_inches(frame.notes) + below_notes
    panels = rows * style.PANEL_HEIGHT_INCHES + (rows - 1) * ROW_GAP_INCHES
    height = above + panels + below
    figure = Figure(figsize=(width, height), dpi=style.DOTS_PER_INCH)
    axes = figure.subplots(
        rows,
        len(frame.columns),
        sharex=is_shared,
        sharey="row" if is_shared else False,
        squeeze=False,
        gridspec_kw={
            "left": frame.left_inches / width,
            "right": 1 - frame.right_inches / width,
            "bottom": below / height,
            "top": 1 - above / height,
            "wspace": 0.11 if is_shared else 0.34,
            "hspace": ROW_GAP_INCHES / style.PANEL_HEIGHT_INCHES,
        },
    )
    left = EDGE_INCHES / width
    figure.text(
        left,
        1 - 0.08 / height,
        "\n".join(title),
        gid="title",
        va="top",
        fontsize=style.TITLE_SIZE,
        fontweight="bold",
    )
    for number, line in enumerate(lines):
        top = above_legend + LEGEND_LINE_INCHES * number
        _draw_legend_line(figure, line, left=left, top=1 - top / height)
    middle = (frame.left_inches + width - frame.right_inches) / 2
    figure.text(
        middle / width,
        (below - 0.36) / height,
        frame.xlabel,
        gid="xlabel",
        ha="center",
        va="bottom",
        fontsize=style.TEXT_SIZE,
    )
    figure.text(
        left,
        below_notes / height,
        "\n".join(caption),
        gid="caption",
        va="top",
        fontsize=style.CAPTION_SIZE,
        linespacing=1.3,
        color=style.NOTE_COLOUR,
    )
    for axis, name in zip(axes[0], frame.columns, strict=True):
        axis.set_title(name, pad=5 + 72 * frame.corner_inches, fontweight="bold")
    if frame.notes:
        _draw_notes(figure, frame.notes, axes=axes[0], top=(below - XLABEL_INCHES) / height)
    return figure, [list(row) for row in axes]


def _lines_that_fit(entries: Sequence[LineStyle], width: float) -> list[list[LineStyle]]:
    """Break the entries of a legend into lines, in reading order."""
    lines: list[list[LineStyle]] = []
    taken = width
    for entry in entries:
        needed = LEGEND_HANDLE_INCHES + LEGEND_CHARACTER_INCHES * len(entry.label)
        if taken + needed > width:
            lines.append([])
            taken = 0.0
        lines[-1].append(entry)
        taken += needed
    return lines


def _notes_inches(notes: Notes | None) -> float:
    if notes is None:
        return 0.0
    return LEGEND_LINE_INCHES * (1 + max(map(len, notes.columns))) + NOTES_GAP_INCHES


def _draw_notes(figure: Figure, notes: Notes, *, axes: Sequence[Axes], top: float) -> None:
    figure.text(
        EDGE_INCHES / figure.get_figwidth(),
        top,
        notes.heading,
        gid="notes",
        va="top",
        fontsize=style.TEXT_SIZE,
    )
    step = LEGEND_LINE_INCHES / figure.get_figheight()
    for axis, entries in zip(axes, notes.columns, strict=True):
        for number, entry in enumerate(entries, start=1):
            left = axis.get_position().x0
            _draw_legend_line(figure, [entry], left=left, top=top - number * step)


def _draw_legend_line(
    figure: Figure, entries: Sequence[LineStyle], *, left: float, top: float
) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=entry.colour,
            linestyle=entry.dash,
            linewidth=entry.width,
            marker=entry.marker or "None",
            markersize=4.2,
            markeredgecolor="white",
            markeredgewidth=0.4,
        )
        for entry in entries
    ]
    legend = figure.legend(
        handles,
        [entry.label for entry in entries],
        loc="upper left",
        ncols=len(entries),
        bbox_to_anchor=(left, top),
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        columnspacing=1.2,
        handlelength=2.6,
        handletextpad=0.5,
    )
    legend.set_gid("legend")
