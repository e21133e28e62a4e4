"""How models and baselines look: one colour, marker and dash each, the same in every report.

Colours stay apart for colour-blind readers, and their lightness differs, so that they stay apart
in grey as well. Warm colours have no attention, cold ones have. No Matplotlib: the page reads this
too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from results.wording import MOST_COLUMNS, told_apart

Dash = Literal["-"] | tuple[float, tuple[float, ...]]

SOLID: Dash = "-"
DASHED: Dash = (0, (4.0, 1.6))
DOTTED: Dash = (0, (1.0, 1.4))
DASH_DOT: Dash = (0, (5.0, 1.4, 1.0, 1.4))


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
    "chance_accuracy": LineStyle("chance", "#CFCFCF", SOLID, width=2.0),
    "constant_accuracy": LineStyle("best constant answer", "#5F5F5F", DOTTED, width=1.2),
    "repeat_accuracy": LineStyle("repeat the gold item before", "#5F5F5F", DASH_DOT, width=1.0),
    "causal_ceiling_accuracy": LineStyle(
        "ceiling of the RNN that answers at once", "#5F5F5F", DASHED, width=1.0
    ),
    "unrelated_edits": LineStyle("targets of two sources", "#5F5F5F", DOTTED, width=1.2),
}


def styles_for(
    models: Iterable[str], *, shows: Callable[[str], bool] = str.isprintable
) -> dict[str, LineStyle]:
    """Choose the style of every model, in the order of the legend.

    Known models come first, in the order of `MODEL_STYLES`; every other takes the next free style
    in alphabetical order.

    Args:
        models: Their names.
        shows: Whether a character can be seen.
    """
    labels = labels_of(models, shows=shows)
    styles = {name: MODEL_STYLES[name] for name in labels if name in MODEL_STYLES}
    for index, name in enumerate(name for name in labels if name not in MODEL_STYLES):
        styles[name] = LineStyle(
            label=labels[name],
            colour=_FREE_COLOURS[index % len(_FREE_COLOURS)],
            dash=_FREE_DASHES[index % len(_FREE_DASHES)],
            marker=_FREE_MARKERS[index % len(_FREE_MARKERS)],
        )
    return styles


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
