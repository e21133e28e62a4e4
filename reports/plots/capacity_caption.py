"""What has to be said below the figure of capacity, and how far its curves lie apart."""

import math

import pandas as pd

from reports.drawing import style
from reports.plots.capacity_data import BITS_PER_NUMBER, Capacity, counting_bound_bits
from reports.selection.captions import counted, model_settings
from results.stats.size_scaling import MOST_SPREAD, Collapse, Spread

COLLINS = (
    "Collins et al. 2017 find about one real number of the input history per hidden unit; the line "
    "takes an item for one such number, whatever the alphabet."
)
LOOKS = (
    "Dots: the lengths, with a marker at the longest. Grey lines across the third panel: all the "
    "information in the target, dashed as its alphabet."
)


def capacity_caption(capacity: Capacity) -> str:
    """Return the caption of the figure."""
    settings = model_settings(capacity.cell, encoder=capacity.encoder)
    interval = ", with its 95 % t-interval but in the second panel" if capacity.seeds > 1 else ""
    parts = [
        "Seq2Seq without attention. Bits carried: entropy of the target less the cross-entropy of "
        "the model, a lower bound on what gets through at this budget of training, not a capacity. "
        f"Task: {capacity.task}. {settings}. Up to {capacity.budget_updates:,} updates per stage. "
        f"n = {counted(capacity.seeds, 'seed')}: mean{interval}.",
        *_incomplete(capacity),
        *collapse_lines(capacity.collapse),
        "Upright line: where they are compared." if capacity.collapse else "",
        LOOKS,
        _counting(capacity),
        COLLINS,
        *(
            f"{_label(model)} carries at least {share:.3f} of the bits at every size and length; "
            "it is not drawn."
            for model, share in capacity.least_shares.items()
        ),
        *_half(capacity),
    ]
    return " ".join(part for part in parts if part)


def collapse_lines(collapse: Collapse | None) -> list[str]:
    """Say whether curves of several sizes are one curve, with the numbers."""
    if collapse is None:
        return []
    low, high = collapse.shares
    place = (
        f"At {collapse.load:.2g} bits of the target per number, the most that every state "
        f"and every alphabet reaches, {low:.2f} to {high:.2f} of them get through"
    )
    if collapse.is_close and not collapse.is_one_curve:
        return [f"{place}: too many to tell the {collapse.sizes} sizes apart."]
    verdict = "one curve" if collapse.is_one_curve else "not one curve"
    return [
        f"{place}, and {collapse.sizes} sizes differ by a factor of {_factor(collapse.all)}, "
        f"n = {counted(collapse.n, 'seed')}: {verdict} to within {100 * MOST_SPREAD - 100:.0f} "
        f"%. States at one alphabet differ by {_factor(collapse.states)}, alphabets at one state "
        f"by {_factor(collapse.alphabets)}."
    ]


def _factor(spread: Spread) -> str:
    if math.isnan(spread.ratio):
        return "an unknown factor"
    if math.isnan(spread.low):
        return f"{spread.ratio:.2f}"
    return f"{spread.ratio:.2f} ({spread.low:.2f} to {spread.high:.2f})"


def _counting(capacity: Capacity) -> str:
    most = capacity.bits["bits_per_number"].max()
    if pd.isna(most):
        return ""
    smallest = counting_bound_bits(int(capacity.bits["numbers"].min()))
    return (
        f"By counting its values (compare Jelassi et al. 2024), a state carries at most "
        f"{BITS_PER_NUMBER} bits per number, the smallest here {smallest:,}; the most measured is "
        f"{most:.2g} per number."
    )


def _half(capacity: Capacity) -> list[str]:
    half = capacity.half
    parts = ["L50: length at which half of the bits get through."]
    if half["least_length"].notna().any():
        parts.append(
            "Arrow: in some seed more than half still do at the longest length; those of one state "
            "stand side by side."
        )
    is_unknown = (half["n"] > 0) & half[["length", "least_length"]].isna().all(axis=1)
    if is_unknown.any():
        parts.append(
            f"{counted(int(is_unknown.sum()), 'size')} without a point: in some seed the curve "
            "is below one half from the start, or does not fall."
        )
    return parts


def _incomplete(capacity: Capacity) -> list[str]:
    parts = []
    if capacity.bits["n"].between(1, capacity.seeds - 1).any():
        parts.append(f"Hollow marker: fewer than {counted(capacity.seeds, 'seed')} finished.")
    unfinished = int((capacity.half["n"] == 0).sum())
    if unfinished:
        parts.append(f"{counted(unfinished, 'size')} not shown: no row finished.")
    return parts


def _label(model: str) -> str:
    return style.styles_for([model])[model].label
