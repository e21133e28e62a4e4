"""`reports.models`: what is printed of a folder, and what to run next."""

import pytest

from reports import models
from results.wording import columns_of
from tests.rows import curve_rows, sample_rows, write_folder

MINE = "mine:build"


@pytest.fixture
def printed(folder_of, capsys, monkeypatch):
    """Print a folder of these models and seeds; return the output."""
    monkeypatch.setenv("COLUMNS", "80")

    def show(names, seeds=(0,), **changes):
        rows = curve_rows(tasks=("copy", "sort"), models=names, seeds=seeds, **changes)
        folder = folder_of(rows, samples=sample_rows(rows))
        assert models.main(["--results", str(folder)]) == 0
        return capsys.readouterr().out

    return show


def test_it_ends_with_what_to_run_and_an_example(printed):
    output = printed(("rnn", "seq2seq+dot", MINE), lengths=(10, 40, 100))
    assert "> marks a model that was named by its builder.\n1 seed: no verdict is said" in output
    assert "Verdict:  the same bench.run with --seeds 3\n" in output
    *_, example = output.split("\n\n")
    heading, target, mine, *_ = example.splitlines()
    # 100 symbols do not fit into 80 columns.
    assert heading == "copy, length 40, seed 0; ^ marks a wrong item"
    assert (target.split()[0], mine.split()[0]) == ("target", MINE)
    assert max(map(columns_of, output.splitlines()[:-20])) <= 80


def test_three_seeds_have_a_verdict(printed):
    output = printed(("rnn", "seq2seq+dot", MINE), seeds=(0, 1, 2), lengths=(10, 40))
    assert "bench.compare --models seq2seq+dot,mine:build --results " in output
    assert "no verdict" not in output


def test_published_results_have_nothing_beside_them(capsys):
    assert models.main(["--results", str(models.REFERENCE)]) == 0
    assert "published" not in capsys.readouterr().out


def test_an_empty_folder_is_one_line(tmp_path, capsys):
    assert models.main(["--results", str(tmp_path / "none")]) == 2
    folder = write_folder(tmp_path / "empty", [])
    assert models.main(["--results", str(folder)]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("reports.models: --results: ") for line in errors)
