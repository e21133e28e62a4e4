from collections.abc import Callable
from pathlib import Path

import pytest

from reports.readme import BEGIN, END, main, with_tables
from tests.reports.synthetic import accuracy_rows

FolderOf = Callable[..., Path]
ROWS = accuracy_rows(tasks=("copy",), models=("rnn",), lengths=(10, 50))


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    return path


def test_stale_then_fresh_then_stale_again(
    readme: Path, folder_of: FolderOf, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"readme": readme, "results": folder_of(ROWS)}
    before = readme.read_text()
    assert main(["--check"], **places) == 1
    assert readme.read_text() == before
    assert "the tables are stale; run python -m reports.readme" in capsys.readouterr().err
    assert main([], **places) == 0
    text = readme.read_text()
    assert text.startswith(f"# Title\n\n{BEGIN}\n")
    assert text.endswith(f"\n{END}\n\nThe end.\n")
    assert main(["--check"], **places) == 0
    readme.write_text(text.replace("length 50", "length 51", 1))
    assert main(["--check"], **places) == 1


def test_line_ends_are_kept() -> None:
    assert with_tables(f"a\r\n{BEGIN}\r\n{END}\r\n", "x\ny", name="README.md") == (
        f"a\r\n{BEGIN}\r\nx\r\ny\r\n{END}\r\n"
    )


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {END} {BEGIN} {END}"])
def test_markers_that_do_not_pair_are_refused(
    text: str, readme: Path, folder_of: FolderOf, capsys: pytest.CaptureFixture[str]
) -> None:
    readme.write_text(text)
    assert main([], readme=readme, results=folder_of(ROWS)) == 2
    assert "are needed" in capsys.readouterr().err
    assert readme.read_text() == text


def test_no_results_is_one_line(
    readme: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], readme=readme, results=tmp_path / "none") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
