"""A plan against a results folder, without training: what is left, what is tried again."""

from dataclasses import replace

import pytest

from bench.plan.runs import Settings, plan_matrix
from bench.plan.status import Matrix
from bench.run import EXIT_DONE, EXIT_USAGE, main
from models import MODELS
from results.schema.rows import OK
from results.store.folder import LEFT, open_store
from tasks import TASKS


def planned(folder, *, lengths=(10, 20)):
    runs = plan_matrix(
        Settings(lengths=lengths, seeds=(1,)), tasks=[TASKS["copy"]], models=[MODELS["rnn"]]
    )
    store = open_store(folder, create=True)
    store.extend_plan(row for run in runs for row in run.planned_rows())
    return runs, store


def finish(store, row):
    store.write_record(replace(row, status=OK, attempts=1))


def fail(store, row, status, *, attempts=1):
    store.write_failure(replace(row, status=status, attempts=attempts, error="it broke"))


def test_run_with_a_record_missing_is_left_to_do(tmp_path):
    runs, store = planned(tmp_path)
    first, second = runs[0].planned_rows()
    finish(store, first)
    matrix = Matrix.of(runs, store)
    assert [matrix.status(row.record_id) for row in (first, second)] == [OK, LEFT]
    assert matrix.runs_to_do(retries_failed=False) == list(runs)
    assert [stage.train_length for _, stage in matrix.unfinished_stages(runs)] == [20]
    finish(store, second)
    assert Matrix.of(runs, store).runs_to_do(retries_failed=True) == []


@pytest.mark.parametrize(
    ("status", "is_tried_again"), [("killed", True), ("failed", False), ("diverged", False)]
)
def test_only_what_may_pass_is_tried_again_unasked(tmp_path, status, is_tried_again):
    runs, store = planned(tmp_path)
    first, _ = runs[0].planned_rows()
    fail(store, first, status, attempts=2)
    matrix = Matrix.of(runs, store)
    assert bool(matrix.runs_to_do(retries_failed=False)) is is_tried_again
    assert matrix.runs_to_do(retries_failed=True) == list(runs)
    assert matrix.attempt(runs[0]) == 3


def test_two_ladders_do_not_share_a_folder(tmp_path, capsys):
    planned(tmp_path, lengths=(10, 20))
    arguments = ["--tasks", "copy", "--models", "rnn", "--seeds", "1", "--first-seed", "1"]
    arguments += ["--out", str(tmp_path)]
    before = sorted(tmp_path.rglob("*"))
    assert main([*arguments, "--lengths", "10,15,20"]) == EXIT_USAGE
    told = capsys.readouterr().err
    assert told == (
        f"bench.run: --lengths: {tmp_path} has length 20 of copy, rnn after other lengths than "
        "these; choose another --out\n"
    )
    assert sorted(tmp_path.rglob("*")) == before
    for longer in ("10..40", "10..20,25", "10"):
        assert main([*arguments, "--lengths", longer, "--dry-run"]) == EXIT_DONE
