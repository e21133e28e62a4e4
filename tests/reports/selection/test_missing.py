import pytest

from reports.selection.missing import missing_lines, unfinished_lines
from tests.rows import curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": (10, 20, 30, 40, 50)}


@pytest.mark.parametrize(
    ("is_lacking", "lines"),
    [
        (
            lambda row: (row.task, row.model, row.seed) == ("sort", "rnn", 1) and row.length != 20,
            ["missing: 4 points of 60", "  sort, rnn, seed 1: 10, 30..50"],
        ),
        (lambda row: False, []),
        (
            lambda row: row.seed == 2 and row.task == "sort",
            ["missing: 10 points of 60", "  sort, every model, seed 2: 10..50"],
        ),
        (
            lambda row: row.length >= 40 and row.seed > 0 and row.model == "seq2seq",
            ["missing: 8 points of 60", "  every task, seq2seq, seed 1 and 2: 40, 50"],
        ),
    ],
)
def test_what_curves_lack_is_found_in_the_union_of_the_others_and_joined(is_lacking, lines):
    rows = [row for row in curve_rows(**FEW) if not is_lacking(row)]
    assert missing_lines(frame_of(rows)) == lines


def test_unfinished_rows_are_counted_by_status_and_named():
    rows = [
        failed(row, "diverged" if row.length == 20 else "not_reached")
        if (row.task, row.model, row.seed) == ("sort", "seq2seq", 1) and row.length > 10
        else row
        for row in curve_rows(**FEW)
    ]
    assert unfinished_lines(frame_of(curve_rows(**FEW))) == []
    assert unfinished_lines(frame_of(rows)) == [
        "4 of 60 rows did not finish: 1 diverged, 3 not_reached",
        "  sort, seq2seq, seed 1: diverged at 20; not_reached at 30..50",
    ]
