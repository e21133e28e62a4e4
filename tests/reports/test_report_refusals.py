from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic import accuracy_rows, write_folder

from reports.figures import main

ONE_TASK = {"tasks": ("copy",), "models": ("rnn", "seq2seq"), "lengths": (10, 20)}


def empty(tmp_path: Path) -> list[str]:
    return ["--results", str(write_folder(tmp_path / "empty", []))]


def absent(tmp_path: Path) -> list[str]:
    (tmp_path / "bare").mkdir()
    return ["--results", str(tmp_path / "bare")]


def no_folder(tmp_path: Path) -> list[str]:
    return ["--results", str(tmp_path / "nowhere")]


def unknown_option(tmp_path: Path) -> list[str]:
    return ["--colour"]


def damaged(tmp_path: Path) -> list[str]:
    folder = write_folder(tmp_path / "damaged", accuracy_rows(**ONE_TASK))
    with open(folder / "accuracy.csv", "a") as file:
        file.write("copy,rnn\n")
    return ["--results", str(folder)]


def out_is_a_file(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("")
    folder = write_folder(tmp_path / "results", accuracy_rows(**ONE_TASK))
    return ["--results", str(folder), "--out", str(tmp_path / "file")]


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    ("case", "status", "message"),
    [
        (empty, 1, "run python -m bench.run"),
        (absent, 1, "no results in"),
        (no_folder, 2, "nowhere is not a folder"),
        (unknown_option, 2, "--colour"),
        (damaged, 2, "accuracy.csv"),
        (out_is_a_file, 2, "file"),
    ],
)
def test_a_refusal_is_one_line_and_a_status(
    case: Callable[[Path], list[str]],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        found = main(case(tmp_path))
    except SystemExit as leaving:
        found = leaving.code  # type: ignore[assignment]
    error = capsys.readouterr().err
    assert found == status
    assert len(error.strip().splitlines()) == 1
    assert error.startswith("reports.figures: ")
    assert message in error
