"""How models and baselines look: one colour, marker and dash each, the same in every figure.

Colours stay apart for colour-blind readers, and their lightness differs, so that they stay apart
in grey as well. Warm colours have no attention, cold ones have.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import seaborn as sns
from matplotlib.font_manager import findfont, fontManager, get_font

from results.wording import MOST_COLUMNS, NEVER_IN_A_NAME, told_apart

Dash = Literal["-"] | tuple[float, tuple[float, ...]]

SOLID: Dash = "-"
DASHED: Dash = (0, (4.0, 1.6))
DOTTED: Dash = (0, (1.0, 1.4))
DASH_DOT: Dash = (0, (5.0, 1.4, 1.0, 1.4))

DOTS_PER_INCH = 150
TITLE_SIZE, PANEL_TITLE_SIZE = 10.0, 8.0
# At 7.2 inches, with the edges, shown on 830 pixels, 7 points are 11 pixels: the least to read.
TEXT_SIZE, SMALL_SIZE = 7.5, 7.0
NOTE_COLOUR = "#555555"
# Only glyphs that DejaVu Sans lacks come from these, so all other figures are the same anywhere.
_FALLBACK_FONTS = ("Noto Sans CJK KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")


@dataclass(frozen=True)
class LineStyle:
    """How one curve is drawn and named; a baseline has no marker. The width is in points."""

    label: str
    colour: str
    dash: Dash
    marker: str = ""
    width: float = 1.5


MODEL_STYLES: dict[str, LineStyle] = {
    "rnn": LineStyle("RNN", "#E69F00", DASH_DOT, "v"),
    "rnn-aligned": LineStyle("RNN, answers at once", "#9AD1F5", DOTTED, "P"),
    "seq2seq": LineStyle("Seq2Seq", "#B5420A", SOLID, "s"),
    "seq2seq+uniform": LineStyle("Seq2Seq + uniform weights", "#0D0D0D", DASH_DOT, "X"),
    "seq2seq+dot": LineStyle("Seq2Seq + dot attention", "#00417F", SOLID, "o"),
    "seq2seq+additive": LineStyle("Seq2Seq + additive attention", "#18A07F", DASHED, "d"),
}
# For models that this file does not know. The counts share no factor, so a pair repeats only
# after 35 models.
_FREE_COLOURS = ("#CC79A7", "#6A3D9A", "#7A6A00", "#5B7FA8", "#A0527A")
_FREE_MARKERS = ("^", "<", ">", "p", "h", "*", "D")
_FREE_DASHES = (DASHED, DASH_DOT, SOLID)

BASELINE_STYLES: dict[str, LineStyle] = {
    "target_bits": LineStyle("all the information in the target", "#CFCFCF", SOLID, width=4.0),
    # The best answer that does not depend on the source: no guess is better.
    "constant_accuracy": LineStyle("guessing", "#A9A9A9", SOLID, width=2.0),
    "repeat_accuracy": LineStyle("repeating the true item before", "#5F5F5F", DASH_DOT, width=1.0),
    "causal_ceiling_accuracy": LineStyle(
        "ceiling of the RNN that answers at once", "#5F5F5F", DASHED, width=1.0
    ),
    "unrelated_edits": LineStyle("targets of two sources", "#5F5F5F", DOTTED, width=1.2),
}


def styles_for(models: Iterable[str]) -> dict[str, LineStyle]:
    """Choose the style of every model, in the order of the legend.

    Known models come first, in the order of `MODEL_STYLES`; every other takes the next free style
    in alphabetical order.
    """
    labels = labels_of(models, shows=is_drawn)
    styles = {name: MODEL_STYLES[name] for name in labels if name in MODEL_STYLES}
    for index, name in enumerate(name for name in labels if name not in MODEL_STYLES):
        styles[name] = LineStyle(
            label=labels[name],
            colour=_FREE_COLOURS[index % len(_FREE_COLOURS)],
            dash=_FREE_DASHES[index % len(_FREE_DASHES)],
            marker=_FREE_MARKERS[index % len(_FREE_MARKERS)],
        )
    return styles


def styles_of_lines(lines: Iterable[str]) -> dict[str, LineStyle]:
    """Choose the style of every curve of a figure: models first, then baselines.

    The lines of baselines begin with what no name of a model has.
    """
    names = set(lines)
    baselines = {
        line: look
        for name, look in BASELINE_STYLES.items()
        if (line := f"{NEVER_IN_A_NAME}{name}") in names
    }
    return styles_for(names - set(baselines)) | baselines


def labels_of(
    models: Iterable[str],
    *,
    most: int = MOST_COLUMNS,
    shows: Callable[[str], bool] = str.isprintable,
) -> dict[str, str]:
    """Name every model, in the order of the legend, so that no two look alike.

    Args:
        most: Columns of a name.
        shows: Whether a character can be seen.
    """
    names = set(models)
    known = {name: look.label for name, look in MODEL_STYLES.items() if name in names}
    taken = [look.label for look in (*MODEL_STYLES.values(), *BASELINE_STYLES.values())]
    return known | told_apart(names - set(known), most=most, shows=shows, taken=taken)


def titles_of(tasks: Iterable[str]) -> dict[str, str]:
    """Name every task of a figure, in alphabetical order."""
    return told_apart(tasks, shows=is_drawn)


@functools.cache
def is_drawn(letter: str) -> bool:
    """Tell if a font of the figures has a letter; all others would be the same box."""
    return letter.isprintable() and any(ord(letter) in _letters_of(name) for name in _fonts())


@functools.cache
def _letters_of(font: str) -> frozenset[int]:
    return frozenset(get_font(findfont(font)).get_charmap())


@functools.cache
def _fonts() -> list[str]:
    installed = {font.name for font in fontManager.ttflist}
    # DejaVu Sans comes with Matplotlib: the same on any machine.
    return ["DejaVu Sans", *(name for name in _FALLBACK_FONTS if name in installed)]


@contextlib.contextmanager
def themed() -> Iterator[None]:
    """Draw and save with the settings of every figure, whatever a matplotlibrc file says."""
    # seaborn makes figures through pyplot, which would look for a screen.
    matplotlib.use("agg")
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A letter that no font has becomes a box; the figure is drawn all the same.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_theme())
        yield


def _theme() -> dict[Any, Any]:
    return {
        **sns.axes_style("ticks"),
        **sns.plotting_context("paper"),
        "font.family": _fonts(),
        # A model may be called $x$: names are text, never formulas.
        "text.parse_math": False,
        "font.size": TEXT_SIZE,
        "axes.titlesize": PANEL_TITLE_SIZE,
        "axes.titleweight": "bold",
        "axes.labelsize": TEXT_SIZE,
        "xtick.labelsize": SMALL_SIZE,
        "ytick.labelsize": SMALL_SIZE,
        "legend.fontsize": TEXT_SIZE,
        "legend.title_fontsize": TEXT_SIZE,
        "axes.edgecolor": "#9A9A9A",
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "svg.hashsalt": "figure",  # Else the ids in an SVG are random.
        "figure.dpi": DOTS_PER_INCH,  # Texts are measured at the size at which they are saved.
    }
