"""`bench.merge`: what it prints, its exit statuses, and one line for all that it refuses."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import merge
from bench import run as bench_run
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.plan.shards import Shard, shard_of
from bench.training import model_run
from bench.training.model_run import execute
from models import MODELS
from results.schema.rows import OK
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
    assert merge.main([*folders, "link", "./2/", "--out", str(out)]) == 1
    assert capsys.readouterr() == (
        f"Merged into {out}: 3 of 4 records, 1 failures, checkpoints of 0 of 4 stages\n"
        f"Figures: python -m reports.figures --results '{out}'\n",
        "1 of 4 records are missing:\n  copy, b, seed 0, length 20: diverged: x\n",
    )
    assert len(read_rows(out, ACCURACY)) == 4
    assert len(read_rows(out, ERRORS)) == 1
    monkeypatch.setattr(merge, "PROBE_VERSION", PROBES_MADE + 1)  # Others count as absent.
    assert merge.main([folders[0], "--out", "newer"]) == 0
    assert not Path("newer/probes").exists()


def test_conflicts_and_damage_are_named(folders, tmp_path, capsys):
    results_folder(tmp_path / "3", replace(run_rows("a")[0], token_accuracy=0.25))
    damaged = Path("1/records/a-0-20.json")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert merge.main([*folders, "3", "--out", "out"]) == 1
    output, errors = capsys.readouterr()
    assert ": 2 of 4 records, 1 failures" in output
    notice, *conflicts, end, missing, failed, left = errors.splitlines()
    assert notice.startswith(f"{damaged}: not used: it is damaged")
    assert all("copy, a, seed 0, length 10: " in line for line in conflicts)
    assert end == f"Conflicts: {len(conflicts)}, in the lines above"
    assert len(conflicts) in (1, 2)  # Of 1 and 2, or of 3: the checksum decides.
    assert missing == "2 of 4 records are missing:"
    assert [failed, left] == [
        "  copy, b, seed 0, length 20: diverged: x",
        "  copy, a, seed 0: length 20",
    ]


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
    assert merge.main([*folders, "--out", "out"]) == 1  # One record has failed.
    assert len(accuracy_rows(Path("out"))) == 4


def test_commands_that_read_folders_import_no_torch():
    code = "import sys, bench.compare, bench.merge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.fixture
def train(monkeypatch):
    """Run `bench.run` with a record for each row of its part in place of any training."""

    def complete(request, store, matrix, to_do, **_):
        for row in (row for each in to_do for row in each.planned_rows()):
            store.write_record(replace(row, status=OK, attempts=1, token_accuracy=0.5))
        store.compile()

    monkeypatch.setattr(bench_run, "_complete", complete)
    asked = ["--models", "rnn,seq2seq", "--lengths", "10,20", "--seeds", "8"]
    return lambda out, *more: bench_run.main([*asked, "--out", str(out), *more])


@pytest.mark.fault("F23")
def test_a_merge_without_one_part_names_what_is_missing_in_few_lines(
    train, tmp_path, capsys, reached
):
    folders = [tmp_path / str(index) for index in (1, 2, 3, 4)]
    for index, folder in enumerate(folders, start=1):
        assert train(folder, "--shard", f"{index}/4") == 0
    whole = tmp_path / "whole"
    assert train(whole) == 0
    planned = open_store(whole, create=False).plan()
    capsys.readouterr()
    for count, present in enumerate(([0, 1, 3], [2], [0, 1, 2, 3])):
        out = tmp_path / f"merged {count}"
        status = merge.main([*(str(folders[place]) for place in present), "--out", str(out)])
        errors = capsys.readouterr().err.splitlines()
        missing = {row.record_id for row in planned} - {row.record_id for row in accuracy_rows(out)}
        assert open_store(out, create=False).plan() == planned
        assert (status, len(missing)) == (int(len(present) < 4), 24 * (4 - len(present)))
        assert errors[:1] == [f"{len(missing)} of 96 records are missing:"] * bool(missing)
        assert len(errors) <= 14
        named = sum(len(seeds_of(line)) * 2 for line in errors[1:])
        assert named == len(missing)
    reached(injected=3)
    assert (out / ACCURACY).read_bytes() == (whole / ACCURACY).read_bytes()


def seeds_of(line):
    """Read the seeds of `  copy, rnn, seed 11, 13..15: length 10, 20`."""
    spans = re.fullmatch(r"  \w+, \w+, seed (.+): length 10, 20", line)[1].split(", ")
    ends = [[int(number) for number in span.split("..")] for span in spans]
    return [seed for end in ends for seed in range(end[0], end[-1] + 1)]


@pytest.mark.fault("F23")
def test_plans_that_differ_are_joined_and_settings_that_vary_are_named(
    train, tmp_path, capsys, reached
):
    for name, more in (("a", ("--budget", "20")), ("b", ("--budget", "30", "--seeds", "2"))):
        assert train(tmp_path / name, "--tasks", "copy", "--shard", "1/2", *more) == 0
    capsys.readouterr()
    out = tmp_path / "out"
    assert merge.main([str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(out)]) == 1
    errors = capsys.readouterr().err
    reached()
    assert len(open_store(out, create=False).plan()) == 2 * 2 * (8 + 2)
    assert errors.startswith("20 of 40 records are missing:\n")
    assert {*re.findall("budget_updates [0-9]+", errors)} == {
        "budget_updates 20",
        "budget_updates 30",
    }


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
