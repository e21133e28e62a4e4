"""`bench.merge`: what it prints, its exit statuses, and one line for all that it refuses."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import merge
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.plan.shards import Shard, shard_of
from bench.training import model_run
from bench.training.model_run import execute
from models import MODELS
from results.store.csv_files import ACCURACY, ERRORS, SAMPLES, read_rows
from results.store.folder import open_store
from tasks import TASKS
from tests import ROOT
from tests.commands import accuracy_rows, snapshot, weights, without_times
from tests.rows import PROBES_MADE, failed, results_folder, run_rows

RECIPE = Recipe(batch_size=8, stage_budget_updates=4, validation_sequences=16)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The names of two folders, in the folder where the command is typed."""
    monkeypatch.chdir(tmp_path)
    a, b = run_rows("a"), run_rows("b")
    results_folder(tmp_path / "1", *a, probed=(a[0],))
    results_folder(tmp_path / "2", a[0], b[0], failed(b[1]))
    return "1", "2"


def test_merged(folders, capsys, monkeypatch):
    monkeypatch.setattr(merge, "PROBE_VERSION", PROBES_MADE)
    out = Path("with spaces, 100 % 한글") / "deeper"
    # A folder that is named twice, also by a link, counts once.
    Path("link").symlink_to("1")
    assert merge.main([*folders, "link", "./2/", "--out", str(out)]) == 0
    assert capsys.readouterr() == (
        f"Merged into {out}: 3 of 4 records, 1 failures, checkpoints of 0 of 4 stages\n"
        f"Figures: python -m reports.figures --results {out}\n",
        "",
    )
    assert len(read_rows(out, ACCURACY)) == 4
    assert len(read_rows(out, ERRORS)) == 1
    monkeypatch.setattr(merge, "PROBE_VERSION", PROBES_MADE + 1)  # Others count as absent.
    assert merge.main([*folders, "--out", "newer"]) == 0
    assert not Path("newer/probes").exists()


def test_conflicts_and_damage_are_named(folders, tmp_path, capsys):
    results_folder(tmp_path / "3", replace(run_rows("a")[0], token_accuracy=0.25))
    damaged = Path("1/records/a-0-20.json")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert merge.main([*folders, "3", "--out", "out"]) == 1
    output, errors = capsys.readouterr()
    assert ": 2 of 4 records, 1 failures" in output
    notice, *conflicts, end = errors.splitlines()
    assert notice.startswith(f"{damaged}: not used: it is damaged")
    assert all("copy, a, seed 0, length 10: " in line for line in conflicts)
    assert end == f"Conflicts: {len(conflicts)}, in the lines above"
    assert len(conflicts) in (1, 2)  # Of 1 and 2, or of 3: the checksum decides.


def test_a_mistake_is_one_line_and_nothing_is_written(folders, tmp_path, capsys):
    Path("empty").mkdir()
    Path("file").write_text("", encoding="utf-8")
    Path("link").symlink_to("1")
    before = snapshot(tmp_path)
    own = "--out: must be another folder than those merged, got"
    for arguments, message in (
        (["--out", "out"], "the following arguments are required: DIR"),
        (["1"], "the following arguments are required: --out"),
        (["1", "--out", ""], "--out: must name a folder, got ''"),
        (["1", "", "--out", "out"], "DIR: must name a folder, got ''"),
        (["1", "none", "--out", "out"], "DIR: 'none' is not a folder"),
        (["file", "1", "--out", "out"], "DIR: 'file' is not a folder"),
        (
            ["1", "empty", "--out", "out"],
            "DIR: 'empty' has no plan.json; a folder of bench.run is needed",
        ),
        (["1", "2", "--out", "link"], f"{own} 'link'"),
        (["1", "2", "--out", "1/../2"], f"{own} '1/../2'"),
        (["1", "--out", "file"], "file: is a file, a folder is needed"),
        (["1", "--out", "out", "--again"], "unrecognized arguments: --again"),
    ):
        assert merge.main(arguments) == 2
        assert capsys.readouterr() == ("", f"bench.merge: {message}\n")
    assert snapshot(tmp_path) == before


def test_an_interrupted_merge_is_completed_by_the_same_command(folders, monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        assert merge.main([*folders, "--out", "out"]) == 130
    assert capsys.readouterr() == ("", "Stopped. The same command does the rest.\n")
    assert merge.main([*folders, "--out", "out"]) == 0
    assert len(accuracy_rows(Path("out"))) == 4


def test_commands_that_read_folders_import_no_torch():
    code = "import sys, bench.compare, bench.merge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# With what training leaves.


def runs_of(*lengths):
    settings = Settings(lengths=lengths, seeds=(1, 2), hidden=4, recipe=RECIPE)
    models = [MODELS[name] for name in ("rnn", "seq2seq")]
    return plan_matrix(settings, tasks=[TASKS["copy"]], models=models)


def carry_out(folder, runs):
    """Do in this process what `bench.run` does in children."""
    store = open_store(folder, create=True)
    store.extend_plan(row for run in runs for row in run.planned_rows())
    for run in runs:
        execute(run, store, attempt=1, emit=lambda event: None)
    store.compile()
    return folder


def test_merged_shards_are_the_whole_and_go_on(tmp_path, monkeypatch, capsys):
    runs = runs_of(2, 4)
    shards = [
        carry_out(tmp_path / str(index), shard_of(runs, Shard(index, 3))) for index in (1, 2, 3)
    ]
    whole, merged = carry_out(tmp_path / "whole", runs), tmp_path / "merged"
    assert merge.main([*map(str, shards), "--out", str(merged)]) == 0
    assert "8 of 8 records, 0 failures, checkpoints of 8 of 8 stages" in capsys.readouterr().out
    assert read_rows(merged, SAMPLES) == read_rows(whole, SAMPLES)
    assert weights(merged) == weights(whole)
    trained, train_stage = [], model_run.train_stage

    def count(*arguments, **options):
        trained.append(options["lengths"])
        return train_stage(*arguments, **options)

    # A longer ladder trains in a merged folder only what is new, with the same numbers.
    monkeypatch.setattr(model_run, "train_stage", count)
    for folder in (whole, merged):
        carry_out(folder, runs_of(2, 4, 6))
    assert trained == [(6,)] * 8
    assert without_times(accuracy_rows(merged)) == without_times(accuracy_rows(whole))
