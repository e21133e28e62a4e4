"""Wrong answers taken apart: positions, first errors and edit distances, against counting."""

import random
from statistics import fmean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.probes.errors import edit_distances, error_columns, position_columns
from bench.training.evaluate import Answers, score
from models import MODELS
from tasks import TASKS

SYMBOLS = 3
ROWS = st.integers(0, 7).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, SYMBOLS - 1), min_size=length, max_size=length),
        min_size=4,
        max_size=4,
    )
)


def rows(values):
    return torch.tensor(values, dtype=torch.int64)


def slow_distance(left, right):
    """Wagner and Fischer's whole table, one cell after the other."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(right) + 1)] for i in range(99)]
    for i, one in enumerate(left, start=1):
        for j, other in enumerate(right, start=1):
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (one != other),
            )
    return table[len(left)][len(right)]


# Edit distance.


def check_is_the_edit_distance(distances):
    """Of every pair of random rows, of equal lengths and of others, empty ones too."""
    draw = random.Random(1)
    for _ in range(60):
        sizes = [draw.choice((0, 1, 2, 5, 8)), draw.choice((0, 1, 5, 8))]
        left, right = ([draw.choices(range(SYMBOLS), k=size) for _ in range(5)] for size in sizes)
        expected = [slow_distance(*pair) for pair in zip(left, right, strict=True)]
        assert distances(rows(left), rows(right)).tolist() == expected


def test_edit_distance_is_that_of_the_whole_table():
    check_is_the_edit_distance(edit_distances)


def hamming(left, right):
    shorter = min(left.shape[1], right.shape[1])
    wrong = (left[:, :shorter] != right[:, :shorter]).sum(dim=1)
    return wrong + abs(left.shape[1] - right.shape[1])


def without_substitution(left, right):
    """Twice the cost for another item, as if it was deleted and inserted."""
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    return rows([2 * slow_distance(*pair) - abs(len(pair[0]) - len(pair[1])) for pair in pairs])


def of_items_held(left, right):
    """Blind to the order."""
    return edit_distances(left.sort(dim=1).values, right.sort(dim=1).values)


@pytest.mark.parametrize("broken", [hamming, without_substitution, of_items_held])
def test_another_distance_is_rejected(broken):
    with pytest.raises(AssertionError):
        check_is_the_edit_distance(broken)


@given(left=ROWS, right=ROWS)
def test_edit_distance_is_a_distance(left, right):
    left, right = rows(left), rows(right)
    there, back = edit_distances(left, right), edit_distances(right, left)
    assert torch.equal(there, back)
    assert (there <= max(left.shape[1], right.shape[1])).all()
    assert (there >= abs(left.shape[1] - right.shape[1])).all()
    assert edit_distances(left, left).tolist() == [0] * len(left)


def test_edit_distance_from_nothing_is_the_length():
    nothing, items = rows([[], []]), rows([[0, 1, 2], [1, 1, 1]])
    assert edit_distances(nothing, items).tolist() == [3, 3]
    assert edit_distances(items, nothing).tolist() == [3, 3]
    assert edit_distances(nothing, nothing).tolist() == [0, 0]


def check_one_slip_is_small(distances):
    """An item left out, all the others right but a place too early: two edits, nearly all wrong."""
    target = rows([list(range(40))])
    slipped = torch.cat((target[:, :3], target[:, 4:], target[:, :1]), dim=1)
    assert (slipped != target).sum() == 37
    assert distances(slipped, target).item() == 2


def test_one_slip_is_two_edits():
    check_one_slip_is_small(edit_distances)


def test_wrong_items_in_place_of_edits_are_rejected():
    with pytest.raises(AssertionError):
        check_one_slip_is_small(hamming)


# Positions and errors.


def answers_of(answer, target, forced=None):
    answer, target = rows(answer), rows(target)
    forced = answer == target if forced is None else torch.tensor(forced)
    return Answers(target, target, answer, forced, cross_entropy_bits=1.0)


def random_answers(*, right=0.8):
    draw = torch.Generator().manual_seed(5)
    target = torch.randint(SYMBOLS, (200, 6), generator=draw)
    other = (target + torch.randint(1, SYMBOLS, (200, 6), generator=draw)) % SYMBOLS
    answer = torch.where(torch.rand(200, 6, generator=draw) < right, target, other)
    forced = torch.rand(200, 6, generator=draw) < 0.9
    return Answers(target, target, answer, forced, cross_entropy_bits=1.0)


BY_HAND = answers_of(
    [[1, 2, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0], [0, 2, 2, 1]],
    [[1, 2, 0, 1], [1, 2, 0, 1], [1, 1, 1, 1], [1, 2, 2, 1]],
    [[True, True, True, False], [True, False, True, True], [False] * 4, [True] * 4],
)


def check_positions(columns_of):
    columns = columns_of(BY_HAND)
    assert columns["token_accuracy"] == [0.5, 0.5, 0.75, 0.75]
    assert columns["teacher_forced_token_accuracy"] == [0.75, 0.5, 0.75, 0.5]
    assert columns["first_error_fraction"] == [0.5, 0.25, 0.0, 0.0]
    answers = random_answers()
    columns = columns_of(answers)
    scores = score(answers, TASKS["copy"], MODELS["rnn"], length=6, symbols=SYMBOLS)
    assert fmean(columns["token_accuracy"]) == pytest.approx(scores["token_accuracy"])
    assert fmean(columns["teacher_forced_token_accuracy"]) == pytest.approx(
        scores["teacher_forced_token_accuracy"]
    )
    with_an_error = 1 - scores["sequence_accuracy"]
    assert sum(columns["first_error_fraction"]) == pytest.approx(with_an_error)


def test_positions_are_counted_one_by_one_and_add_up():
    check_positions(position_columns)


def every_error_is_the_first(answers):
    wrong = [1 - right for right in position_columns(answers)["token_accuracy"]]
    return position_columns(answers) | {"first_error_fraction": wrong}


def first_error_one_late(answers):
    first = position_columns(answers)["first_error_fraction"]
    return position_columns(answers) | {"first_error_fraction": [0.0, *first[:-1]]}


def right_only_before_the_first_error(answers):
    correct = (answers.answer == answers.target).cumprod(dim=1).double().mean(dim=0)
    return position_columns(answers) | {"token_accuracy": correct.tolist()}


@pytest.mark.parametrize(
    "broken", [every_error_is_the_first, first_error_one_late, right_only_before_the_first_error]
)
def test_positions_counted_otherwise_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_positions(broken)


def check_errors(columns_of):
    answers = random_answers()
    columns = columns_of(answers)
    pairs = list(zip(answers.answer.tolist(), answers.target.tolist(), strict=True))
    right = [[a == t for a, t in zip(*pair, strict=True)] for pair in pairs]
    assert columns["wrong_items"] == pytest.approx(fmean(row.count(False) for row in right))
    assert columns["edit_distance_items"] == pytest.approx(
        fmean(slow_distance(*pair) for pair in pairs)
    )
    assert columns["correct_prefix_items"] == pytest.approx(
        fmean([*row, False].index(False) for row in right)
    )
    forced = fmean(fmean(row) for row in answers.forced_correct.tolist())
    assert columns["teacher_forcing_gap"] == pytest.approx(forced - fmean(map(fmean, right)))
    assert columns["test_sequences"] == 200


def test_errors_agree_with_counting_one_by_one():
    check_errors(error_columns)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("wrong_items", lambda columns: columns["wrong_items"] / 6),
        ("edit_distance_items", lambda columns: columns["wrong_items"]),
        ("correct_prefix_items", lambda columns: 6 - columns["wrong_items"]),
        ("teacher_forcing_gap", lambda columns: -columns["teacher_forcing_gap"]),
    ],
)
def test_errors_counted_otherwise_are_rejected(name, changed):
    def broken(answers):
        columns = error_columns(answers)
        return columns | {name: changed(columns)}

    with pytest.raises(AssertionError):
        check_errors(broken)


def test_answers_without_an_error_have_none_anywhere():
    target = [[0, 1, 2], [2, 2, 1]]
    perfect = answers_of(target, target)
    assert error_columns(perfect) == {
        "wrong_items": 0.0,
        "edit_distance_items": 0.0,
        "correct_prefix_items": 3.0,
        "teacher_forcing_gap": 0.0,
        "test_sequences": 2,
    }
    assert position_columns(perfect)["first_error_fraction"] == [0.0] * 3
