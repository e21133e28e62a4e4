"""How answers are wrong: by position, by first error, and by edit distance."""

import torch
from jaxtyping import Shaped
from torch import Tensor

from bench.training.evaluate import Answers
from results.schema.probe_rows import ErrorRow, PositionRow
from results.schema.rows import AccuracyRow
from results.stats.edit_distance import edit_distances
from results.store.records import stage_columns


def error_row(row: AccuracyRow, answers: Answers) -> ErrorRow:
    """Average the errors of answers over the test sequences."""
    correct = answers.answer == answers.target
    free, forced = correct.double().mean(), answers.forced_correct.double().mean()
    distances = edit_distances(answers.answer.numpy(), answers.target.numpy())
    return ErrorRow(
        **stage_columns(row),
        wrong_items=_mean_items(~correct),
        # Beside wrong items: an answer that slips by a place is all wrong, and two edits away.
        edit_distance_items=float(distances.mean()),
        correct_prefix_items=_mean_items(correct.cumprod(dim=1)),
        teacher_forcing_gap=(forced - free).item(),
        test_sequences=len(correct),
    )


def position_rows(row: AccuracyRow, answers: Answers) -> list[PositionRow]:
    """Average the answers at each output item over the test sequences."""
    correct = answers.answer == answers.target
    prefix = correct.cumprod(dim=1)
    # All before it is right, and it is not. Later errors follow from wrong items in the input, so
    # only first errors show where a model fails by itself.
    is_first_error = torch.cat((torch.ones_like(prefix[:, :1]), prefix[:, :-1]), dim=1) - prefix
    values = (correct, answers.forced_correct, is_first_error)
    means = zip(*(each.double().mean(dim=0).tolist() for each in values), strict=True)
    return [
        PositionRow(
            **stage_columns(row),
            output_item=item,
            token_accuracy=free,
            teacher_forced_token_accuracy=forced,
            first_error_fraction=first_error,
        )
        for item, (free, forced, first_error) in enumerate(means, start=1)
    ]


def _mean_items(counted: Shaped[Tensor, "batch target"]) -> float:
    return counted.sum(dim=1).double().mean().item()
