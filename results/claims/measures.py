"""The five claims, the numbers by which they are judged, and their thresholds.

The thresholds were written before the runs that they judge.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from results.claims.effects import (
    ALIGNED,
    ATTENTION,
    LEAST_GAP,
    PLAIN,
    SOLVED_ACCURACY,
    UNIFORM,
    EffectFunction,
    Evidence,
    above_ceiling,
    accuracy_gap,
    alignment_at_longest,
    context_ratio,
    early_effects,
    length_ratio,
    recency,
    uniform_share,
)
from results.schema.rows import OK
from results.wording import shown_command

# Each with its words, and the same as columns of accuracy.csv.
JUDGED_SCORES = {
    "carried_share": ("bits carried, of all bits", "carried_bits / target_bits"),
    "normalised_accuracy": ("accuracy, free-running", "normalised_accuracy"),
    "normalised_forced_accuracy": (
        "accuracy, teacher-forced",
        "(teacher_forced_token_accuracy - constant_accuracy) / (1 - constant_accuracy)",
    ),
}
OWN_LENGTH = "accuracy.csv, encoder bi, length = train_length"
TRAIN_COMMAND = "python -m bench.run --preset claims --out results/claims"
LEAST_LENGTH_RATIO = 2.0


@dataclass(frozen=True)
class Measure:
    """One number that a claim is judged by."""

    claim: str
    name: str
    rows: str  # Which rows of which CSV the effect of a seed is computed from, and how.
    threshold: float  # Where the claim begins to hold.
    effects: EffectFunction
    models: tuple[str, ...]  # Models that it takes, and their encoder.
    encoder: str = "bi"
    tasks: tuple[str, ...] = ()  # Tasks that it takes; any one is enough if empty.
    is_at_least: bool = True  # False if the claim holds from the threshold downwards.
    is_probed: bool = False  # True if training alone does not measure it.

    def command(self, evidence: Evidence, folder: Path) -> str:
        """Name the command that would measure it on what was read from a folder."""
        rows = evidence.accuracy
        rows = rows[(rows["status"] == OK) & (rows["encoder"] == self.encoder)]
        rows = rows[rows["model"].isin(self.models)]
        is_trained = {*self.models} <= {*rows["model"]} and {*self.tasks} <= {*rows["task"]}
        if not self.is_probed or not is_trained:
            return TRAIN_COMMAND
        # Influence is measured at the lengths asked for only, and judged at the longest.
        length = rows["length"].max()
        return shown_command("bench.probe", "--results", folder, "--lengths", length)


CLAIMS: dict[str, str] = {
    "C1": "A Seq2Seq cannot take the whole context into account once sequences are long.",
    "C2": "An RNN that answers at once sees only the inputs up to now, and is less accurate than "
    "Seq2Seq where the whole sequence is needed.",
    "C3": "In a long sequence the later inputs influence a Seq2Seq far more than the earlier ones.",
    "C4": "Attention links each output item directly to the input items it should look at.",
    "C5": "That link is what removes the loss with length.",
}


MEASURES: tuple[Measure, ...] = (
    *(
        Measure(
            claim="C1",
            name=f"L50 of {model} / L50 of seq2seq: {words}",
            rows=f"{OWN_LENGTH}: where {columns} falls through one half, of {model} over "
            "that of seq2seq (results/stats/threshold_length.py)",
            threshold=LEAST_LENGTH_RATIO,
            effects=partial(length_ratio, score=score, model=model, decisive=LEAST_LENGTH_RATIO),
            models=(PLAIN, model),
        )
        for score, (words, columns) in JUDGED_SCORES.items()
        for model in ATTENTION
    ),
    Measure(
        claim="C2",
        name="largest effect of an input on an earlier output of rnn-aligned",
        rows="influence.csv, model rnn-aligned, measure gradient or occlusion, before and after "
        "training: the largest largest_early_effect of any length and source_item",
        threshold=0.0,
        is_at_least=False,
        effects=early_effects,
        models=(ALIGNED,),
        is_probed=True,
    ),
    Measure(
        claim="C2",
        name="accuracy of rnn-aligned above its causal ceiling, at most, in standard errors",
        rows=f"{OWN_LENGTH}, model rnn-aligned: largest (token_accuracy - c) / sqrt(c (1 - c) / "
        "(test_sequences length)) of all lengths, c = causal_ceiling_accuracy; 0 where c = 1",
        threshold=3.0,
        is_at_least=False,
        effects=above_ceiling,
        models=(ALIGNED,),
    ),
    *(
        Measure(
            claim="C2",
            name=f"accuracy of seq2seq less rnn-aligned, at the longest length{of_which}",
            rows=f"{OWN_LENGTH}: token_accuracy of seq2seq less that of rnn-aligned, at the "
            f"longest length{where}",
            threshold=0.1,
            effects=partial(accuracy_gap, is_where_solved=is_where_solved),
            models=(PLAIN, ALIGNED),
        )
        for is_where_solved, of_which, where in (
            (
                True,
                " that seq2seq solves",
                f" where that of seq2seq is {SOLVED_ACCURACY:g} or more",
            ),
            (False, "", ""),
        )
    ),
    *(
        measure
        for encoder in ("uni", "bi")
        for measure in (
            Measure(
                claim="C3",
                name=f"last less first source position at one output, encoder {encoder}: "
                "occlusion, relative to the mean",
                rows="influence.csv, model seq2seq, measure occlusion, parameters trained, "
                f"config_id of encoder {encoder}, longest length L: slope of aligned_effect (copy, "
                "source_item i) less aligned_effect (reverse, source_item L + 1 - i) in 2 i - L - "
                "1, times L - 1, over the mean",
                threshold=0.5,
                effects=partial(recency, encoder=encoder),
                models=(PLAIN,),
                encoder=encoder,
                tasks=("copy", "reverse"),
                is_probed=True,
            ),
            Measure(
                claim="C3",
                name=f"last by first quarter of the source, encoder {encoder}: "
                "norm of d context / d x_j",
                rows="influence.csv, model seq2seq, measure context, parameters trained, "
                f"config_id of encoder {encoder}, longest length: mean effect where source_item > "
                "3/4 length, over that where <= 1/4",
                threshold=2.0,
                effects=partial(context_ratio, encoder=encoder),
                models=(PLAIN,),
                encoder=encoder,
                is_probed=True,
            ),
        )
    ),
    *(
        Measure(
            claim="C4",
            name=f"{words}, {model}",
            rows=f"alignment.csv, model {model}, longest length: {column}",
            threshold=0.9,
            effects=partial(alignment_at_longest, column=column, model=model),
            models=(model,),
            is_probed=True,
        )
        for column, words in (
            ("aligned_fraction", "largest weight at the true position"),
            ("near_fraction", "largest weight at most one position off"),
            ("occlusion_agreement_fraction", "largest weight where occlusion hurts most"),
        )
        for model in ATTENTION
    ),
    *(
        Measure(
            claim="C5",
            name=f"what uniform weights gain of what dot attention gains: {words}",
            rows=f"{OWN_LENGTH}, longest: s = {columns}; (s of seq2seq+uniform - s of "
            f"seq2seq) / (s of seq2seq+dot - s of seq2seq), where that gain is {LEAST_GAP:g} or "
            "more",
            threshold=0.1,
            is_at_least=False,
            effects=partial(uniform_share, score=score),
            models=(PLAIN, UNIFORM, ATTENTION[0]),
        )
        for score, (words, columns) in JUDGED_SCORES.items()
    ),
)
