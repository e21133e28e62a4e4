"""`bench.merge`: what it prints, its exit statuses, and one line for all that it refuses."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import merge
from bench.execution.provenance import provenance
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.plan.shards import Shard, shard_of
from bench.training import model_run
from bench.training.model_run import execute
from models import MODELS
from results.schema.rows import PROVENANCE_COLUMNS
from results.store.checksums import CHECKSUMS
from results.store.csv_files import ACCURACY, ERRORS, SAMPLES, read_rows
from results.store.folder import open_store
from results.store.locks import locked
from results.store.probes import PROBES
from tasks import TASKS
from tests import ROOT
from tests.commands import accuracy_rows, snapshot, weights, without_times
from tests.results.merge.merged_folders import (
    VERSION,
    files_in,
    folder_of,
    rows_of_runs,
    three_folders,
)

RECIPE = Recipe(batch_size=8, stage_budget_updates=4, validation_sequences=16)
IN_A_PROCESS = """
import os, signal, sys
{}
from bench.merge import main
status = main(sys.argv[1:])
sys.exit("torch is imported" if "torch" in sys.modules else status)
"""
KILLED_AT = """
calls, replace = iter(range(999)), os.replace
def maybe_replace(source, target):
    if next(calls) == {}:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
os.replace = maybe_replace
"""


def command(*arguments):
    """Run the command line in this process; return its status, output and errors."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = merge.main([str(argument) for argument in arguments])
        except SystemExit as end:  # `--help`
            status = end.code
    return status, output.getvalue(), errors.getvalue()


def assert_refused(arguments, message):
    status, output, errors = command(*arguments)
    assert (status, output) == (2, "")
    assert errors == f"bench.merge: {message}\n"


def in_a_process(first, *arguments):
    return subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS.format(first), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folders(tmp_path):
    return three_folders(tmp_path)


# What it says.


def test_merged(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(merge, "PROBE_VERSION", VERSION)

    status, output, errors = command(*folders, "--out", tmp_path / "out")

    assert (status, errors) == (0, "")
    assert output == (
        f"Merged into {tmp_path / 'out'}: 5 of 6 records, 1 failures, "
        "checkpoints of 0 of 6 stages\n"
        f"Figures: python -m reports.figures --results {tmp_path / 'out'}\n"
    )
    assert len(read_rows(tmp_path / "out", ACCURACY)) == 6
    assert len(read_rows(tmp_path / "out", ERRORS)) == 3


def test_probes_of_another_version_count_as_absent(folders, tmp_path):
    assert command(*folders, "--out", tmp_path / "out")[0] == 0
    assert not (tmp_path / "out" / PROBES).exists()


def test_conflicts(tmp_path):
    rows = rows_of_runs("a")
    other = [replace(rows[0], token_accuracy=0.25, commit="z"), rows[1]]
    a, b = folder_of(tmp_path / "a", *rows), folder_of(tmp_path / "b", *other)

    for folders in ((a, b), (b, a)):
        status, output, errors = command(*folders, "--out", tmp_path / f"{folders[0].name}-first")

        assert status == 1
        assert ": 2 of 2 records, 0 failures" in output
        assert errors == (
            f"copy, a, seed 0, length 10: token_accuracy: 0.1 in {a}, which is kept, 0.25 in {b}\n"
            "Conflicts: 1, in the lines above\n"
        )


def test_a_damaged_record_is_named(folders, tmp_path):
    path = folders[0] / "records" / "b-0-10.json"
    path.write_bytes(path.read_bytes()[:-9])

    status, output, errors = command(*folders, "--out", tmp_path / "out")

    assert status == 0
    assert "4 of 6 records" in output
    assert errors.startswith(f"{path}: not used: it is damaged")
    assert len(errors.splitlines()) == 1


def test_any_path_will_do(folders, tmp_path):
    out = tmp_path / "with spaces, 100 % 한글" / "deeper"

    assert command(*folders, "--out", out)[0] == 0
    assert len(read_rows(out, SAMPLES)) == 10


# What it refuses.


def test_a_mistake_in_a_folder_is_one_line_and_nothing_is_written(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file").write_text("", encoding="utf-8")
    Path("link").symlink_to("1")
    other = folder_of(tmp_path / "other", *rows_of_runs("d"))
    content = (other / "plan.json").read_bytes()
    (other / "plan.json").write_bytes(content.replace(b'version":1', b'version":2', 1))
    before = snapshot(tmp_path)

    own = "must be another folder than those merged, got"
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
        (["1", "2", "--out", "1"], f"--out: {own} '1'"),
        (["1", "2", "--out", "2/"], f"--out: {own} '2/'"),
        (["1", "2", "--out", "link"], f"--out: {own} 'link'"),
        (["link", "2", "--out", "1"], f"--out: {own} '1'"),
        (["1", tmp_path / "2", "--out", "1/../2"], f"--out: {own} '1/../2'"),
        (
            ["1", "other", "--out", "out"],
            "other/plan.json: it is of schema version 2, not 1; choose another folder",
        ),
        (["1", "--out", "file"], "file: is a file, a folder is needed"),
        (["1", "2", "--out", "out", "--again"], "unrecognized arguments: --again"),
    ):
        assert_refused(arguments, message)
        assert snapshot(tmp_path) == before


def test_a_folder_named_twice_counts_once(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("1")

    request = merge.parse_request(["1", "2", "link", "./1/", str(tmp_path / "2"), "--out", "out"])

    assert request.folders == (Path("1"), Path("2"))


def test_lengths_after_other_lengths_are_one_line(tmp_path):
    rows = rows_of_runs("a")
    a = folder_of(tmp_path / "a", *rows)
    elsewhere = replace(rows[1], stage_id="elsewhere", record_id="elsewhere")
    b = folder_of(tmp_path / "b", elsewhere)

    assert_refused(
        [a, b, "--out", tmp_path / "out"],
        f"{b}: has length 20 of copy, a after other lengths than {a}; they do not belong into "
        "one folder",
    )
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_one_line(folders, tmp_path):
    out = tmp_path / "out"
    command(folders[0], "--out", out)

    with locked(out, PROBES):
        assert_refused(
            [*folders, "--out", out], f"{out}: is being probed or merged into; wait for its end"
        )


# Faults.


@pytest.mark.parametrize("step", [0, 5, 8, 11])
def test_a_killed_merge_is_completed_by_the_same_command(folders, tmp_path, step):
    arguments = (*folders, "--out", tmp_path / "out")
    command(*folders, "--out", tmp_path / "undisturbed")

    killed = in_a_process(KILLED_AT.format(step), *arguments)
    assert killed.returncode == -signal.SIGKILL
    assert command(*arguments)[0] == 0

    expected = files_in(tmp_path / "undisturbed", but=("locks", CHECKSUMS))
    found = files_in(tmp_path / "out", but=("locks", CHECKSUMS))
    assert {name: found[name] for name in found if not name.endswith(".tmp")} == expected


def test_an_interrupt_says_how_to_go_on(folders, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)

    status, output, errors = command(*folders, "--out", tmp_path / "out")

    assert (status, output, errors) == (130, "", "Stopped. The same command does the rest.\n")


def test_torch_is_not_imported(folders, tmp_path):
    done = in_a_process("", *folders, "--out", tmp_path / "out")

    assert (done.returncode, done.stderr) == (0, "")


def test_importing_torch_would_be_noticed(folders, tmp_path):
    done = in_a_process("import torch", *folders, "--out", tmp_path / "out")

    assert (done.returncode, done.stderr) == (1, "torch is imported\n")


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


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """The folders of three shards of one plan, and that of the whole; not to be written to."""
    root, runs = tmp_path_factory.mktemp("shards"), runs_of(2, 4)
    parts = [carry_out(root / str(index), shard_of(runs, Shard(index, 3))) for index in (1, 2, 3)]
    return parts, carry_out(root / "whole", runs)


@pytest.fixture
def merged(shards, tmp_path):
    status, output, errors = command(*shards[0], "--out", tmp_path / "merged")
    assert (status, errors) == (0, "")
    assert "8 of 8 records, 0 failures, checkpoints of 8 of 8 stages" in output
    return tmp_path / "merged"


def test_shards_are_the_whole_but_for_times(shards, merged):
    parts, whole = shards

    assert without_times(accuracy_rows(merged)) == without_times(accuracy_rows(whole))
    assert read_rows(merged, SAMPLES) == read_rows(whole, SAMPLES)
    assert weights(merged) == weights(whole)
    assert not any((part / "locks" / "probes.lock").exists() for part in parts)


def check_goes_on(folder, undisturbed, monkeypatch):
    """A longer ladder trains in a merged folder only what is new, with the same numbers."""
    trained = []
    train_stage = model_run.train_stage

    def count(*arguments, **options):
        trained.append(options["lengths"])
        return train_stage(*arguments, **options)

    monkeypatch.setattr(model_run, "train_stage", count)
    carry_out(folder, runs_of(2, 4, 6))
    assert trained == [(6,)] * 4
    assert without_times(accuracy_rows(folder)) == without_times(accuracy_rows(undisturbed))


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    return carry_out(tmp_path_factory.mktemp("longer") / "results", runs_of(2, 4, 6))


def test_a_longer_ladder_goes_on(merged, longer, monkeypatch):
    check_goes_on(merged, longer, monkeypatch)


def test_a_merge_without_checkpoints_is_rejected(merged, longer, monkeypatch):
    for path in (merged / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(AssertionError):
        check_goes_on(merged, longer, monkeypatch)


def test_provenance_may_differ_between_machines():
    assert tuple(provenance("cpu", threads=1)) == PROVENANCE_COLUMNS


def test_help_names_every_option():
    status, output, errors = command("--help")

    assert (status, errors) == (0, "")
    assert "--out" in output
    assert "Exit status: 0 merged, 1 merged, but" in output
