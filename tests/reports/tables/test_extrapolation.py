from dataclasses import replace

import pytest

from reports.tables.extrapolation import extrapolation_table
from results.errors import ResultsError
from tests.rows import curve_rows, frame_of

ROWS = [
    replace(row, train_length=10)
    for row in curve_rows(tasks=("copy",), models=("seq2seq",), seeds=(1, 2), lengths=(10, 20))
]


def test_longest_training_is_shown_at_every_longer_test():
    shorter = [replace(row, train_length=5) for row in ROWS]
    lines = extrapolation_table(frame_of([*shorter, *ROWS])).splitlines()
    assert lines[0] == "Trained to 10, mean of 2 seeds."
    (line,) = lines[4:]
    forced = sum(row.teacher_forced_token_accuracy for row in ROWS if row.length == 20) / 2
    assert line.startswith(f"| 20 | copy | Seq2Seq | {forced:.3f} |")


def test_without_a_longer_test_there_is_no_table():
    with pytest.raises(ResultsError, match="beyond the length"):
        extrapolation_table(frame_of([row for row in ROWS if row.length == 10]))
