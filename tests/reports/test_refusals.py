import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reports import figures
from tests.reports.synthetic import accuracy_rows, write_folder

Capture = pytest.CaptureFixture[str]
Command = Callable[[list[str]], int]
ONE_TASK = {"tasks": ("copy",), "models": ("rnn", "seq2seq"), "lengths": (10, 20)}
LONG = "x" * 300


def check_refused(
    command: Command,
    arguments: list[str],
    capsys: Capture,
    *,
    status: int,
    message: str,
) -> None:
    """Raise AssertionError unless the command says why it refuses in one line, and no more."""
    try:
        found = command(arguments)
    except SystemExit as leaving:
        found = leaving.code  # type: ignore[assignment]
    output = capsys.readouterr()
    assert (found, output.out) == (status, "")
    assert output.err.endswith("\n")
    assert len(output.err.splitlines()) == 1
    assert output.err.startswith("reports.figures: ")
    assert message in output.err


def empty(tmp_path: Path) -> list[str]:
    return ["--results", str(write_folder(tmp_path / "empty", []))]


def absent(tmp_path: Path) -> list[str]:
    (tmp_path / "bare").mkdir()
    return ["--results", str(tmp_path / "bare")]


def no_folder(tmp_path: Path) -> list[str]:
    return ["--results", str(tmp_path / "nowhere")]


def a_file(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("precious")
    return ["--results", str(tmp_path / "file")]


def too_long(tmp_path: Path) -> list[str]:
    return ["--results", str(tmp_path / LONG)]


def unnamed(tmp_path: Path) -> list[str]:
    return ["--results", ""]


def unknown_option(tmp_path: Path) -> list[str]:
    return ["--colour"]


def damaged(tmp_path: Path) -> list[str]:
    folder = write_folder(tmp_path / "damaged", accuracy_rows(**ONE_TASK))
    with open(folder / "accuracy.csv", "a") as file:
        file.write("copy,rnn\n")
    return ["--results", str(folder)]


def results_of(tmp_path: Path) -> list[str]:
    return ["--results", str(write_folder(tmp_path / "results", accuracy_rows(**ONE_TASK)))]


def unknown_configuration(tmp_path: Path) -> list[str]:
    return [*results_of(tmp_path), "--config", "other"]


def out_is_unnamed(tmp_path: Path) -> list[str]:
    return [*results_of(tmp_path), "--out", ""]


def out_is_a_file(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("precious")
    return [*results_of(tmp_path), "--out", str(tmp_path / "file")]


def out_is_below_a_file(tmp_path: Path) -> list[str]:
    return [*out_is_a_file(tmp_path)[:-1], str(tmp_path / "file" / "below")]


def out_is_too_long(tmp_path: Path) -> list[str]:
    return [*results_of(tmp_path), "--out", str(tmp_path / "new" / LONG)]


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    ("case", "status", "message"),
    [
        (empty, 1, "--results: no rows in "),
        (absent, 1, "--results: no results in "),
        (no_folder, 2, "nowhere is not a folder"),
        (a_file, 2, "file is not a folder"),
        (too_long, 2, "xx is not a folder"),
        (unnamed, 2, "argument --results: must name a folder, got ''"),
        (unknown_option, 2, "--colour"),
        (damaged, 2, "accuracy.csv"),
        (unknown_configuration, 2, "--config: no row has 'other'; there are: cur016"),
        (out_is_unnamed, 2, "argument --out: must name a folder, got ''"),
        (out_is_a_file, 2, "file is not a folder"),
        (out_is_below_a_file, 2, "below cannot be written to: Not a directory"),
        (out_is_too_long, 2, "xx cannot be written to: File name too long"),
    ],
)
def test_figures_are_refused_in_one_line_before_any_is_drawn(
    case: Callable[[Path], list[str]],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "FIGURES", {})
    arguments = case(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    check_refused(figures.main, arguments, capsys, status=status, message=message)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("case", [empty, absent])
def test_what_has_no_rows_names_its_folder(
    case: Callable[[Path], list[str]], tmp_path: Path, capsys: Capture
) -> None:
    option, folder = case(tmp_path)
    check_refused(figures.main, [option, folder], capsys, status=1, message=f" in {folder}: run ")


def two_lines(arguments: list[str]) -> int:
    print("reports.figures: --out: no\nand another", file=sys.stderr)
    return 2


def after_output(arguments: list[str]) -> int:
    print("drew accuracy")
    print("reports.figures: --out: no", file=sys.stderr)
    return 2


def without_the_option(arguments: list[str]) -> int:
    print("reports.figures: [Errno 17] File exists: 'file'", file=sys.stderr)
    return 2


def with_another_status(arguments: list[str]) -> int:
    print("reports.figures: --out: no", file=sys.stderr)
    return 1


@pytest.mark.parametrize(
    "twin", [two_lines, after_output, without_the_option, with_another_status, lambda _: 2]
)
def test_what_refuses_otherwise_is_found(twin: Command, capsys: Capture) -> None:
    with pytest.raises(AssertionError):
        check_refused(twin, [], capsys, status=2, message="--out: no")
