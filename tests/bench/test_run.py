"""`bench.run` as a user starts it: what it leaves, and that it goes on where it ended."""

import itertools
import resource
import shutil
import signal
import sys
import time

import pytest

from results.schema.rows import AccuracyRow
from results.store.csv_files import ACCURACY
from tests.commands import (
    BOTH,
    FAILING,
    ONE,
    SMALL,
    Command,
    accuracy_rows,
    files,
    rows_by_length,
    run,
    snapshot,
    wait_until,
    weights,
    without_times,
)
from tests.plugins.broken import REPAIRED

SECONDS_TO_DIE = 5.0
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="it looks processes up in /proc")


def test_finished_run_has_a_row_for_every_model_and_length(finished):
    rows = accuracy_rows(finished)
    assert [(row.model, row.train_length, row.length, row.status) for row in rows] == [
        (model, length, length, "ok") for model in ("rnn", "seq2seq+dot") for length in (2, 4)
    ]
    for row in rows:
        assert (row.task, row.seed, row.symbols, row.hidden) == ("copy", 11, 16, 8)
        assert (row.stage_updates, row.stopped_because, row.attempts) == (20, "budget", 1)
        assert row.total_updates == 10 * row.length
        assert row.stage_tokens == 20 * row.batch_size * row.length
        assert (row.test_sequences, row.threads, row.error) == (1024, 1, None)
        assert row.train_seconds > 0
    text = (finished / ACCURACY).read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(AccuracyRow.__dataclass_fields__)
    assert str(finished.parent) not in text


def test_finished_run_leaves_no_other_file_than_it_says(finished):
    """Nothing half written, no throughput that was not asked for, one optimiser for each run."""
    assert files(finished, "*") == [
        *("accuracy.csv", "checkpoints", "checksums.json", "locks", "logs", "plan.json"),
        *("records", "run.json", "samples.csv"),
    ]
    assert len(files(finished / "records", "*")) == len(weights(finished)) == 4
    assert len(files(finished / "checkpoints", "*.optimizer.pt")) == 2


def test_second_run_loads_no_torch_takes_no_time_and_changes_no_byte(copied, without_torch):
    def processor_seconds():  # Unlike a clock, blind to what else the machine does.
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, began = snapshot(copied), processor_seconds()
    for dry in ((), ("--dry-run",)):
        status, output, errors = run(copied, *SMALL, *BOTH, *dry, before=[without_torch])
        assert (status, errors) == (0, "")
        assert "Records: 4 in 2 model runs; 4 done, 0 failed, 0 not reached, 0 left" in output
        assert "To do: no training, all of it is done" in output
    assert processor_seconds() - began < 6.0
    assert snapshot(copied) == before


def test_further_lengths_train_only_what_is_new(copied, failed):
    """And they end with the numbers of a run that was never interrupted."""
    before = {path: each for path, each in snapshot(copied).items() if len(path.parts) > 1}
    further = ("--lengths", "2,4,6", "--test-lengths", "3")
    status, output, errors = run(copied, *SMALL, *ONE, *further)
    assert status == 0, errors
    assert "2 done, 0 failed, 0 not reached, 4 left" in output
    after = snapshot(copied)
    old = [path for path in before if path.parts[0] == "records" or path.name in weights(copied)]
    assert len(old) == 8
    assert all(after[path] == before[path] for path in old)
    assert len(weights(copied)) == 5
    rows = [row for row in accuracy_rows(copied) if row.model == "rnn"]
    assert [(row.train_length, row.length) for row in rows] == [
        *((2, 2), (2, 3), (4, 3), (4, 4), (6, 3), (6, 6))
    ]
    assert rows[1].train_seconds == rows[0].train_seconds
    assert without_times(rows[-1:]) == without_times([rows_by_length(failed[0], "rnn")[6]])


def test_model_that_raises_or_diverges_leaves_rows_and_stops_no_other(failed):
    folder, status, _, errors = failed
    assert status == 1
    assert {
        model: [row.status for row in rows]
        for model, rows in itertools.groupby(accuracy_rows(folder), key=lambda row: row.model)
    } == {
        "tests.plugins.broken:NotANumber": ["ok", "diverged", "not_reached"],
        "tests.plugins.broken:Raising": ["ok", "failed", "not_reached"],
        "rnn": ["ok", "ok", "ok"],
    }
    for model, error in (
        ("Raising", "ValueError: longer than 2"),
        ("NotANumber", "Diverged: the loss is nan after 10 updates of the stage"),
    ):
        row = rows_by_length(folder, f"tests.plugins.broken:{model}")[4]
        assert (row.error, row.attempts, row.token_accuracy) == (error, 1, None)
        assert f"copy, {row.model}, seed 11, length 4: {row.status}: {error}" in errors
    assert "4 of 9 records are missing:" in errors
    assert "Traceback" not in errors


def test_what_failed_is_tried_again_only_when_asked_for(failed, tmp_path):
    folder = shutil.copytree(failed[0], tmp_path / "results")
    before = snapshot(folder)
    status, output, _ = run(folder, *FAILING)
    assert status == 1
    assert "2 failed, 2 not reached, 0 left" in output
    assert "To do: nothing but what failed; --retry-failed tries that again" in output
    assert snapshot(folder) == before
    raising = "tests.plugins.broken:Raising"
    again = (*FAILING, "--models", raising, "--retry-failed")
    status, output, errors = run(folder, *again, **{REPAIRED: "yes"})
    assert status == 0, errors
    assert "To do: 1 model runs" in output
    rows = rows_by_length(folder, raising).values()
    assert [(row.status, row.attempts, row.error) for row in rows] == [
        *(("ok", 1, None), ("ok", 2, None), ("ok", 2, None))
    ]


@needs_proc
def test_killed_it_ends_with_the_same_numbers(finished, tmp_path):
    folder = tmp_path / "results"
    with Command(folder, *SMALL, *BOTH, "--jobs", "1") as command:
        wait_until(lambda: command.is_over() or len(weights(folder)) >= 2)
        assert not command.is_over()
        command.process.kill()
        command.process.wait()
        wait_until(lambda: not command.processes(), seconds=SECONDS_TO_DIE)
    before = {path: each for path, each in snapshot(folder).items() if path.parts[0] == "records"}
    status, _, errors = run(folder, *SMALL, *BOTH, "--jobs", "1")
    assert status == 0, errors
    assert files(folder / "failures", "*") == []
    assert without_times(accuracy_rows(folder)) == without_times(accuracy_rows(finished))
    assert (folder / "samples.csv").read_bytes() == (finished / "samples.csv").read_bytes()
    assert before.items() <= snapshot(folder).items()


@needs_proc
def test_ctrl_c_ends_it_soon_with_a_whole_csv_and_a_word_on_how_to_go_on(tmp_path):
    """Twice, SIGTERM, and from a terminal: tests/faults/test_signals.py."""
    folder = tmp_path / "results"
    with Command(folder, *SMALL, "--models", "tests.plugins.broken:Slow") as command:
        wait_until(lambda: command.is_over() or (folder / ACCURACY).exists())
        assert len(command.children()) == 1
        began = time.perf_counter()
        command.process.send_signal(signal.SIGINT)
        code, _, errors = command.end()
        assert time.perf_counter() - began < SECONDS_TO_DIE
        assert (code, command.processes()) == (130, [])
    assert [(row.length, row.status) for row in accuracy_rows(folder)] == [(2, "ok")]
    assert files(folder / "failures", "*") == []
    assert errors.splitlines()[-1] == (
        f"Stopped. Everything finished is kept in {folder}; the same command goes on from there."
    )
    assert "Traceback" not in errors
