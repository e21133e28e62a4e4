"""Wrong answers taken apart: positions, first errors and edit distances, against counting."""

from statistics import fmean

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from bench.probes.errors import corruption_rows, error_row, position_rows
from bench.training.evaluate import Answers
from tasks.sampling import Batch, with_start
from tests.results.stats.test_edit_distance import distance
from tests.rows import accuracy_row

ROW = accuracy_row()


def test_positions_are_counted_one_by_one():
    target = torch.tensor([[1, 2, 0, 1], [1, 2, 0, 1], [1, 1, 1, 1], [1, 2, 2, 1]])
    answer = torch.tensor([[1, 2, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 2, 2, 1]])
    forced = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 1], [0] * 4, [1] * 4]).bool()
    answers = Answers(target, target, answer, forced, cross_entropy_bits=1.0)
    rows = position_rows(ROW, answers, entropy_bits=torch.tensor([0.0, 1.0, 2.0, 0.5]))
    assert [row.output_item for row in rows] == [1, 2, 3, 4]
    assert [row.token_accuracy for row in rows] == [0.5, 0.5, 0.75, 0.75]
    assert [row.teacher_forced_token_accuracy for row in rows] == [0.75, 0.5, 0.75, 0.5]
    assert [row.first_error_fraction for row in rows] == [0.5, 0.25, 0.0, 0.0]
    assert [row.weight_entropy_bits for row in rows] == [0.0, 1.0, 2.0, 0.5]


def test_errors_of_many_answers_agree_with_plain_python():
    draw = torch.Generator().manual_seed(5)
    target, other = (torch.randint(3, (200, 6), generator=draw) for _ in range(2))
    answer = torch.where(torch.rand(200, 6, generator=draw) < 0.7, target, other)
    forced = torch.rand(200, 6, generator=draw) < 0.9
    row = error_row(ROW, Answers(target, target, answer, forced, cross_entropy_bits=1.0))
    pairs = list(zip(answer.tolist(), target.tolist(), strict=True))
    right = [[a == t for a, t in zip(*pair, strict=True)] for pair in pairs]
    assert row.wrong_items == pytest.approx(fmean(each.count(False) for each in right))
    edits = fmean(distance(tuple(one), tuple(two)) for one, two in pairs)
    assert row.edit_distance_items == pytest.approx(edits)
    prefixes = fmean([*each, False].index(False) for each in right)
    assert row.correct_prefix_items == pytest.approx(prefixes)
    gap = fmean(map(fmean, forced.tolist())) - fmean(map(fmean, right))
    assert row.teacher_forcing_gap == pytest.approx(gap)
    assert row.test_sequences == 200


class AskingBack(nn.Module):
    """Right exactly where the item fed `lag` places before is the true one; batches are copies."""

    def __init__(self, lag):
        super().__init__()
        self.lag = lag

    def forward(self, source, target_in):
        fed = torch.cat((target_in[:, 1:], source[:, -1:]), dim=1)
        is_wrong = torch.zeros_like(source, dtype=torch.bool)
        is_wrong[:, self.lag :] = (fed != source)[:, : -self.lag]
        return one_hot((source + is_wrong.long()) % 5, 5).float()


@pytest.mark.parametrize(("length", "wrong"), [(24, [1, 5, 10, 14]), (3, [1]), (2, [1]), (1, [1])])
@pytest.mark.parametrize("lag", [1, 3])
def test_one_wrong_item_is_fed_and_the_items_from_it_on_are_scored(length, wrong, lag):
    source = torch.randint(5, (50, length), generator=torch.Generator().manual_seed(2))
    batch = Batch(source, source, with_start(source, 5), 5)
    draw = torch.Generator().manual_seed(3)
    rows = [*corruption_rows(ROW, AskingBack(lag), batch, generator=draw)]
    expected = [
        (item, after, float(after != lag), 1.0)
        for item in wrong
        for after in range(min(10, length - item) + 1)
    ]
    columns = ("wrong_item", "items_after", "corrupted_accuracy", "intact_accuracy")
    assert [tuple(getattr(row, name) for name in columns) for row in rows] == expected
    assert torch.equal(batch.target_in, with_start(source, 5))
