"""Children that die, hang, talk or say nothing: a row each, the others done, and none left over."""

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from functools import partial

import pytest

from bench import run
from bench.execution import worker as bench_children
from bench.execution.engine import LocalEngine
from bench.execution.worker import Order, child_events
from bench.plan import cost
from bench.plan.runs import Settings, plan_matrix
from models import MODELS
from results.errors import ResultsError
from tasks import TASKS
from tests.bench.execution.fake_child import STAMPS, VARIABLE
from tests.commands import MARK, ROOT, accuracy_rows, marked_processes, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks processes up in /proc")

HERE = os.path.dirname(__file__)
SECONDS_TO_DIE = 5.0


@pytest.fixture
def children(monkeypatch):
    """Let fake children stand in for model runs; return how to choose what they do."""
    start_child, mark = bench_children._start_child, uuid.uuid4().hex
    fake = partial(start_child, "tests.bench.execution.fake_child")
    monkeypatch.setattr(bench_children, "_start_child", lambda _, log: fake(log))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), HERE)))
    monkeypatch.setenv(MARK, mark)

    class Children:
        @staticmethod
        def do(**behaviours):
            monkeypatch.setenv(VARIABLE, json.dumps(behaviours))

        @staticmethod
        def are_deaf():
            monkeypatch.setenv(VARIABLE, json.dumps("deaf"))

        @staticmethod
        def alive():
            # The mark was set after this process began, so it is only in what it has started.
            return marked_processes(mark)

    yield Children
    for process in Children.alive():
        os.kill(process, 9)


def matrix(folder, *, models="rnn,seq2seq", jobs=2):
    """Carry out a matrix of two lengths in this process; return its status."""
    sizes = ["--lengths", "2,4", "--tasks", "copy", "--seeds", "1", "--hidden", "8"]
    return run.main(
        [*sizes, "--models", models, "--out", str(folder), "--jobs", str(jobs), "--no-throughput"]
    )


def rows_of(folder, model):
    return [
        (row.length, row.status, row.attempts, row.error)
        for row in accuracy_rows(folder)
        if row.model == model
    ]


DONE = [(2, "ok", 1, None), (4, "ok", 1, None)]


def runs(count=1, *, model="rnn"):
    settings = Settings(lengths=(2,), seeds=tuple(range(1, count + 1)))
    return plan_matrix(settings, tasks=[TASKS["copy"]], models=[MODELS[model]])


def message_of(each, folder):
    return {"run": each.to_json(), "out": str(folder), "attempt": 1}


def orders(folder, count=1, *, model="rnn"):
    return [
        Order(
            each.run_id,
            "bench.training.model_run",
            message_of(each, folder),
            out=str(folder),
            time_limit_seconds=60.0,
        )
        for each in runs(count, model=model)
    ]


def test_children_that_do_their_work_leave_all_rows(children, tmp_path):
    children.do(rnn="done", seq2seq="done")
    assert matrix(tmp_path) == 0
    assert rows_of(tmp_path, "rnn") == rows_of(tmp_path, "seq2seq") == DONE


@pytest.mark.parametrize(
    ("behaviour", "status", "error"),
    [
        ("SIGSEGV", "killed", "killed by SIGSEGV"),
        ("SIGKILL", "killed", "killed by SIGKILL"),
        ("status 3", "failed", "exit status 3; see logs/{run_id}.log"),
        ("SIGRTMIN+1", "killed", "killed by signal 35"),
        ("silent", "failed", "exit status 0 without a record; see logs/{run_id}.log"),
    ],
)
def test_child_that_dies_leaves_one_row_and_stops_no_other(
    children, tmp_path, capsys, behaviour, status, error
):
    children.do(rnn=behaviour, seq2seq="done")
    assert matrix(tmp_path) == 1
    assert rows_of(tmp_path, "seq2seq") == DONE
    (row,) = [row for row in accuracy_rows(tmp_path) if row.status == status]
    error = error.format(run_id=row.run_id)
    attempts = 2 if status == "killed" else 1
    assert rows_of(tmp_path, "rnn") == [
        (2, status, attempts, error),
        (4, "not_reached", 0, None),
    ]
    assert f"copy, rnn, seed 11, length 2: {status}: {error}" in capsys.readouterr().err


def test_what_a_child_says_before_it_dies_is_in_its_log(children, tmp_path):
    children.do(rnn="status 3")
    matrix(tmp_path, models="rnn")
    (log,) = [path for path in (tmp_path / "logs").iterdir() if path.name != "run.log"]
    assert log.read_text(encoding="utf-8") == "this is the reason\n"


def test_killed_run_is_tried_again_unasked_and_a_success_replaces_the_failure(children, tmp_path):
    children.do(rnn="SIGKILL")
    for attempts in (2, 4):
        assert matrix(tmp_path, models="rnn") == 1
        assert rows_of(tmp_path, "rnn")[0] == (2, "killed", attempts, "killed by SIGKILL")
    children.do(rnn="done")
    assert matrix(tmp_path, models="rnn") == 0
    assert rows_of(tmp_path, "rnn") == [(2, "ok", 5, None), (4, "ok", 5, None)]


def test_children_that_read_no_order_are_failed_runs(children, tmp_path):
    children.are_deaf()
    assert matrix(tmp_path) == 1
    assert [row[1] for row in rows_of(tmp_path, "rnn")] == ["failed", "not_reached"]
    assert [row[1] for row in rows_of(tmp_path, "seq2seq")] == ["failed", "not_reached"]


def test_model_that_prints_stops_nothing(children, tmp_path):
    children.do(rnn="talkative", seq2seq="done")
    try:
        status = matrix(tmp_path)
    except ValueError:
        status = None
    assert status == 0
    assert rows_of(tmp_path, "rnn") == rows_of(tmp_path, "seq2seq") == DONE


def test_folder_without_room_for_logs_is_one_line(children, tmp_path, capsys):
    children.do(rnn="done")
    (tmp_path / "logs").write_text("a file", encoding="utf-8")
    assert matrix(tmp_path, models="rnn") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("bench.run: ")
    assert "logs" in last


def test_folder_removed_meanwhile_is_one_line(children, tmp_path, capsys):
    children.do(rnn="removing")
    assert matrix(tmp_path / "results", models="rnn") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("bench.run: ")
    assert "plan.json: is gone" in last


# The parent killed.

PARENT = """
import sys

from bench.execution import worker as children
from bench.run import main

start_child = children._start_child
children._start_child = lambda _, log: start_child("tests.bench.execution.fake_child", log)
sys.exit(main(sys.argv[1:]))
"""


def assert_child_dies_with_its_parent(children, folder, monkeypatch, *, before=""):
    """A child that hangs, and so would never find out by itself, is gone."""
    stamps = folder / "stamps"
    stamps.mkdir()
    monkeypatch.setenv(STAMPS, str(stamps))
    children.do(rnn="stubborn")
    sizes = ["--lengths", "2", "--tasks", "copy", "--seeds", "1", "--hidden", "8"]
    with subprocess.Popen(
        [sys.executable, "-c", before + PARENT, *sizes, "--models", "rnn", "--out", "results"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as parent:
        wait_until(lambda: list(stamps.glob("*.began")), seconds=60)
        assert len(children.alive()) == 2
        parent.kill()
    wait_until(lambda: not children.alive(), seconds=SECONDS_TO_DIE)


def test_child_dies_with_its_parent(children, tmp_path, monkeypatch):
    assert_child_dies_with_its_parent(children, tmp_path, monkeypatch)


def test_child_that_is_not_tied_to_its_parent_is_found(children, tmp_path, monkeypatch):
    """The twin: started without asking to die, it lives on."""
    monkeypatch.setitem(globals(), "SECONDS_TO_DIE", 0.5)
    untied = """
import subprocess, sys

class Untied(subprocess.Popen):
    def __init__(self, command, **options):
        run = "import sys, os, fake_child; sys.exit(fake_child.main(os.fdopen(os.dup(1), 'w')))"
        super().__init__((command[0], "-c", run), **options)

subprocess.Popen = Untied
"""
    with pytest.raises(AssertionError, match="not so after"):
        assert_child_dies_with_its_parent(children, tmp_path, monkeypatch, before=untied)


def test_child_whose_parent_is_gone_already_begins_nothing(children):
    """Between its start and its asking to die with its parent, the parent may have died."""
    children.do(rnn="done")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.execution.worker_main",
            "tests.bench.execution.fake_child",
            "0",
        ],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


# Time limits.


@pytest.mark.parametrize("behaviour", ["stubborn", "with a grandchild"])
def test_child_that_hangs_is_ended_at_its_limit_with_all_it_started(
    children, tmp_path, monkeypatch, behaviour
):
    monkeypatch.setattr(cost, "_LEAST_LIMIT_SECONDS", 2.0)
    monkeypatch.setattr(cost, "_LIMIT_PER_ESTIMATE", 0.0)
    children.do(rnn=behaviour, seq2seq="done")
    began = time.monotonic()
    assert matrix(tmp_path) == 1
    assert time.monotonic() - began < 2.0 + SECONDS_TO_DIE
    wait_until(lambda: not children.alive(), seconds=SECONDS_TO_DIE)
    assert rows_of(tmp_path, "seq2seq") == DONE
    assert rows_of(tmp_path, "rnn") == [
        (2, "timed_out", 1, "not done after 2 seconds"),
        (4, "not_reached", 0, None),
    ]


def test_stop_ends_what_runs_and_begins_nothing_more(children, tmp_path):
    children.do(rnn="done", seq2seq="with a grandchild")
    hangs = threading.Event()

    def on_event(order, event):
        if "hangs" in event:
            hangs.set()

    local = LocalEngine(jobs=1)
    listed = [
        *orders(tmp_path),
        *orders(tmp_path, model="seq2seq"),
        *orders(tmp_path, 2),
    ]
    ends = local.execute(listed, on_event=on_event)
    try:
        assert next(ends).exit_code == 0
        assert hangs.wait(timeout=60)
        # Two are found while they live, or that none is found later would say nothing.
        wait_until(lambda: len(children.alive()) == 2)
        began = time.monotonic()
    finally:
        ends.close()
        local.stop()
    assert time.monotonic() - began < SECONDS_TO_DIE
    wait_until(lambda: not children.alive(), seconds=SECONDS_TO_DIE)
    assert len(list((tmp_path / "records").iterdir())) == 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_as_many_children_at_a_time_as_asked_for(children, tmp_path, monkeypatch, jobs):
    stamps = tmp_path / "stamps"
    stamps.mkdir()
    monkeypatch.setenv(STAMPS, str(stamps))
    children.do(rnn="brief")
    out = tmp_path / "results"
    out.mkdir()
    local = LocalEngine(jobs=jobs)
    ends = list(local.execute(orders(out, 4), on_event=lambda order, event: None))
    local.stop()
    assert [end.exit_code for end in ends] == [0, 0, 0, 0]
    times = [json.loads(path.read_text(encoding="utf-8")) for path in stamps.glob("*.ended")]
    moments = sorted(began for began, _ in times)
    at_once = [sum(began <= moment < ended for began, ended in times) for moment in moments]
    assert len(times) == 4
    assert max(at_once) <= jobs
    assert jobs == 1 or max(at_once) == jobs


# The child of a measurement.


def test_child_of_a_measurement_gives_its_events_in_turn(children, tmp_path):
    children.do(rnn="done")
    (only,) = runs()
    (event,) = child_events("bench.throughput", message_of(only, tmp_path), out=tmp_path)
    (row,) = only.planned_rows()
    assert event == {"record": row.record_id}


def test_child_of_a_measurement_that_fails_is_an_error_that_names_its_log(children, tmp_path):
    children.do(rnn="status 3")
    (only,) = runs()
    with pytest.raises(ResultsError, match=r"exit status 3; see .*bench\.throughput\.log"):
        list(child_events("bench.throughput", message_of(only, tmp_path), out=tmp_path))
