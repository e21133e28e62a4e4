"""The figures of what probes found by length: how answers go wrong, where attention looks."""

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from reports.drawing import style
from reports.plots.accuracy import Panel, draw_curves
from reports.plots.unrelated import UNRELATED
from reports.selection.curves import Curves, curves_of
from results.store.records import SHARED_COLUMNS

APART = (
    "Dotted: the same between the targets of two sources, as where an answer is unrelated to its "
    "target."
)
GAP = Panel("teacher_forcing_gap", "gap in token accuracy", (), False)
EDIT_SHARE = Panel("edit_share", "edits per\nwrong item", (UNRELATED,))
ALIGNED = Panel("aligned_fraction", "largest weight at\nthe true position", ())
NEAR = Panel("near_fraction", "... or next to it", ())
BEST_OFFSET = Panel("best_offset_fraction", "largest weight at\nthe best offset", ())
OFFSET = "best_offset_items"
ENTROPY = Panel("weight_entropy_bits", "weight entropy (bits)", (), False)


def joined(found: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a probe found beside the settings of their rows of accuracy.csv."""
    names = [name for name in accuracy.columns if name not in found.columns]
    both = found.merge(accuracy[[*SHARED_COLUMNS, *names]], on=list(SHARED_COLUMNS), how="inner")
    return both.astype({name: accuracy[name].dtype for name in SHARED_COLUMNS})


def error_curves(errors: pd.DataFrame, *, unrelated: pd.DataFrame | None = None) -> Curves:
    """Turn errors.csv, joined with its settings, into curves.

    Args:
        unrelated: Edits per wrong item where answers have nothing to do with their targets.
    """
    share = errors["edit_distance_items"] / errors["wrong_items"].where(errors["wrong_items"] > 0)
    curves = curves_of(errors.assign(edit_share=share), scores=(GAP.score, EDIT_SHARE.score))
    if unrelated is None or unrelated.empty:
        return curves
    return replace(curves, baselines=pd.concat([curves.baselines, unrelated], ignore_index=True))


def errors_figure(curves: Curves) -> Figure:
    """Draw what derailing costs, and how many edits there are for each wrong item."""
    has_unrelated = (curves.baselines["baseline"] == UNRELATED).any()
    return draw_curves(
        curves,
        (GAP, EDIT_SHARE),
        title="How answers go wrong, by sequence length",
        explanation="Above: what a model loses when it reads its own answers instead of the true "
        "items. Below: edit distance of answer and target, by the number of items that differ; "
        "an answer that slips by one place and goes on rightly has few edits and many wrong items."
        + (f" {APART}" if has_unrelated else ""),
    )


def alignment_curves(alignment: pd.DataFrame) -> Curves:
    """Turn alignment.csv, joined with its settings, into curves."""
    panels = (ALIGNED, NEAR, BEST_OFFSET, ENTROPY)
    return curves_of(alignment, scores=[*(panel.score for panel in panels), OFFSET])


def alignment_figure(curves: Curves) -> Figure:
    """Draw where attention looks, held against where the target items come from."""
    return draw_curves(
        curves,
        (ALIGNED, NEAR, BEST_OFFSET, ENTROPY),
        title="Where attention looks, by sequence length",
        explanation="Share of output items whose largest weight is at a source position that holds "
        "the item; or at most one position off; or at the one offset that fits best. A memory "
        f"knows its neighbours, so the best offset need not be 0.{_always_zero(curves)} "
        "Teacher-forced.",
    )


def _always_zero(curves: Curves) -> str:
    """Name the models whose best offset is 0 in every row, in which two panels show one curve."""
    offsets = curves.seeds[curves.seeds["score"] == OFFSET].dropna(subset="value")
    is_zero = (offsets["value"] == 0).groupby(offsets["model"]).all()
    if not is_zero.any():
        return ""
    named = style.styles_for(is_zero[is_zero].index).values()
    models = "" if is_zero.all() else f" of {', '.join(look.label for look in named)}"
    return f" Here that{models} is 0 everywhere, so the first and the third row coincide."
