"""The row types of what probes find: why a stage answers as it does, in finer tables."""

from dataclasses import dataclass

from results.schema.columns import column, optional
from results.schema.rows import StageRow

# Before training the architecture alone decides what reaches the answer.
INITIAL, TRAINED = "initial", "trained"
GRADIENT, OCCLUSION, CONTEXT, ATTENTION = "gradient", "occlusion", "context", "attention"
INFLUENCE_MEASURES = (GRADIENT, OCCLUSION, CONTEXT)
LINEAR, MLP, DECODER = "linear", "mlp", "decoder"
STATE_PROBES = (LINEAR, MLP, DECODER)
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
        "ratio",
        "Teacher-forced less free-running token accuracy; true items also supply information, so "
        "this is not a loss to errors.",
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
    weight_entropy_bits: float | None = optional(
        "bits", "Mean entropy of the weights of this item, teacher-forced; empty without attention."
    )


@dataclass(frozen=True, kw_only=True)
class CorruptionRow(ProbeRow):
    """What one wrong item costs the items after it: one row of corruption.csv.

    Teacher-forced: all items that are fed are true, but for the wrong one.
    """

    wrong_item: int = column(
        "items", "Position in the answer, from 1, whose item is fed as another symbol."
    )
    items_after: int = column(
        "items",
        "How many items after the wrong one is answered; 0 is its own place, which is answered "
        "before it is fed.",
    )
    corrupted_accuracy: float = column(
        "fraction", "Share of sequences with this item right after the wrong one is fed."
    )
    intact_accuracy: float = column(
        "fraction", "Share of the same sequences with it right if all items fed are true."
    )
    test_sequences: int = column("sequences", "Number of test sequences.")


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
    # A position's rank is the place in the answer that it is copied to. Neighbours in the source
    # of a sort are of any rank, so that distance in the source says nothing there.
    rank_0_mass: float | None = optional(
        "weight",
        "Mean weight on source positions whose rank, the place in the answer that they are copied "
        "to, is that of the output item: aligned_mass. A position with several ranks, as equal "
        "symbols of a sort have, counts by the nearest.",
    )
    near_rank_mass: float | None = optional("weight", "Mean weight at most one rank off.")
    rank_4_mass: float | None = optional("weight", "Mean weight at most four ranks off.")
    intact_accuracy: float | None = optional(
        "fraction",
        "Teacher-forced token accuracy on these sequences. This and the next five are empty for a "
        "model whose weights cannot be changed.",
    )
    masked_true_accuracy: float | None = optional(
        "fraction",
        "The same with the weights at the true source positions set to 0 and the rest scaled up.",
    )
    masked_other_accuracy: float | None = optional(
        "fraction", "The same with as many of the other positions masked, drawn at random."
    )
    top_1_accuracy: float | None = optional(
        "fraction", "The same with only the largest weight kept, as 1."
    )
    top_4_accuracy: float | None = optional(
        "fraction", "The same with only the four largest weights kept and scaled up."
    )
    shifted_accuracy: float | None = optional(
        "fraction",
        "The same with every weight moved to the next source position, the last to the first.",
    )
    test_sequences: int = column("sequences", "Number of test sequences.")


@dataclass(frozen=True, kw_only=True)
class WeightRow(ProbeRow):
    """One weight of attention on one test sequence, for one seed: one row of weights.csv.

    Teacher-forced, on the first test sequence, at the length trained for that is nearest 20.
    """

    output_item: int = column("items", "Position in the answer, from 1.")
    target_symbol: int = column("symbol id", "The right symbol there.")
    source_item: int = column("items", "Position in the source, from 1.")
    source_symbol: int = column("symbol id", "The symbol there.")
    weight: float = column("weight", "Weight of this source item when this output is answered.")


@dataclass(frozen=True, kw_only=True)
class StateRow(ProbeRow):
    """What one probe reads of one item from the frozen state: one row of state.csv."""

    probe: str = column(
        "name",
        "What is trained to read the state. linear and mlp (one hidden layer) name the symbol at "
        "each source position. decoder answers the task, teacher-forced, with twice the state.",
        choices=STATE_PROBES,
    )
    item: int = column(
        "items", "Position from 1: in the source for linear and mlp, in the answer for decoder."
    )
    bits: float = column(
        "bits",
        "Entropy of the source, or for decoder of the target, divided by its items, less the "
        "cross-entropy of this item. For linear, mlp, copy and reverse the entropy is log2 of the "
        "alphabet size. The sum over the items of decoder is what it carries in all.",
    )
    token_accuracy: float = column("fraction", "Share of test sequences with this item right.")
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
