from collections.abc import Callable
from pathlib import Path

import pytest

from reports import figures
from tests.rows import curve_rows, write_folder

Capture = pytest.CaptureFixture[str]
Case = Callable[[Path], list[str]]
ONE_TASK = {"tasks": ("copy",), "models": ("rnn", "seq2seq"), "lengths": (10, 20)}
LONG = "x" * 300


def check_refused(
    command: Callable[[list[str]], int],
    arguments: list[str],
    capsys: Capture,
    *,
    status: int,
    message: str,
) -> None:
    """Raise AssertionError unless the command says why it refuses in one line, and no more."""
    found = command(arguments)
    output = capsys.readouterr()
    assert (found, output.out) == (status, "")
    assert output.err.count("\n") == 1
    assert output.err.endswith("\n")
    assert message in output.err


def empty(tmp_path: Path) -> list[str]:
    return ["--results", str(write_folder(tmp_path / "empty", []))]


def absent(tmp_path: Path) -> list[str]:
    (tmp_path / "bare").mkdir()
    return ["--results", str(tmp_path / "bare")]


def a_file(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("precious")
    return ["--results", str(tmp_path / "file")]


def damaged(tmp_path: Path) -> list[str]:
    folder = write_folder(tmp_path / "damaged", curve_rows(**ONE_TASK))
    with open(folder / "accuracy.csv", "a") as file:
        file.write("copy,rnn\n")
    return ["--results", str(folder)]


def results_of(tmp_path: Path) -> list[str]:
    return ["--results", str(write_folder(tmp_path / "results", curve_rows(**ONE_TASK)))]


def out_is_a_file(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("precious")
    return [*results_of(tmp_path), "--out", str(tmp_path / "file")]


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    ("case", "status", "message"),
    [
        (empty, 1, "reports.figures: --results: no rows in {0}/empty: run "),
        (absent, 1, "reports.figures: --results: no results in {0}/bare: run "),
        (lambda path: ["--results", str(path / "nowhere")], 2, "nowhere is not a folder"),
        (a_file, 2, "file is not a folder"),
        (lambda path: ["--results", str(path / LONG)], 2, "xx is not a folder"),
        (lambda _: ["--results", ""], 2, "--results: must name a folder, got ''"),
        (lambda _: ["--colour"], 2, "--colour"),
        (damaged, 2, "accuracy.csv"),
        (
            lambda path: [*results_of(path), "--config", "other"],
            2,
            "--config: no row has 'other'; there are: cur016",
        ),
        (lambda path: [*results_of(path), "--out", ""], 2, "--out: must name a folder, got ''"),
        (out_is_a_file, 2, "--out: {0}/file cannot be written to: File exists"),
        (
            lambda path: [*out_is_a_file(path)[:-1], str(path / "file" / "below")],
            2,
            "below cannot be written to: Not a directory",
        ),
        (
            lambda path: [*results_of(path), "--out", str(path / LONG)],
            2,
            "xx cannot be written to: File name too long",
        ),
    ],
)
def test_figures_are_refused_in_one_line_before_any_is_drawn(
    case: Case, status: int, message: str, tmp_path: Path, capsys: Capture
) -> None:
    arguments = case(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    message = message.format(tmp_path)
    check_refused(figures.main, arguments, capsys, status=status, message=message)
    assert sorted(tmp_path.rglob("*")) == before
