"""`bench.run` as a user starts it: what it leaves, and that it goes on where it ended."""

import os
import re
import resource
import signal
import sys
import threading
import time
from dataclasses import replace

import pytest

from bench import run as command_module
from results.schema.rows import OK, AccuracyRow
from results.store.csv_files import ACCURACY
from results.store.folder import open_store
from tests.commands import (
    BOTH,
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

# One worker builds the folder of `finished`.

SECONDS_TO_DIE = 5.0
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="it looks processes up in /proc")


def test_finished_run_has_a_row_for_every_model_and_length(finished):
    rows = accuracy_rows(finished)
    assert [(row.model, row.train_length, row.length, row.status) for row in rows] == [
        (model, length, length, "ok") for model in ("rnn", "seq2seq+dot") for length in (2, 4)
    ]
    for row in rows:
        assert (row.task, row.seed, row.symbols, row.hidden) == ("copy", 21, 16, 8)
        assert (row.stage_updates, row.stopped_because, row.attempts) == (20, "budget", 1)
        assert row.total_updates == 10 * row.length
        assert row.stage_tokens == 20 * row.batch_size * row.length
        assert (row.test_sequences, row.threads, row.error) == (1024, 1, None)
        assert row.train_seconds > 0
    text = (finished / ACCURACY).read_text(encoding="utf-8")
    assert text.splitlines()[0] == ",".join(AccuracyRow.__dataclass_fields__)
    assert str(finished.parent) not in text


def test_finished_run_leaves_no_other_file_than_it_says_and_a_log(finished):
    """Nothing half written, no throughput that was not asked for, one optimiser for each run."""
    assert files(finished, "*") == [
        *("accuracy.csv", "checkpoints", "checksums.json", "locks", "logs", "plan.json"),
        *("records", "run.json", "samples.csv"),
    ]
    assert len(files(finished / "records", "*")) == len(weights(finished)) == 4
    assert len(files(finished / "checkpoints", "*.optimizer.pt")) == 2
    log = (finished / "logs" / "run.log").read_text(encoding="utf-8")
    first, *events, last = [line.split(" ", 2)[2] for line in log.splitlines()]
    assert (first, last) == ("started: 2 of 2 model runs to do", "ended")
    said = " ".join(events)
    assert len(re.findall(r"\): begun as \d+ \(attempt 1\)", said)) == 2
    assert said.count("), trained to 4, tested at 4: budget after 20 updates") == 2


def test_second_run_loads_no_torch_takes_no_time_and_changes_no_byte(finished, without_torch):
    def processor_seconds():  # Unlike a clock, blind to what else the machine does.
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, began = snapshot(finished), processor_seconds()
    status, output, errors = run(finished, *SMALL, *BOTH, before=[without_torch])
    assert (status, errors) == (0, "")
    assert "Records: 4 in 2 model runs; 4 done, 0 failed, 0 not reached, 0 left" in output
    assert "To do: no training, all of it is done" in output
    assert processor_seconds() - began < 3.0
    assert snapshot(finished) == before


def test_failing_model_leaves_rows_stops_no_other_and_is_tried_again_if_asked_for(tmp_path):
    """What diverges, runs out of memory or dies: bench/training and bench/execution."""
    folder, raising = tmp_path / "results", "tests.plugins.broken:Raising"
    asked = (*SMALL, "--lengths", "2,4,6", "--jobs", "2", "--models")
    status, output, errors = run(folder, *asked, f"{raising},rnn")
    assert status == 1
    assert [row.status for row in rows_by_length(folder, "rnn").values()] == ["ok"] * 3
    rows = rows_by_length(folder, raising)
    assert [row.status for row in rows.values()] == ["ok", "failed", "not_reached"]
    error = "ValueError: longer than 2"
    assert (rows[4].error, rows[4].attempts, rows[4].token_accuracy) == (error, 1, None)
    assert f"copy, {raising}, seed 21, length 4: failed: {error}" in errors
    assert "2 of 6 records are missing:" in errors
    assert "Traceback" not in errors
    before = snapshot(folder)
    status, output, _ = run(folder, *asked, f"{raising},rnn")
    assert status == 1
    assert "1 failed, 1 not reached, 0 left" in output
    assert "To do: nothing but what failed; --retry-failed tries that again" in output
    assert "token accuracy" in output
    assert "how it fails" not in output
    assert snapshot(folder) == before
    status, output, errors = run(folder, *asked, raising, "--retry-failed", **{REPAIRED: "yes"})
    assert status == 0, errors
    assert "To do: 1 model runs" in output
    assert [
        (row.status, row.attempts, row.error) for row in rows_by_length(folder, raising).values()
    ] == [("ok", 1, None), ("ok", 2, None), ("ok", 2, None)]


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


@pytest.fixture
def main(tmp_path, monkeypatch):
    """Return how to call the command in this process, with what its only engine does."""

    class Engine:
        def __init__(self, **options):
            pass

        def execute(self, orders, *, on_event):
            self.act()
            return iter(())

        def stop(self):
            pass

    monkeypatch.setattr(command_module, "LocalEngine", Engine)

    def call(act=lambda: None, models="rnn", task="copy", more=(), *, has_report=False):
        Engine.act = staticmethod(act)
        asked = ["--tasks", task, "--models", models, "--out", str(tmp_path / "results"), *more]
        small = [flag for flag in SMALL if not has_report or flag != "--no-report"]
        return command_module.main([*small, *asked])

    return call


@pytest.fixture
def finish(tmp_path):
    """Return how an engine finishes whatever is planned."""

    def write():
        store = open_store(tmp_path / "results", create=True)
        for row in store.plan():
            store.write_record(replace(row, status=OK, attempts=1), [])

    return write


def test_quick_ends_with_probes_a_table_and_a_page(tmp_path):
    sizes = "--lengths 2,4 --tasks copy --models seq2seq+dot --hidden 8 --budget 20"
    status, output, errors = run(
        tmp_path, "--preset", "quick", *sizes.split(), "--no-throughput", before=[]
    )
    assert (status, "failed" in errors) == (0, False)
    assert f"{tmp_path.name}/report.html in a browser (" in output.splitlines()[-1]
    assert "how it fails at 4" in output
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "weights.csv").stat().st_size > 100
    assert "Where it looks" in page


@pytest.mark.parametrize("more", [(), ("--shard", "1/1")])
def test_models_are_described_once_and_of_a_shard_not_at_all(
    main, finish, more, monkeypatch, capsys
):
    asked = []
    monkeypatch.setattr(
        command_module, "report_of", lambda command, out: asked.append(command) or "report"
    )
    for described in (0 if more else 2, 0):
        assert main(finish, more=more, has_report=True) == 0
        assert capsys.readouterr().out.count("\nreport\n") == described
    assert asked == ([] if more else ["reports.models", "reports.page"])


def test_a_report_that_fails_is_one_line_and_changes_no_status(main, finish, monkeypatch, capsys):
    monkeypatch.setattr("bench.cli.summary._SECONDS_TO_REPORT", 0.01)
    assert main(finish, has_report=True) == 0
    output, errors = capsys.readouterr()
    assert "No record yet." in output  # Of the summary: these rows have no score.
    lines = [line for line in errors.splitlines() if "failed" in line]
    assert [line.split(" failed: ")[0] for line in lines] == ["reports.models", "reports.page"]
    assert all("no end after 0 seconds; try python -m reports." in line for line in lines)


@pytest.mark.fault("F9")
def test_a_signal_during_the_report_ends_it_as_any_other(main, finish, monkeypatch, capsys):
    def stopped(command, out):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_DIE)

    monkeypatch.setattr(command_module, "report_of", stopped)
    assert main(finish, has_report=True) == 128 + signal.SIGTERM
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped. Everything finished is")


@pytest.mark.fault("F9")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"])
def test_signals_of_terminals_and_schedulers_end_it_unless_somebody_has_them(name, main, capsys):
    number, heard = getattr(signal, name), []
    ending = "Stopped. Everything finished is kept in "
    before = signal.signal(number, signal.SIG_DFL)
    try:
        # A closed terminal is told of twice.
        assert main(lambda: [os.kill(os.getpid(), number) for _ in "12"]) == 128 + number
        assert capsys.readouterr().err.splitlines()[-1].startswith(ending)
        assert signal.getsignal(number) is signal.SIG_DFL
        for handler in (signal.SIG_IGN, lambda *given: heard.append(given[0])):
            signal.signal(number, handler)
            assert main(lambda: os.kill(os.getpid(), number)) == 1
            assert ending not in capsys.readouterr().err
        assert heard == [number]
    finally:
        signal.signal(number, before)


@pytest.mark.fault("F24")
def test_it_runs_in_a_thread_that_gets_no_signals(main, capsys):
    ends = []
    thread = threading.Thread(target=lambda: ends.append(main()))
    thread.start()
    thread.join()
    assert ends == [1]
    assert "2 of 2 records are missing" in capsys.readouterr().err


@pytest.mark.fault("F26")
def test_edited_model_does_not_go_on_in_its_folder(main, tmp_path, monkeypatch, capsys, reached):
    """Nor one whose neighbour was edited; undoing the edit helps."""
    monkeypatch.syspath_prepend(tmp_path)
    sources = {
        "edited.py": "def build(config):\n    import beside_edited",
        "beside_edited.py": "from models.rnn import Rnn",
    }
    for file, source in sources.items():
        (tmp_path / file).write_text(source)
    assert main(models="edited:build") == 1  # Nothing is trained, but the plan is there.
    before = snapshot(tmp_path / "results")
    capsys.readouterr()
    for file, source in sources.items():
        (tmp_path / file).write_text(f"{source}\n# edited")
        assert main(models="edited:build") == 2
        said = "has rows of an earlier version of the code of copy, edited:build"
        assert said in capsys.readouterr().err
        # A task that the folder does not have yet would mix the two versions all the same.
        assert main(models="edited:build", task="sort") == 2
        assert "of the code of sort, edited:build" in capsys.readouterr().err
        (tmp_path / file).write_text(source)
    reached(injected=len(sources))
    assert snapshot(tmp_path / "results") == before
    assert main(models="edited:build") == 1
