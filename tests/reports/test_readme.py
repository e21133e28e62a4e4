import pytest

from reports.readme import TABLES, main, with_tables
from results.errors import ResultsError
from tests.rows import curve_rows

ROWS = curve_rows(tasks=("copy",), models=("rnn",), lengths=(10, 50))
BEGIN, END = "<!-- table:accuracy -->", "<!-- /table -->"


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "docs").mkdir()
    for page in ("README.md", "docs/results.md"):
        (tmp_path / page).write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    (tmp_path / "docs" / "other.md").write_text("Nothing.\n")
    return tmp_path


def test_stale_then_fresh_then_stale_again(pages, folder_of, capsys):
    places = {"root": pages, "results": folder_of(ROWS)}
    readme = pages / "README.md"
    before = readme.read_text()
    assert main(["--check"], **places) == 1
    assert readme.read_text() == before
    said = capsys.readouterr().err
    assert said.count("stale; run python -m reports.readme") == 2
    assert main([], **places) == 0
    text = readme.read_text()
    assert text.startswith(f"# Title\n\n{BEGIN}\n")
    assert text.endswith(f"\n{END}\n\nThe end.\n")
    assert main(["--check"], **places) == 0
    (pages / "docs" / "results.md").write_text(text.replace("length 50", "length 51", 1))
    assert main(["--check"], **places) == 1


def test_line_ends_are_kept(monkeypatch, tmp_path):
    monkeypatch.setitem(TABLES, "accuracy", lambda results: "x\ny")
    text = f"a\r\n{BEGIN}\r\n{END}\r\n"
    expected = f"a\r\n{BEGIN}\r\nx\r\ny\r\n{END}\r\n"
    assert with_tables(text, tmp_path, name="README.md") == expected


@pytest.mark.parametrize("begins", ["<!-- table:nothing -->", f"{BEGIN} {BEGIN}"])
def test_a_table_that_is_not_there_or_has_no_end_is_refused(begins, tmp_path):
    """Else the text between two tables would go."""
    with pytest.raises(ResultsError, match=r"README\.md: <!-- table:NAME"):
        with_tables(f"{begins}\n{END}", tmp_path, name="README.md")
