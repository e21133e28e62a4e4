"""Wrong answers taken apart: positions, first errors and edit distances, against counting."""

from statistics import fmean

import pytest
import torch

from bench.probes.errors import error_row, position_rows
from bench.training.evaluate import Answers
from tests.results.stats.test_edit_distance import distance
from tests.rows import accuracy_row

ROW = accuracy_row()


def test_positions_are_counted_one_by_one():
    target = torch.tensor([[1, 2, 0, 1], [1, 2, 0, 1], [1, 1, 1, 1], [1, 2, 2, 1]])
    answer = torch.tensor([[1, 2, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 2, 2, 1]])
    forced = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 1], [0] * 4, [1] * 4]).bool()
    rows = position_rows(ROW, Answers(target, target, answer, forced, cross_entropy_bits=1.0))
    assert [row.output_item for row in rows] == [1, 2, 3, 4]
    assert [row.token_accuracy for row in rows] == [0.5, 0.5, 0.75, 0.75]
    assert [row.teacher_forced_token_accuracy for row in rows] == [0.75, 0.5, 0.75, 0.5]
    assert [row.first_error_fraction for row in rows] == [0.5, 0.25, 0.0, 0.0]


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
