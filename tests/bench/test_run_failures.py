"""The command when models fail: rows that say so, nothing else stopped, and a second try."""

import itertools
import shutil

from tests.commands import FAILING, accuracy_rows, rows_by_length, run, snapshot
from tests.plugins.broken import REPAIRED


def test_model_that_raises_or_diverges_leaves_rows_and_stops_no_other(failed):
    folder, status, _, errors = failed
    assert status == 1
    statuses = {
        model: [row.status for row in rows]
        for model, rows in itertools.groupby(accuracy_rows(folder), key=lambda row: row.model)
    }
    assert statuses == {
        "tests.plugins.broken:NotANumber": ["ok", "diverged", "not_reached"],
        "tests.plugins.broken:Raising": ["ok", "failed", "not_reached"],
        "rnn": ["ok", "ok", "ok"],
    }
    for model, error in (
        ("tests.plugins.broken:Raising", "ValueError: longer than 2"),
        (
            "tests.plugins.broken:NotANumber",
            "Diverged: the loss is nan after 10 updates of the stage",
        ),
    ):
        row = rows_by_length(folder, model)[4]
        assert row.error == error
        assert row.attempts == 1
        assert row.token_accuracy is None
        assert f"copy, {model}, seed 11, length 4: {row.status}: {error}" in errors
        assert rows_by_length(folder, model)[6].error is None
    assert "4 of 9 records are missing:" in errors
    assert "Traceback" not in errors


def test_what_failed_is_left_alone_unless_asked_for(failed, tmp_path):
    folder = shutil.copytree(failed[0], tmp_path / "results")
    before = snapshot(folder)
    status, output, _ = run(folder, *FAILING)
    assert status == 1
    assert "2 failed, 2 not reached, 0 left" in output
    assert "To do: nothing but what failed; --retry-failed tries that again" in output
    assert snapshot(folder) == before


def test_failed_run_is_tried_again_when_asked_for(failed, tmp_path):
    folder = shutil.copytree(failed[0], tmp_path / "results")
    arguments = (*FAILING, "--models", "tests.plugins.broken:Raising", "--retry-failed")
    status, output, errors = run(folder, *arguments, **{REPAIRED: "yes"})
    assert status == 0, errors
    assert "To do: 1 model runs" in output
    rows = rows_by_length(folder, "tests.plugins.broken:Raising")
    assert [(length, row.status, row.attempts) for length, row in rows.items()] == [
        (2, "ok", 1),
        (4, "ok", 2),
        (6, "ok", 2),
    ]
    assert {row.error for row in rows.values()} == {None}
    assert rows_by_length(folder, "tests.plugins.broken:NotANumber")[4].status == "diverged"
