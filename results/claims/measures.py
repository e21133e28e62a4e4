"""The five claims: their words, their tasks, and what is measured of each.

docs/claims.md says which words a line comes from. Everything here was written before the runs that
it judges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from results.claims.effects import (
    BOTH,
    EffectFunction,
    accuracy_gap,
    alignment_at_longest,
    capacity_slope,
    context_ratio,
    kept_share,
    length_ratio,
    lost_share,
    recency,
    uniform_share,
)
from results.claims.evidence import ATTENTION, DOT
from results.schema.probe_rows import INITIAL

ACCURACY = "normalised_accuracy"
# Each with its words and the columns of accuracy.csv.
AT_THIS_BUDGET = {
    "carried_share": ("share of bits", "carried_bits / target_bits"),
    "normalised_forced_accuracy": (
        "teacher-forced accuracy",
        "teacher_forced_token_accuracy, normalised as normalised_accuracy is",
    ),
}
MIRRORED = "with the two-way encoder it is copy, mirrored"


@dataclass(frozen=True)
class Claim:
    """A sentence under test, and where it is tested."""

    text: str
    measured: str  # Its primary measure in plain words.
    tasks: tuple[str, ...]  # Where its premise holds; tasks that are pooled have one name.
    out_of_scope: Mapping[str, str]  # The other tasks, each with the reason.


@dataclass(frozen=True)
class Measure:
    """One number that belongs to a claim; a primary one is held against two lines."""

    claim: str
    name: str
    rows: str  # Which rows of which CSV the effect of a seed comes from.
    effects: EffectFunction
    lines: tuple[float, float] | None = None  # No effect, and what is asked; None if secondary.
    tasks: tuple[str, ...] = ()  # Where it is measured, if not on all tasks of its claim.
    is_ratio: bool = field(default=False, kw_only=True)  # Averaged and tested by its logarithm.
    is_share: bool = field(default=False, kw_only=True)  # Flagged outside [0, 1].

    def __post_init__(self) -> None:
        if not self.tasks:
            object.__setattr__(self, "tasks", CLAIMS[self.claim].tasks)


CLAIMS: dict[str, Claim] = {
    "C1": Claim(
        "A Seq2Seq cannot take the whole context into account once sequences are long.",
        measured="how many times as far dot attention gets, until half is lost",
        tasks=("copy",),
        out_of_scope={"reverse": MIRRORED, "sort": "the counts that it needs fit into the state"},
    ),
    "C2": Claim(
        "An RNN that answers at once sees only the inputs up to now, and is less accurate than "
        "Seq2Seq where the whole sequence is needed.",
        measured="share of the items that it loses against Seq2Seq",
        tasks=("reverse", "sort"),
        out_of_scope={"copy": "each answer needs the inputs up to now only"},
    ),
    "C3": Claim(
        "In a long sequence the later inputs influence a Seq2Seq far more than the earlier ones.",
        measured="effect of the last input less that of the first, over the mean, one-way encoder",
        tasks=(BOTH,),
        out_of_scope={"sort": "no output asks for a fixed source position"},
    ),
    "C4": Claim(
        "Attention links each output item directly to the input items it should look at.",
        measured="share of the accuracy that is lost without the weights on the true inputs",
        tasks=("copy", "sort"),
        out_of_scope={"reverse": MIRRORED},
    ),
    "C5": Claim(
        "That link is what removes the loss with length.",
        measured="share of the gain of dot attention that uniform weights have, too",
        tasks=("copy", "sort"),
        out_of_scope={"reverse": MIRRORED},
    ),
}


def _recency_measures() -> list[Measure]:
    """List recency by cell, length and training; the first is the primary one."""
    measures: list[Measure] = []
    choices: dict[str, dict[str, Any]] = {
        "trained, longest length": {},
        "trained, longest length solved": {"is_where_solved": True},
        "before training, longest length": {"parameters": INITIAL},
    }
    for cell in ("lstm", "gru", "tanh"):
        for state, chosen in choices.items():
            measures.append(
                Measure(
                    "C3",
                    f"last less first source position at one output, over the mean: {cell}, "
                    f"{state}",
                    "influence.csv, seq2seq, encoder uni, measure occlusion: slope of "
                    "aligned_effect in source_item, copy against reverse",
                    partial(recency, cell=cell, **chosen),
                    None if measures else (0.0, 0.5),
                )
            )
    return measures


MEASURES: tuple[Measure, ...] = (
    *(
        Measure(
            "C1",
            f"L50 of {model} / L50 of seq2seq: free-running accuracy",
            f"accuracy.csv: length at which {ACCURACY} falls through one half",
            partial(length_ratio, score=ACCURACY, model=model),
            (1.0, 2.0) if model == DOT else None,
            is_ratio=True,
        )
        for model in ATTENTION
    ),
    *(
        Measure(
            "C1",
            f"L50 of {model} / L50 of seq2seq: {words}, at this budget",
            f"accuracy.csv: length at which this falls through one half: {columns}",
            partial(length_ratio, score=score, model=model),
            is_ratio=True,
        )
        for score, (words, columns) in AT_THIS_BUDGET.items()
        for model in ATTENTION
    ),
    Measure(
        "C1",
        "slope of log2 L50 of seq2seq+channel on log2 capacity",
        "accuracy.csv, seq2seq+channel: length at which normalised_accuracy falls through one half",
        capacity_slope,
    ),
    *(
        Measure(
            "C2",
            f"accuracy of seq2seq less rnn-aligned, at the longest length{which}",
            "accuracy.csv: token_accuracy of both",
            partial(accuracy_gap, is_where_solved=bool(which)),
            (0.0, 0.1) if which else None,
        )
        for which in (" that seq2seq solves", "")
    ),
    *_recency_measures(),
    Measure(
        "C3",
        "last by first quarter of the source: norm of d context / d x_j",
        "influence.csv, seq2seq, encoder uni, measure context: mean effect by source_item",
        context_ratio,
        tasks=("copy", "reverse"),
        is_ratio=True,
    ),
    *(
        Measure(
            "C4",
            f"share of accuracy lost with the weight on the true positions, {model}",
            "alignment.csv, longest length: (masked_other_accuracy - masked_true_accuracy) / "
            "(masked_other_accuracy - constant_accuracy)",
            partial(lost_share, model=model),
            (0.0, 0.9) if model == DOT else None,
            is_share=True,
        )
        for model in ATTENTION
    ),
    *(
        Measure(
            "C4",
            f"{words}, {model}",
            f"alignment.csv, longest length: {column}",
            partial(alignment_at_longest, column=column, model=model),
        )
        for column, words in (
            ("aligned_fraction", "largest weight at the true position"),
            ("near_rank_mass", "weight at most one rank off"),
        )
        for model in ATTENTION
    ),
    *(
        Measure(
            "C4",
            f"accuracy kept with {words}, {model}",
            f"alignment.csv, longest length: {column} / intact_accuracy",
            partial(kept_share, column=column, model=model),
        )
        for column, words in (
            ("top_1_accuracy", "the largest weight alone"),
            ("top_4_accuracy", "the four largest weights"),
            ("shifted_accuracy", "the weights shifted"),
        )
        for model in ATTENTION
    ),
    *(
        Measure(
            "C4",
            f"largest weight where occlusion hurts most, {model}",
            "alignment.csv, longest length: occlusion_agreement_fraction",
            partial(alignment_at_longest, column="occlusion_agreement_fraction", model=model),
            tasks=("copy",),
        )
        for model in ATTENTION
    ),
    *(
        Measure(
            "C5",
            f"what uniform weights gain of what dot attention gains: {words}",
            f"accuracy.csv, longest length that all have: {columns} of seq2seq+uniform less "
            "seq2seq, over seq2seq+dot less seq2seq",
            partial(uniform_share, score=score),
            (1.0, 0.1) if score == ACCURACY else None,
            is_share=True,
        )
        for score, words, columns in (
            (ACCURACY, "free-running accuracy", ACCURACY),
            ("carried_share", "share of bits, at this budget", "carried_bits / target_bits"),
        )
    ),
    Measure(
        "C5",
        f"accuracy kept with a wrong link, the weights of {DOT} shifted",
        "alignment.csv, longest length: shifted_accuracy / intact_accuracy",
        partial(kept_share, column="shifted_accuracy", model=DOT),
    ),
)
