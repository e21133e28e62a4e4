"""How answers are wrong: by position, first error and edit distance, and after a wrong item."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from bench.probes.influence import spread_positions
from bench.training.evaluate import Answers
from results.schema.probe_rows import CorruptionRow, ErrorRow, PositionRow
from results.schema.rows import AccuracyRow
from results.stats.edit_distance import edit_distances
from results.store.records import stage_columns
from tasks.sampling import Batch

WRONG_ITEMS = 4  # One at a time, spread over the answer.
MOST_ITEMS_AFTER = 10


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


def position_rows(
    row: AccuracyRow, answers: Answers, *, entropy_bits: Float[Tensor, " target"] | None
) -> list[PositionRow]:
    """Average the answers at each output item over the test sequences.

    Args:
        entropy_bits: Of the weights of each output item; None without attention.
    """
    correct = answers.answer == answers.target
    prefix = correct.cumprod(dim=1)
    # All before it is right, and it is not. Later errors follow from wrong items in the input, so
    # only first errors show where a model fails by itself.
    is_first_error = torch.cat((torch.ones_like(prefix[:, :1]), prefix[:, :-1]), dim=1) - prefix
    values = (correct, answers.forced_correct, is_first_error)
    means = zip(*(each.double().mean(dim=0).tolist() for each in values), strict=True)
    entropies = [None] * correct.shape[1] if entropy_bits is None else entropy_bits.tolist()
    return [
        PositionRow(
            **stage_columns(row),
            output_item=item,
            token_accuracy=free,
            teacher_forced_token_accuracy=forced,
            first_error_fraction=first_error,
            weight_entropy_bits=entropy,
        )
        for item, ((free, forced, first_error), entropy) in enumerate(
            zip(means, entropies, strict=True), start=1
        )
    ]


@torch.no_grad()
def corruption_rows(
    row: AccuracyRow, model: nn.Module, batch: Batch, *, generator: torch.Generator
) -> Iterator[CorruptionRow]:
    """Feed one wrong item, with true items before and after it, and score the items from it on.

    Args:
        model: In evaluation mode.
        generator: Draws the wrong symbols; on the CPU.
    """
    intact = _accuracies(model, batch, batch.target_in)
    last = len(intact) - 1
    # The last item of an answer is not fed. Elsewhere each wrong item has as many after it.
    for place in spread_positions(max(1, last + 1 - MOST_ITEMS_AFTER), most=WRONG_ITEMS).tolist():
        fed = batch.target_in.clone()
        shift = torch.randint(1, batch.symbols, (len(fed),), generator=generator)
        fed[:, place + 1 : place + 2] += shift[:, None]
        fed[:, place + 1 : place + 2] %= batch.symbols
        corrupted = _accuracies(model, batch, fed)
        for items_after in range(min(MOST_ITEMS_AFTER, last - place) + 1):
            yield CorruptionRow(
                **stage_columns(row),
                wrong_item=place + 1,
                items_after=items_after,
                corrupted_accuracy=corrupted[place + items_after],
                intact_accuracy=intact[place + items_after],
                test_sequences=len(fed),
            )


def _accuracies(
    model: nn.Module, batch: Batch, target_in: Int[Tensor, "batch target"]
) -> list[float]:
    correct = model(batch.source, target_in).argmax(dim=-1) == batch.target
    return correct.double().mean(dim=0).tolist()


def _mean_items(counted: Shaped[Tensor, "batch target"]) -> float:
    return counted.sum(dim=1).double().mean().item()
