from dataclasses import replace

import pytest

from reports.tables.extrapolation import beyond_lines, extrapolation_table
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
    cells = line.split(" | ")
    assert cells[:3] == ["| 20", "copy", "Seq2Seq"]
    assert (cells[4], cells[6]) == ("–", f"{forced:.3f}")  # No prefix was measured.


def test_many_tests_are_one_line_and_protocols_are_told_apart():
    """Every length counts alike in a seed, and every seed alike."""
    rows = [
        replace(row, train_length=5, protocol=protocol, prefix_accuracy=row.length / 100)
        for protocol in ("curriculum", "mixed")
        for row in curve_rows(
            tasks=("copy",), models=("seq2seq",), seeds=(1, 2), lengths=tuple(range(6, 14))
        )
    ]
    lines = extrapolation_table(frame_of(rows)).splitlines()[4:]
    assert [line.split(" | ")[0] for line in lines] == ["| 6 to 13"] * 2
    assert [line.split(" | ")[3] for line in lines] == ["curriculum", "mixed"]
    assert lines[0].split(" | ")[5] == "0.095"
    heading, *shown = [*beyond_lines(frame_of(rows), columns=80)]
    assert heading.startswith("Trained to 5, tested at longer ones")
    assert shown[1].split()[:5] == ["copy", "seq2seq,", "curriculum,", "6", "to"]
    assert max(map(len, shown)) <= 80


def test_two_configurations_of_a_model_are_never_one_mean():
    wide = [replace(row, config_id="wide", hidden=128, token_accuracy=0.25) for row in ROWS]
    lines = extrapolation_table(frame_of([*ROWS, *wide])).splitlines()[4:]
    alone = sum(row.token_accuracy for row in ROWS if row.length == 20) / 2
    assert {line.split(" | ")[3] for line in lines} == {f"{alone:.3f}", "0.250"}


def test_without_a_longer_test_there_is_no_table():
    with pytest.raises(ResultsError, match="beyond the length"):
        extrapolation_table(frame_of([row for row in ROWS if row.length == 10]))
    assert [*beyond_lines(frame_of([row for row in ROWS if row.length == 10]), columns=80)] == []
