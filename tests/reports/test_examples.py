from collections.abc import Callable
from pathlib import Path

import pytest

from reports.examples import (
    CHARACTERS,
    NO_ITEM,
    PLAIN,
    RED,
    Writing,
    answer_lines,
    example_lines,
    main,
    parse_ids,
)
from results.errors import ResultsError
from results.tables import read_samples
from tests.reports.synthetic import accuracy_row, accuracy_rows, sample_rows, write_folder

FolderOf = Callable[..., Path]


@pytest.mark.parametrize(
    ("answer", "line", "marks"),
    [
        ([1, 2, 3], "123  3/3", ""),
        ([1, 9, 3], "193  2/3", " ^"),
        ([2, 1, 3], "213  1/3", "^^"),
        ([1, 2], "12·  2/3", "  ^"),
        ([1, 2, 3, 4], "1234  3/4", "   ^"),
    ],
)
def test_exactly_the_wrong_items_are_marked(answer: list[int], line: str, marks: str) -> None:
    shown = {
        is_coloured: list(
            answer_lines("a ", answer, [1, 2, 3], writing=Writing(15), is_coloured=is_coloured)
        )
        for is_coloured in (True, False)
    }
    assert shown[False] == ["a " + line, *(["  " + marks] if marks else [])]
    items, share = line.split("  ")
    red = [
        f"{RED}{item}{PLAIN}" if mark == "^" else item
        for item, mark in zip(items, marks.ljust(len(items)), strict=True)
    ]
    assert shown[True] == ["a " + "".join(red) + "  " + share]


def test_numbers_are_marked_in_their_whole_width() -> None:
    lines = answer_lines("a ", [7, 100], [7, 10], writing=Writing(127), is_coloured=False)
    assert list(lines) == ["a   7 100  1/2", "      ^^^"]


def test_characters_follow_the_order_of_the_ids() -> None:
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 62
    assert list(CHARACTERS) == sorted(CHARACTERS)
    assert Writing(61).join(Writing(61).texts([0, 10, 61], items=4)) == "0Az·"
    assert Writing(62).join(Writing(62).texts([0, 10, 62], items=4)) == " 0 10 62  ·"
    assert [Writing(61).columns(4), Writing(62).columns(4)] == [4, 11]


def test_ids_are_read_back() -> None:
    assert parse_ids("3 0 12") == (3, 0, 12)
    with pytest.raises(ResultsError, match=r"samples\.csv: 'x' is not a symbol id"):
        parse_ids("3 x")


def test_the_default_shows_a_short_length_and_the_longest_that_fits(
    full_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(full_folder)]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if ", length " in line] == [
        f"{task}, length {length} (protocol curriculum, seed 0)"
        for task, length in (
            ("copy", 10),
            ("copy", 50),
            ("reverse", 10),
            ("reverse", 50),
            ("sort", 10),
        )
    ]
    assert max(map(len, out.splitlines()[1:])) <= 100
    assert out.count("  source ") == out.count("Seq2Seq + dot attention") == 5 * 3
    assert RED not in out


def test_task_and_length_can_be_chosen(
    full_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(full_folder), "--task", "sort", "--length", "100"]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if ", length " in line]
    assert headings == ["sort, length 100 (protocol curriculum, seed 0)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "add"], "--task: no sample has 'add'; there are: copy, reverse, sort"),
        (["--length", "11"], "--length: no sample has 11; there are: 10, 20, 50, 100"),
        (["--config", "x"], "--config: no row has 'x'; there are: cur016, cur128"),
    ],
)
def test_what_is_not_there_is_named(
    full_folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(full_folder), *arguments]) == 2
    assert capsys.readouterr().err == f"reports.examples: {message}\n"


def test_no_samples_is_said(folder_of: FolderOf, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_of(accuracy_rows(tasks=("copy",), lengths=(10,)))
    assert main(["--results", str(folder)]) == 1
    assert "no samples in" in capsys.readouterr().err


def test_mixed_configurations_are_refused(
    folder_of: FolderOf, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        accuracy_row("copy", "rnn", 0, 10),
        accuracy_row("copy", "rnn", 0, 10, hidden=128, config_id="wide"),
    ]
    folder = folder_of(rows, samples=sample_rows(rows))
    assert main(["--results", str(folder)]) == 2
    assert "copy, rnn: configurations are mixed" in capsys.readouterr().err
    assert main(["--results", str(folder), "--config", "wide"]) == 0


def test_models_are_compared_on_the_same_sequences(tmp_path: Path) -> None:
    rows = [
        *accuracy_rows(tasks=("copy",), models=("rnn", "seq2seq"), lengths=(10,)),
        *accuracy_rows(tasks=("copy",), models=("new",), lengths=(10,), seeds=(7,)),
    ]
    folder = write_folder(tmp_path, rows, samples=sample_rows(rows, samples=5))
    lines = list(example_lines(read_samples(folder), length=None, is_coloured=False))
    assert "  no sample with this seed: new" in lines
    starts = [line.split()[0] for line in lines[2:] if line and not line.startswith("   ")]
    assert starts == ["source", "target", "RNN", "Seq2Seq"] * 3
    assert NO_ITEM not in "".join(lines)
