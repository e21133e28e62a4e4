import shutil

import pytest

from reports import figures
from tests.rows import curve_rows, write_folder

ONE_TASK = {"tasks": ("copy",), "models": ("rnn", "seq2seq"), "lengths": (10, 20)}
LONG = "x" * 300
RESULTS = ("--results", "{0}/results")


@pytest.fixture
def place(tmp_path):
    """A folder with results, damaged ones, none in two ways, and a file."""
    write_folder(tmp_path / "results", curve_rows(**ONE_TASK))
    damaged = shutil.copytree(tmp_path / "results", tmp_path / "damaged") / "accuracy.csv"
    damaged.write_text(damaged.read_text() + "copy,rnn\n")
    write_folder(tmp_path / "empty", [])
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").write_text("precious")
    return tmp_path


@pytest.mark.fault("F13")
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--results", "{0}/empty"], 1, "--results: no rows in {0}/empty: run "),
        (["--results", "{0}/bare"], 1, "--results: no results in {0}/bare: run "),
        (["--results", "{0}/nowhere"], 2, "nowhere is not a folder"),
        (["--results", "{0}/file"], 2, "file is not a folder"),
        (["--results", f"{{0}}/{LONG}"], 2, "xx is not a folder"),
        (["--results", ""], 2, "--results: must name a folder, got ''"),
        (["--colour"], 2, "--colour"),
        (["--results", "{0}/damaged"], 2, "accuracy.csv"),
        ([*RESULTS, "--config", "other"], 2, "--config: no row has 'other'; there are: cur016"),
        (
            ["--figure", "x"],
            2,
            "--figure: 'x' is not a figure; there are: accuracy, ",
        ),
        (["--figure", ","], 2, "--figure: must name at least one, got ','"),
        (["--format", "pdf"], 2, "--format: must be of png, svg, got 'pdf'"),
        ([*RESULTS, "--tasks", "x"], 2, "--tasks: no row has 'x'; there are: copy"),
        ([*RESULTS, "--models", "rnn,x"], 2, "--models: no row has 'x'; there are: rnn, seq2seq"),
        ([*RESULTS, "--out", ""], 2, "--out: must name a folder, got ''"),
        ([*RESULTS, "--out", "{0}/file"], 2, "--out: {0}/file cannot be written to: File exists"),
        ([*RESULTS, "--out", "{0}/file/below"], 2, "below cannot be written to: Not a directory"),
        ([*RESULTS, "--out", f"{{0}}/{LONG}"], 2, "xx cannot be written to: File name too long"),
    ],
)
def test_figures_are_refused_in_one_line_before_any_is_drawn(
    arguments, status, message, place, capsys
):
    before = sorted(place.rglob("*"))
    if "--results" not in arguments:
        arguments = [*(each for each in RESULTS), *arguments]
    assert figures.main([each.format(place) for each in arguments]) == status
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[-1]) == ("", 1, "\n")
    assert err.startswith("reports.figures: ")
    assert message.format(place) in err
    assert sorted(place.rglob("*")) == before
