import pytest

from reports.selection.missing import missing_lines, spans, unfinished_lines
from tests.rows import curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": (10, 20, 30, 40, 50)}


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([10], "10"),
        ([20, 10], "10, 20"),
        ([10, 20, 40, 30], "10..40"),
        ([10, 30, 40, 200], "10, 30..200"),
    ],
)
def test_spans_join_neighbours_of_the_grid(lengths: list[int], text: str) -> None:
    assert spans(lengths, grid=[10, 20, 30, 40, 200]) == text


def test_a_full_table_lacks_nothing() -> None:
    frame = frame_of(curve_rows(**FEW))
    assert missing_lines(frame) == []
    assert unfinished_lines(frame) == []


def test_what_a_curve_lacks_is_found_in_the_union_of_the_others() -> None:
    rows = [
        row
        for row in curve_rows(**FEW)
        if (row.task, row.model, row.seed) != ("sort", "rnn", 1) or row.length == 20
    ]
    assert missing_lines(frame_of(rows)) == [
        "missing: 4 points of 60",
        "  sort, rnn, seed 1: 10, 30..50",
    ]


def test_a_curve_without_any_row_is_named() -> None:
    rows = [row for row in curve_rows(**FEW) if row.seed < 2 or row.task == "copy"]
    assert missing_lines(frame_of(rows)) == [
        "missing: 10 points of 60",
        "  sort, every model, seed 2: 10..50",
    ]


def test_seeds_and_tasks_that_lack_the_same_stand_in_one_line() -> None:
    rows = [
        row for row in curve_rows(**FEW) if row.length < 40 or row.seed == 0 or row.model == "rnn"
    ]
    assert missing_lines(frame_of(rows))[1:] == ["  every task, seq2seq, seed 1 and 2: 40, 50"]


def test_unfinished_rows_are_counted_by_status_and_named() -> None:
    rows = [
        failed(row, "diverged" if row.length == 20 else "not_reached")
        if (row.task, row.model, row.seed) == ("sort", "seq2seq", 1) and row.length > 10
        else row
        for row in curve_rows(**FEW)
    ]
    assert unfinished_lines(frame_of(rows)) == [
        "4 of 60 rows did not finish: 1 diverged, 3 not_reached",
        "  sort, seq2seq, seed 1: diverged at 20; not_reached at 30..50",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    rows = curve_rows(**FEW | {"seeds": range(20)})
    kept = [row for index, row in enumerate(rows) if index % 7]
    lines = missing_lines(frame_of(kept))
    assert len(lines) == 14
    assert lines[-1].startswith("  and ")
