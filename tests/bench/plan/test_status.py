"""A plan against a results folder, without training: what is left, what is tried again."""

from dataclasses import replace

import pytest

from bench.plan.status import Matrix
from bench.run import main
from results.schema.rows import OK, STATUSES
from results.store.folder import LEFT, open_store
from tests.bench.plan.test_runs import runs_of


def planned(folder, *, lengths=(10, 20)):
    runs = runs_of(lengths=lengths)
    store = open_store(folder, create=True)
    store.extend_plan(row for run in runs for row in run.planned_rows())
    return runs, store


def test_run_with_a_record_missing_is_left_to_do(tmp_path):
    runs, store = planned(tmp_path)
    first, second = runs[0].planned_rows()
    store.write_record(replace(first, status=OK, attempts=1))
    matrix = Matrix.of(runs, store)
    assert [matrix.status(row.record_id) for row in (first, second)] == [OK, LEFT]
    assert matrix.runs_to_do(retries_failed=False) == list(runs)
    assert matrix.count_records() == dict.fromkeys((*STATUSES, LEFT), 0) | {OK: 1, LEFT: 1}
    assert [stage.train_length for _, stage in matrix.unfinished_stages(runs)] == [20]
    assert matrix.attempt(runs[0]) == 1
    store.write_record(replace(second, status=OK, attempts=1))
    assert Matrix.of(runs, store).runs_to_do(retries_failed=True) == []


@pytest.mark.parametrize(
    ("status", "is_tried_again"), [("killed", True), ("failed", False), ("diverged", False)]
)
def test_only_what_may_pass_is_tried_again_unasked(tmp_path, status, is_tried_again):
    runs, store = planned(tmp_path)
    first, _ = runs[0].planned_rows()
    store.write_failure(replace(first, status=status, attempts=2, error="it broke"))
    matrix = Matrix.of(runs, store)
    assert bool(matrix.runs_to_do(retries_failed=False)) is is_tried_again
    assert matrix.runs_to_do(retries_failed=True) == list(runs)
    assert matrix.attempt(runs[0]) == 3


def test_two_ladders_do_not_share_a_folder(tmp_path, capsys):
    planned(tmp_path)
    arguments = ["--tasks=copy", "--models=rnn", "--seeds=1", "--first-seed=1", "--lengths"]
    place = ["--out", str(tmp_path)]
    before = sorted(tmp_path.rglob("*"))
    assert main([*arguments, "10,15,20", *place]) == 2
    assert capsys.readouterr().err == (
        f"bench.run: --lengths: {tmp_path} has length 20 of copy, rnn after other lengths than "
        "these; choose another --out\n"
    )
    assert sorted(tmp_path.rglob("*")) == before
    for longer in ("10..40", "10..20,25", "10"):
        assert main([*arguments, longer, *place, "--dry-run"]) == 0
