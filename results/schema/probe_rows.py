"""The row types of what probes find: why a stage answers as it does, in finer tables."""

from dataclasses import dataclass

from results.schema.columns import column, optional
from results.schema.rows import StageRow

# Before training the architecture alone decides what reaches the answer.
INITIAL, TRAINED = "initial", "trained"
GRADIENT, OCCLUSION, CONTEXT, ATTENTION = "gradient", "occlusion", "context", "attention"
INFLUENCE_MEASURES = (GRADIENT, OCCLUSION, CONTEXT)
# Not a measure of the model: the alignment that the task itself has.
TRUTH = "truth"
MAP_MEASURES = (ATTENTION, OCCLUSION, GRADIENT, TRUTH)


@dataclass(frozen=True, kw_only=True)
class ProbeRow(StageRow):
    """A row of what probes found of one stage at one length."""


@dataclass(frozen=True, kw_only=True)
class ErrorRow(ProbeRow):
    """How the answers of one record are wrong: one row of errors.csv."""

    wrong_items: float = column("items", "Mean number of wrong items per answer, free-running.")
    edit_distance_items: float = column(
        "items",
        "Mean Levenshtein distance of answer and target: below wrong_items where an answer has "
        "slipped by a place and goes on rightly.",
    )
    correct_prefix_items: float = column("items", "Mean number of items before the first error.")
    teacher_forcing_gap: float = column(
        "ratio", "Teacher-forced less free-running token accuracy: what derailing costs."
    )
    test_sequences: int = column("sequences", "Number of test sequences.")


@dataclass(frozen=True, kw_only=True)
class PositionRow(ProbeRow):
    """How one position of the answer is answered: one row of positions.csv."""

    output_item: int = column("items", "Position in the answer, from 1.")
    token_accuracy: float = column("fraction", "Share of sequences with this item right.")
    teacher_forced_token_accuracy: float = column(
        "fraction", "Share of sequences with it right, given the true items before it."
    )
    first_error_fraction: float = column(
        "fraction", "Share of sequences whose first error is here, free-running."
    )


@dataclass(frozen=True, kw_only=True)
class AlignmentRow(ProbeRow):
    """Where the attention of one record looks, teacher-forced: one row of alignment.csv."""

    aligned_fraction: float = column(
        "fraction", "Share of output items whose largest weight is at a true source position."
    )
    near_fraction: float = column(
        "fraction", "Share whose largest weight is at most one position off."
    )
    best_offset_items: float = column(
        "items", "The one offset from the true position at which most largest weights are."
    )
    best_offset_fraction: float = column(
        "fraction", "Share of output items whose largest weight is at that offset."
    )
    aligned_mass: float = column("weight", "Mean weight on the true source positions.")
    near_mass: float = column("weight", "Mean weight at most one position off.")
    weight_entropy_bits: float = column("bits", "Mean entropy of the weights of an output item.")
    occlusion_agreement_fraction: float | None = optional(
        "fraction",
        "Share of output items whose largest weight and largest effect of occlusion are at one "
        "source position, of the items whose largest weight is at a position that was occluded.",
    )
    intact_accuracy: float | None = optional(
        "fraction", "Teacher-forced token accuracy with the weights as they are."
    )
    masked_true_accuracy: float | None = optional(
        "fraction", "The same with no weight on the true source positions."
    )
    masked_other_accuracy: float | None = optional(
        "fraction", "The same with no weight on as many other source positions."
    )
    top_1_accuracy: float | None = optional("fraction", "The same with the largest weight alone.")
    top_4_accuracy: float | None = optional("fraction", "The same with the four largest weights.")
    shifted_accuracy: float | None = optional(
        "fraction", "The same with the weights shifted by one source position."
    )
    rank_0_mass: float | None = optional("weight", "Mean weight on the items of the true rank.")
    near_rank_mass: float | None = optional("weight", "Mean weight at most one rank off.")
    rank_4_mass: float | None = optional("weight", "Mean weight at most four ranks off.")
    test_sequences: int = column("sequences", "Number of test sequences.")


@dataclass(frozen=True, kw_only=True)
class InfluenceRow(ProbeRow):
    """How much one source position moves the answer: one row of influence.csv.

    The effects are means over test sequences and output items, teacher-forced.
    """

    parameters: str = column("name", "Which parameters.", choices=(INITIAL, TRAINED))
    measure: str = column(
        "name",
        "How it is measured. gradient: norm of the gradient of the margin, the true logit less the "
        "largest other, to the embedding of the source item, in logits for a unit of embedding. "
        "occlusion: loss of log-probability of the true item, in nats, when the source item is "
        "replaced by another symbol. context: norm of the derivative of the encoder's final state "
        "to the embedding, in units of state for a unit of embedding; it has no output item.",
        choices=INFLUENCE_MEASURES,
    )
    source_item: int = column(
        "items", "Position in the source, from 1; long sources are looked at in some positions."
    )
    effect: float = column("of the measure", "Mean effect on all output items.")
    aligned_effect: float | None = optional(
        "of the measure", "Mean effect on the output items that are copies of this source item."
    )
    largest_early_effect: float | None = optional(
        "of the measure",
        "Largest effect, in absolute value, on an output item before this position.",
    )
    test_sequences: int = column("sequences", "Number of test sequences.")


@dataclass(frozen=True, kw_only=True)
class MapRow(ProbeRow):
    """One point of a map from output to source: one row of maps.csv, kept for one seed."""

    measure: str = column("name", "What it shows.", choices=MAP_MEASURES)
    output_item: int = column("items", "Position in the answer, from 1.")
    source_item: int = column("items", "Position in the source, from 1.")
    value: float = column(
        "of the measure",
        "Weight of attention, effect as in influence.csv, or, for truth, share of sequences in "
        "which the output item is a copy of this source item.",
    )
