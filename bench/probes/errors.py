"""How answers are wrong: by position, by first error, and by edit distance."""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from bench.training.evaluate import Answers


def error_columns(answers: Answers) -> dict[str, float | int]:
    """Return the columns of an `ErrorRow`, means over the test sequences."""
    correct = answers.answer == answers.target
    free, forced = correct.double().mean(), answers.forced_correct.double().mean()
    distances = edit_distances(answers.answer, answers.target)
    return {
        "wrong_items": (~correct).sum(dim=1).double().mean().item(),
        "edit_distance_items": distances.double().mean().item(),
        "correct_prefix_items": correct.cumprod(dim=1).sum(dim=1).double().mean().item(),
        "teacher_forcing_gap": (forced - free).item(),
        "test_sequences": len(correct),
    }


def position_columns(answers: Answers) -> dict[str, list[float]]:
    """Return the columns of `PositionRow`s, one value for each output item."""
    correct = answers.answer == answers.target
    prefix = correct.cumprod(dim=1)
    # Right before this item, wrong here.
    is_first_error = torch.cat((torch.ones_like(prefix[:, :1]), prefix[:, :-1]), dim=1) - prefix
    return {
        "token_accuracy": _means(correct),
        "teacher_forced_token_accuracy": _means(answers.forced_correct),
        "first_error_fraction": _means(is_first_error),
    }


def _means(values: Shaped[Tensor, "batch target"]) -> list[float]:
    means: list[float] = values.double().mean(dim=0).tolist()
    return means


def edit_distances(
    left: Int[Tensor, "batch left"], right: Int[Tensor, "batch right"]
) -> Int[Tensor, " batch"]:
    """Return the fewest insertions, deletions and substitutions from each left to each right row.

    Source: Wagner and Fischer 1974, Journal of the ACM 21(1), algorithm X, all pairs at once. An
    insertion depends on its left neighbour; a running minimum takes them all in one step.
    """
    columns = torch.arange(right.shape[1] + 1, device=left.device)
    row = columns.expand(len(left), -1)
    for index in range(left.shape[1]):
        substituted = row[:, :-1] + (left[:, index, None] != right)
        without_insertion = torch.cat(
            (row[:, :1] + 1, torch.minimum(substituted, row[:, 1:] + 1)), dim=1
        )
        row = (without_insertion - columns).cummin(dim=1).values + columns
    return row[:, -1]
