import pytest

from reports.readme import TABLES, main, with_tables
from results.errors import ResultsError
from tests.rows import curve, curve_rows

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


def test_a_figure_has_its_finding_picture_rows_and_command(pages, folder_of):
    attention = curve("seq2seq+dot", (1.0, 1.0, 1.0, 1.0, 0.9))
    curves = [*curve("seq2seq", (1.0, 0.5, 0.4, 0.3, 0.0)), *attention]
    places = {"root": pages, "results": folder_of(curves)}
    page = pages / "docs" / "figures.md"
    names = ("figure-accuracy", "figure-channel")
    page.write_text("".join(f"<!-- table:{name} -->\n{END}\n" for name in names))
    assert main([], **places) == 0
    text = page.read_text()
    finding = "Without attention, half of a copied sequence is lost at"
    assert text.count(finding) == 1
    assert "![" not in text
    assert "Rows: `results/reference`. Command: `python -m reports.figures --results" in text
    assert "No rows are published yet in `results/reference/channel`." in text
    (pages / "reports" / "figures" / "reference").mkdir(parents=True)
    (pages / "reports" / "figures" / "reference" / "accuracy.png").touch()
    assert main([], **places) == 0
    text = page.read_text()
    assert text.count(finding) == 2
    assert "](../reports/figures/reference/accuracy.png)" in text
    assert main(["--check"], **places) == 0


def test_a_picture_has_no_command_beside_it(pages, folder_of):
    page = pages / "README.md"
    page.write_text(f"<!-- table:picture-accuracy -->\n{END}\n")
    (pages / "reports" / "figures" / "reference").mkdir(parents=True)
    (pages / "reports" / "figures" / "reference" / "accuracy.png").touch()
    rows = [*curve("seq2seq", (1.0, 0.5, 0.4, 0.3, 0.0)), *curve("seq2seq+dot", (1.0,) * 5)]
    assert main([], root=pages, results=folder_of(rows)) == 0
    text = page.read_text()
    assert text.count("Without attention, half of a copied sequence is lost at") == 2
    assert "](reports/figures/reference/accuracy.png)" in text
    assert "Command:" not in text
