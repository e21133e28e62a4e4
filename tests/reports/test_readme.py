import pytest

from reports.readme import BEGIN, END, main, with_tables
from results.errors import ResultsError
from tests.rows import curve_rows

ROWS = curve_rows(tasks=("copy",), models=("rnn",), lengths=(10, 50))


@pytest.fixture
def readme(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    return path


def test_stale_then_fresh_then_stale_again(readme, folder_of, capsys):
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


def test_line_ends_are_kept():
    text = f"a\r\n{BEGIN}\r\n{END}\r\n"
    expected = f"a\r\n{BEGIN}\r\nx\r\ny\r\n{END}\r\n"
    assert with_tables(text, "x\ny", name="README.md") == expected


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {END} {BEGIN} {END}"])
def test_markers_that_do_not_pair_are_refused(text):
    with pytest.raises(ResultsError, match="are needed"):
        with_tables(text, "table", name="README.md")
