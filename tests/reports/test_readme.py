from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reports.readme import BEGIN, END, main, tables, with_tables
from results.errors import ResultsError
from tests.rows import curve_row, curve_rows, failed, frame_of, scores

FolderOf = Callable[..., Path]
ROWS = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": (10, 50, 60)}


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n")
    return path


def test_stale_then_fresh_then_stale_again(
    readme: Path, folder_of: FolderOf, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"readme": readme, "results": folder_of(curve_rows(**ROWS))}
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


def test_cells_hold_the_mean_and_the_range_of_the_seeds() -> None:
    text = tables(frame_of(curve_rows(**ROWS)))
    values = [scores("copy", "seq2seq", seed, 50)["token_accuracy"] for seed in (0, 1, 2)]
    expected = f"{sum(values) / 3:.3f} ({min(values):.3f}–{max(values):.3f})"
    assert f"| {expected} |" in row_of(text, "copy", "Seq2Seq")
    bits = scores("sort", "rnn", 0, 50)["target_bits"]
    assert f"| *{bits:.0f}* |" in row_of(text, "sort", "*all the information in the target*")
    assert "length 60" not in text
    assert "length 200" not in text
    assert "3 seeds: mean (lowest–highest seed)" in text


def test_models_are_averaged_over_tasks_and_seeds() -> None:
    rows = [replace(row, normalised_accuracy=row.token_accuracy) for row in curve_rows(**ROWS)]
    frame = frame_of(rows)
    text = tables(frame)
    of_model = frame[(frame["model"] == "seq2seq") & (frame["length"] == 50)]
    values = sorted(of_model["normalised_accuracy"])
    assert len(values) == 6
    (line,) = (line for line in text.splitlines() if line.startswith("| Seq2Seq |"))
    assert line.endswith(f"| {sum(values[1:5]) / 4:.3f} |")
    rows = curve_rows(**(ROWS | {"tasks": ("copy",)}))
    assert "Over all tasks" not in tables(frame_of(rows))


def row_of(text: str, task: str, model: str) -> str:
    lines = scores_of(text).splitlines()
    return next(line for line in lines if line.startswith(f"| {task} | {model} |"))


def scores_of(text: str) -> str:
    """Return the tables after that of lengths."""
    lengths, _, scores = text.partition("**Token accuracy, free-running**")
    assert lengths.count("| task | model |") == 1
    return scores


@pytest.mark.fault("F13")
def test_partial_cells_say_so() -> None:
    rows = curve_rows(**ROWS)
    rows = [
        failed(row)
        if (row.task, row.model, row.length) == ("copy", "rnn", 50)
        or (row.task, row.model, row.length, row.seed) == ("sort", "rnn", 50, 2)
        else row
        for row in rows
        if (row.task, row.model, row.length) != ("copy", "seq2seq", 10)
    ]
    text = tables(frame_of(rows))
    assert "| did not finish |" in row_of(text, "copy", "RNN")
    assert row_of(text, "copy", "Seq2Seq").startswith("| copy | Seq2Seq | – |")
    assert ", n = 2 |" in row_of(text, "sort", "RNN")


@pytest.mark.fault("F13")
def test_one_seed_has_no_range() -> None:
    text = tables(frame_of(curve_rows(**ROWS | {"seeds": (0,)})))
    assert "1 seed: mean" in text
    assert "(0." not in scores_of(text)


def test_extrapolation_and_mixtures_stay_out() -> None:
    rows = curve_rows(**ROWS)
    beyond = curve_row("copy", "rnn", 0, 100, train_length=60)
    assert tables(frame_of([*rows, beyond])) == tables(frame_of(rows))
    wide = curve_row("copy", "rnn", 0, 50, hidden=128, config_id="wide")
    with pytest.raises(ResultsError, match="configurations are mixed"):
        tables(frame_of([*rows, wide]))
    with pytest.raises(ResultsError, match="no row"):
        tables(frame_of(rows)[:0])


def test_protocols_have_tables_of_their_own() -> None:
    rows = [*curve_rows(**ROWS), *curve_rows(protocol="independent", **ROWS)]
    text = tables(frame_of(rows))
    assert text.index("Protocol `curriculum`") < text.index("Protocol `independent`")
    assert text.count("**Carried bits per sequence**") == 2


def test_line_ends_are_kept() -> None:
    assert with_tables(f"a\r\n{BEGIN}\r\n{END}\r\n", "x\ny", name="README.md") == (
        f"a\r\n{BEGIN}\r\nx\r\ny\r\n{END}\r\n"
    )


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {END} {BEGIN} {END}"])
def test_markers_that_do_not_pair_are_refused(
    text: str, readme: Path, folder_of: FolderOf, capsys: pytest.CaptureFixture[str]
) -> None:
    readme.write_text(text)
    places = {"readme": readme, "results": folder_of(curve_rows(**ROWS))}
    assert main([], **places) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert readme.read_text() == text


def test_no_results_is_one_line(
    readme: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], readme=readme, results=tmp_path / "none") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
