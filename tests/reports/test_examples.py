import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import symbols
from reports.examples import PLAIN, RED, answer_lines, example_lines, main
from reports.symbols import CHARACTERS, Writing, parse_ids, wrong_items
from results.errors import ResultsError
from results.tables import read_samples
from tests.rows import curve_row, curve_rows, sample_rows, write_folder

FolderOf = Callable[..., Path]


def marked_plainly(answer: list[int], target: list[int], *, largest: int) -> set[int]:
    """Return the items that `^` stands below."""
    writing = Writing(largest)
    lines = list(answer_lines("a", answer, target, writing=writing, margin=4, is_coloured=False))
    marks = (lines[1] if len(lines) > 1 else "").ljust(200)[4:]
    width, step = writing.columns(1), writing.columns(2) - writing.columns(1)
    return {
        item
        for item in range(max(len(answer), len(target)))
        if marks[item * step : item * step + width].strip() == "^" * width
    }


def marked_in_colour(answer: list[int], target: list[int], *, largest: int) -> set[int]:
    writing = Writing(largest)
    (line,) = answer_lines("a", answer, target, writing=writing, margin=4, is_coloured=True)
    gap = " " * (writing.columns(2) - 2 * writing.columns(1))
    item = rf"({re.escape(RED)})?.{{{writing.columns(1)}}}({re.escape(PLAIN)})?{gap}"
    found = re.findall(item, line[4:])[: max(len(answer), len(target))]
    return {index for index, (red, plain) in enumerate(found) if red and plain}


CASES = [
    ([1, 2, 3], [1, 2, 3], set()),
    ([1, 9, 3], [1, 2, 3], {1}),
    ([9, 9, 9], [1, 2, 3], {0, 1, 2}),
    ([1, 2], [1, 2, 3], {2}),
    ([1, 2, 3, 4], [1, 2, 3], {3}),
    ([2, 1, 3], [1, 2, 3], {0, 1}),
]


@pytest.mark.parametrize("marked", [marked_plainly, marked_in_colour])
@pytest.mark.parametrize("largest", [15, 127])
@pytest.mark.parametrize(("answer", "target", "wrong"), CASES)
def test_exactly_the_wrong_items_are_marked(
    marked: Callable[..., set[int]],
    largest: int,
    answer: list[int],
    target: list[int],
    wrong: set[int],
) -> None:
    assert marked(answer, target, largest=largest) == wrong


@pytest.mark.parametrize(
    "twin",
    [
        lambda answer, target: [one not in target for one in answer],
        lambda answer, target: [
            one != other for one, other in zip(answer[1:], target, strict=False)
        ],
        lambda answer, target: [False] * max(len(answer), len(target)),
    ],
)
def test_a_comparison_that_marks_otherwise_is_rejected(
    twin: Callable[..., list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.examples.wrong_items", twin)
    with pytest.raises((AssertionError, ValueError)):
        check_marks(CASES)


def check_marks(cases: list[tuple[list[int], list[int], set[int]]]) -> None:
    for answer, target, wrong in cases:
        assert marked_plainly(answer, target, largest=15) == wrong


def test_the_share_of_right_items_is_given() -> None:
    lines = list(
        answer_lines("RNN", [0, 5], [0, 1], writing=Writing(15), margin=8, is_coloured=False)
    )
    assert lines == ["  RNN   05  1/2", "         ^"]


def test_characters_follow_the_order_of_the_ids() -> None:
    assert len(CHARACTERS) == len(set(CHARACTERS)) == 62
    assert list(CHARACTERS) == sorted(CHARACTERS)
    assert Writing(61).join(Writing(61).cells([0, 10, 61], items=4)) == "0Az·"
    assert Writing(62).join(Writing(62).cells([0, 10, 62], items=4)) == " 0 10 62  ·"


@pytest.mark.parametrize("largest", [9, 61, 62, 127, 1000])
@pytest.mark.parametrize("items", [1, 2, 30])
def test_the_columns_that_items_take_are_known(largest: int, items: int) -> None:
    writing = Writing(largest)
    line = writing.join(writing.cells([largest] * items, items=items))
    assert writing.columns(items) == len(line)


def test_ids_are_read_back() -> None:
    assert parse_ids("3 0 12") == (3, 0, 12)
    assert wrong_items((1,), ()) == [True]
    with pytest.raises(ResultsError, match=r"samples\.csv: 'x' is not a symbol id"):
        parse_ids("3 x")


def test_the_default_shows_a_short_length_and_the_longest_that_fits(
    full_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(full_folder)]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if ", length " in line] == [
        f"{task}, length {length} (protocol curriculum, seed 0)"
        for task, longest in (("copy", 50), ("reverse", 50), ("sort", 10))
        for length in sorted({10, longest})
    ]
    assert max(map(len, out.splitlines()[1:])) <= 100
    assert out.count("  source ") == 5 * 3
    assert out.count("Seq2Seq + dot attention") == 5 * 3
    assert "\x1b" not in out


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
    folder = folder_of(curve_rows(tasks=("copy",), lengths=(10,)))
    assert main(["--results", str(folder)]) == 1
    assert "no samples in" in capsys.readouterr().err


def test_mixed_configurations_are_refused(
    folder_of: FolderOf, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        curve_row("copy", "rnn", 0, 10),
        curve_row("copy", "rnn", 0, 10, hidden=128, config_id="wide"),
    ]
    folder = folder_of(rows, samples=sample_rows(rows))
    assert main(["--results", str(folder)]) == 2
    assert "copy, rnn: configurations are mixed" in capsys.readouterr().err
    assert main(["--results", str(folder), "--config", "wide"]) == 0


def test_models_are_compared_on_the_same_sequences(tmp_path: Path) -> None:
    rows = [
        *curve_rows(tasks=("copy",), models=("rnn", "seq2seq"), lengths=(10,)),
        *curve_rows(tasks=("copy",), models=("new",), lengths=(10,), seeds=(7,)),
    ]
    folder = write_folder(tmp_path, rows, samples=sample_rows(rows, samples=5))
    lines = list(example_lines(read_samples(folder), length=None, is_coloured=False))
    assert "  no sample with this seed: new" in lines
    starts = [
        line.split()[0]
        for line in lines
        if line.startswith("  ") and line.split()[0] in ("source", "target", "RNN", "Seq2Seq")
    ]
    assert starts == ["source", "target", "RNN", "Seq2Seq"] * 3
    assert symbols.NO_ITEM not in "".join(lines)
