"""The command from end to end: what a run leaves, what a second one does, and what goes on."""

import csv
import json
import resource

import pytest

from results.schema.rows import AccuracyRow
from results.store.checked_json import seal
from results.store.csv_files import ACCURACY, THROUGHPUT, read_rows
from tests.commands import (
    BOTH,
    ONE,
    SMALL,
    TRAINING,
    accuracy_rows,
    files,
    rows_by_length,
    run,
    snapshot,
    weights,
    without_times,
)


def test_finished_run_has_a_row_for_every_model_and_length(finished):
    rows = accuracy_rows(finished)
    assert [(row.model, row.train_length, row.length, row.status) for row in rows] == [
        ("rnn", 2, 2, "ok"),
        ("rnn", 4, 4, "ok"),
        ("seq2seq+dot", 2, 2, "ok"),
        ("seq2seq+dot", 4, 4, "ok"),
    ]
    for row in rows:
        assert (row.task, row.seed, row.symbols, row.hidden, row.cell) == (
            "copy",
            11,
            16,
            8,
            "lstm",
        )
        assert (row.stage_updates, row.stopped_because, row.attempts) == (20, "budget", 1)
        assert row.total_updates == 20 * (1 if row.length == 2 else 2)
        assert row.stage_tokens == row.stage_updates * row.batch_size * row.length
        assert row.test_sequences == 1024
        assert row.threads == 1
        assert row.error is None
        assert row.train_seconds > 0
    assert len({row.config_id for row in rows}) == 1
    assert len({row.record_id for row in rows}) == 4


def test_csv_has_the_columns_of_the_schema_and_no_machine_in_it(finished):
    text = (finished / ACCURACY).read_text(encoding="utf-8")
    header, *lines = csv.reader(text.splitlines())
    assert header == list(AccuracyRow.__dataclass_fields__)
    assert len(lines) == 4
    assert str(finished.parent) not in text


def test_run_leaves_no_other_file_than_it_says(finished):
    """Nothing half written stays, and only the last stage keeps its optimiser's state."""
    assert files(finished, "*") == [
        "accuracy.csv",
        "checkpoints",
        "checksums.json",
        "locks",
        "logs",
        "plan.json",
        "records",
        "run.json",
        "samples.csv",
    ]
    assert len(files(finished / "records", "*")) == 4
    assert len(weights(finished)) == 4
    assert len(files(finished / "checkpoints", "*.optimizer.pt")) == 2
    written = [path.name for path in (finished / "logs").iterdir() if path.stat().st_size]
    assert written == ["run.log"]


def processor_seconds_of_children():
    """Return what all the children so far have used; unlike a clock, it is blind to neighbours."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_second_run_loads_no_torch_takes_no_time_and_changes_no_byte(copied, without_torch):
    before = snapshot(copied)
    began = processor_seconds_of_children()
    status, output, errors = run(copied, *SMALL, *BOTH, before=[without_torch])
    assert (status, errors) == (0, "")
    assert processor_seconds_of_children() - began < 3.0
    assert "4 done, 0 failed, 0 not reached, 0 left" in output
    assert "To do: no training" in output
    assert snapshot(copied) == before


def test_import_of_torch_is_seen(copied, without_torch):
    """The twin: where a stage is left, a child needs torch, and fails."""
    arguments = (*SMALL, *ONE, "--first-seed", "2")
    status, _, errors = run(copied, *arguments, before=[without_torch])
    assert status == 1
    assert "failed: exit status 1; see logs/" in errors
    logs = [path for path in (copied / "logs").iterdir() if path.stat().st_size]
    (log,) = [path for path in logs if path.name != "run.log"]
    assert "torch is imported" in log.read_text(encoding="utf-8")


def test_dry_run_over_a_finished_folder_says_so_and_writes_nothing(copied, without_torch):
    before = snapshot(copied)
    status, output, errors = run(copied, *SMALL, *BOTH, "--dry-run", before=[without_torch])
    assert (status, errors) == (0, "")
    assert "Records: 4 in 2 model runs; 4 done, 0 failed, 0 not reached, 0 left" in output
    assert "To do: no training, all of it is done" in output
    assert snapshot(copied) == before


def test_number_of_jobs_changes_no_number(finished, tmp_path):
    one = tmp_path / "one job"
    status, _, errors = run(one, *SMALL, *BOTH, "--jobs", "1")
    assert status == 0, errors
    assert without_times(accuracy_rows(one)) == without_times(accuracy_rows(finished))
    assert (one / "samples.csv").read_bytes() == (finished / "samples.csv").read_bytes()


def test_longer_ladder_trains_only_what_is_new(copied, failed):
    """And it ends with the numbers of a run that was never interrupted."""
    before = snapshot(copied)
    status, output, errors = run(copied, *SMALL, *ONE, "--lengths", "2,4,6")
    assert status == 0, errors
    assert "2 done, 0 failed, 0 not reached, 1 left" in output
    after = snapshot(copied)
    records = {path for path in before if path.parts[0] == "records"}
    checkpoints = {path for path in before if path.name in weights(copied)}
    assert len(records) == len(checkpoints) == 4
    for path in records | checkpoints:
        assert after[path] == before[path]
    assert len(weights(copied)) == 5
    assert len(accuracy_rows(copied)) == 5
    uninterrupted = rows_by_length(failed[0], "rnn")
    assert without_times([rows_by_length(copied, "rnn")[6]]) == without_times([uninterrupted[6]])


def test_test_lengths_are_evaluated_without_training(copied):
    before = snapshot(copied)
    trained = rows_by_length(copied, "rnn")
    status, output, errors = run(copied, *SMALL, *ONE, "--test-lengths", "3")
    assert status == 0, errors
    assert "2 done, 0 failed, 0 not reached, 2 left" in output
    after = snapshot(copied)
    for path, content in before.items():
        if path.parts[0] in ("records", "checkpoints"):
            assert after[path] == content
    assert len(weights(copied)) == 4
    new = [row for row in accuracy_rows(copied) if row.length == 3]
    assert [(row.train_length, row.status) for row in new] == [(2, "ok"), (4, "ok")]
    for row in new:
        assert row.stage_id == trained[row.train_length].stage_id
        assert row.total_updates == trained[row.train_length].total_updates
        assert row.train_seconds == trained[row.train_length].train_seconds


@pytest.mark.parametrize("kept", ["plan.json", "records"])
def test_folder_of_another_schema_version_is_refused_and_left_alone(copied, kept):
    document = seal({"rows": []}).replace(b'{"schema_version":', b'{"schema_version":9', 1)
    if kept == "plan.json":
        (copied / "plan.json").write_bytes(document)
    else:
        (copied / "plan.json").unlink()
        for record in (copied / "records").iterdir():
            record.write_bytes(document)
    before = snapshot(copied)
    status, output, errors = run(copied, *SMALL, *BOTH)
    assert (status, output) == (2, "")
    assert errors.startswith(f"bench.run: {copied}")
    assert "of schema version 9" in errors
    assert len(errors.splitlines()) == 1
    assert snapshot(copied) == before


def test_throughput_is_measured_once(copied, without_torch):
    arguments = (*TRAINING, "--lengths", "2,4", *ONE)
    status, _, errors = run(copied, *arguments)
    assert status == 0, errors
    rows = read_rows(copied, THROUGHPUT)
    assert [(row.model, row.phase, row.length, row.status) for row in rows] == [
        ("rnn", phase, length, "ok")
        for phase in ("decode", "forward", "train_step")
        for length in (2, 4)
    ]
    for row in rows:
        assert row.median_seconds > 0
        assert row.rounds >= 5
        assert row.tokens_per_second == pytest.approx(
            row.batch_size * row.length / row.median_seconds
        )
        assert row.reference_ratio > 0
        assert row.threads == 1
    before = snapshot(copied)
    status, _, errors = run(copied, *arguments, before=[without_torch])
    assert (status, errors) == (0, "")
    assert snapshot(copied) == before


def test_no_throughput_measures_none(finished):
    assert not (finished / THROUGHPUT).exists()
    assert json.loads((finished / "checksums.json").read_bytes())["body"].keys() == {
        "accuracy.csv",
        "samples.csv",
    }
