"""How figures look: the styles of `reports.selection.looks`, fonts, settings of Matplotlib."""

import contextlib
import functools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.font_manager import findfont, fontManager, get_font

from reports.selection import looks
from reports.selection.looks import BASELINE_STYLES as BASELINE_STYLES
from reports.selection.looks import DASH_DOT as DASH_DOT
from reports.selection.looks import DASHED as DASHED
from reports.selection.looks import DOTTED as DOTTED
from reports.selection.looks import MODEL_STYLES as MODEL_STYLES
from reports.selection.looks import SOLID as SOLID
from reports.selection.looks import Dash as Dash
from reports.selection.looks import LineStyle as LineStyle
from reports.selection.looks import labels_of as labels_of
from results.wording import NEVER_IN_A_NAME, told_apart

DOTS_PER_INCH = 150
TITLE_SIZE, PANEL_TITLE_SIZE = 10.0, 8.0
# At 7.2 inches, with the edges, shown on 830 pixels, 7 points are 11 pixels: the least to read.
TEXT_SIZE, SMALL_SIZE = 7.5, 7.0
NOTE_COLOUR = "#555555"
# Only glyphs that DejaVu Sans lacks come from these, so all other figures are the same anywhere.
_FALLBACK_FONTS = ("Noto Sans CJK KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")


def styles_for(models: Iterable[str]) -> dict[str, LineStyle]:
    """Choose the style of every model; letters that no font has are written as escapes."""
    return looks.styles_for(models, shows=is_drawn)


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
        "figure.dpi": DOTS_PER_INCH,  # Texts are measured at the size at which they are saved.
    }
