"""Children that die, hang, talk or say nothing: a row each, the others done, and none left over."""

import json
import os
import re
import subprocess
import sys
import time
import uuid

import pytest

from bench import run
from bench.execution import engine
from bench.execution.engine import ChildOrder, LocalEngine, child_events
from bench.plan import cost
from bench.plan.runs import Settings, plan_matrix
from models import MODELS
from results.errors import ResultsError
from tasks import TASKS
from tests.bench.execution.fake_child import VARIABLE
from tests.commands import MARK, ROOT, accuracy_rows, marked_processes, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks processes up in /proc")

SIZES = ("--lengths", "2,4", "--tasks", "copy", "--seeds", "1", "--hidden", "8")
QUIET = ("--no-throughput", "--no-report")
SECONDS_TO_DIE = 5.0


@pytest.fixture
def do(monkeypatch):
    """Return how to choose what fake children do, by the model of their run."""
    start_child = engine.start_child
    fake = "tests.bench.execution.fake_child"
    monkeypatch.setattr(engine, "start_child", lambda _, log: start_child(fake, log))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return lambda chosen: monkeypatch.setenv(VARIABLE, json.dumps(chosen))


@pytest.fixture
def alive(monkeypatch):
    """Return how to find the living processes that a test has started."""
    mark = uuid.uuid4().hex
    # It is set after this process began, so it is only in what this process starts.
    monkeypatch.setenv(MARK, mark)
    yield lambda: marked_processes(mark)
    for process in marked_processes(mark):
        os.kill(process, 9)


def matrix(folder, *, models="rnn"):
    """Carry out a matrix of two lengths in this process; return its status."""
    return run.main([*SIZES, *QUIET, "--models", models, "--out", str(folder), "--jobs", "2"])


def rows_of(folder, model):
    return [
        (row.length, row.status, row.attempts, row.error)
        for row in accuracy_rows(folder)
        if row.model == model
    ]


def orders(folder, count):
    settings, out = Settings(lengths=(2,), seeds=tuple(range(1, count + 1))), str(folder)
    runs = plan_matrix(settings, tasks=[TASKS["copy"]], models=[MODELS["rnn"]])
    messages = {run.run_id: {"run": run.to_json(), "out": out, "attempt": 1} for run in runs}
    return [ChildOrder(name, "any", each, out, 60.0) for name, each in messages.items()]


NOT_REACHED = (4, "not_reached", 0, None)
DYING = {
    "rnn": ("SIGKILL", "killed", 2, "killed by SIGKILL"),
    "seq2seq": ("SIGRTMIN+1", "killed", 2, "killed by signal 35"),
    "seq2seq+dot": ("status 3", "failed", 1, "exit status 3; see logs/{}.log"),
    "seq2seq+uniform": ("silent", "failed", 1, "exit status 0 without a record; see logs/{}.log"),
}


def test_child_that_dies_leaves_one_row_and_stops_no_other(do, tmp_path, capsys):
    """The other one prints, which is not taken for one of its events."""
    other = "seq2seq+additive"
    do({other: "talkative"} | {model: does for model, (does, *_) in DYING.items()})
    assert matrix(tmp_path, models=",".join([*DYING, other])) == 1
    assert rows_of(tmp_path, other) == [(2, "ok", 1, None), (4, "ok", 1, None)]
    run_ids = {row.model: row.run_id for row in accuracy_rows(tmp_path)}
    errors = capsys.readouterr().err
    for model, (_, status, attempts, error) in DYING.items():
        error = error.format(run_ids[model])
        assert rows_of(tmp_path, model) == [(2, status, attempts, error), NOT_REACHED]
        assert f"copy, {model}, seed 21, length 2: {status}: {error}" in errors
    log = tmp_path / "logs" / f"{run_ids['seq2seq+dot']}.log"
    assert log.read_text(encoding="utf-8") == "this is the reason\n"


@pytest.mark.fault("F21")
def test_sets_of_names_are_walked_alike_in_every_child(do, tmp_path, monkeypatch):
    """Else a model that is built by one would have other weights in each process."""
    monkeypatch.setenv("PYTHONHASHSEED", "random")
    do({"rnn": "hashing"})
    events = []
    tmp_path.joinpath("results").mkdir()
    local = LocalEngine(jobs=2)
    given = orders(tmp_path / "results", 4)
    ends = list(local.execute(given, on_event=lambda _, event: events.append(event)))
    local.stop()
    assert [end.exit_code for end in ends] == [0] * 4
    walks = [event["names"] for event in events if "names" in event]
    assert walks == walks[:1] * 4


def test_killed_run_is_tried_again_unasked_and_a_success_replaces_the_failure(do, tmp_path, capsys):
    do({"rnn": "SIGKILL"})
    for attempts in (2, 4):
        assert matrix(tmp_path) == 1
        assert rows_of(tmp_path, "rnn")[0] == (2, "killed", attempts, "killed by SIGKILL")
    do({"rnn": "done"})
    capsys.readouterr()
    assert matrix(tmp_path) == 0
    said = capsys.readouterr().err
    assert re.fullmatch(r"1 of 1 model runs ended: copy rnn seed 21 \(\w+\): done\n", said)
    assert rows_of(tmp_path, "rnn") == [(2, "ok", 5, None), (4, "ok", 5, None)]
    do("deaf")  # It ends without reading its order.
    assert matrix(tmp_path / "other") == 1
    assert [row[1] for row in rows_of(tmp_path / "other", "rnn")] == ["failed", "not_reached"]


def test_child_that_hangs_is_ended_at_its_limit_with_all_it_started(
    do, alive, tmp_path, monkeypatch
):
    monkeypatch.setattr(cost, "_LEAST_LIMIT_SECONDS", 2.0)
    monkeypatch.setattr(cost, "_LIMIT_PER_ESTIMATE", 0.0)
    do({"rnn": "hanging", "seq2seq": "done"})
    began = time.monotonic()
    assert matrix(tmp_path, models="rnn,seq2seq") == 1
    assert time.monotonic() - began < 2.0 + SECONDS_TO_DIE
    wait_until(lambda: not alive(), seconds=SECONDS_TO_DIE)
    assert [row[1] for row in rows_of(tmp_path, "seq2seq")] == ["ok", "ok"]
    assert rows_of(tmp_path, "rnn") == [
        *[(2, "timed_out", 1, "not done after 2 seconds"), NOT_REACHED]
    ]


@pytest.mark.fault("F4")
def test_child_that_is_done_ends_with_all_it_started(do, alive, tmp_path):
    do({"rnn": "leaving much"})
    began = time.monotonic()
    assert matrix(tmp_path) == 0
    assert time.monotonic() - began < 30
    wait_until(lambda: not alive(), seconds=SECONDS_TO_DIE)


PARENT = """
import sys

from bench.execution import engine
from bench.run import main

start_child = engine.start_child
engine.start_child = lambda _, log: start_child("tests.bench.execution.fake_child", log)
sys.exit(main(sys.argv[1:]))
"""


def test_child_dies_with_its_parent(do, alive, tmp_path):
    """A child that hangs would never find out by itself that nobody listens."""
    do({"rnn": "hanging"})
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *SIZES, *QUIET, "--models", "rnn", "--out", "results"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as parent:
        # The parent, its child, and what that one has started, which nobody is asked to end.
        wait_until(lambda: len(alive()) == 3, seconds=60)
        parent.kill()
    wait_until(lambda: len(alive()) == 1, seconds=SECONDS_TO_DIE)


def test_child_whose_parent_is_gone_already_begins_nothing():
    """Between its start and its asking to die with its parent, the parent may have died."""
    module = "tests.bench.execution.fake_child"
    done = subprocess.run(
        [sys.executable, "bench/execution/worker_main.py", module, "0", "1", "[]"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_as_many_children_at_a_time_as_asked_for(do, tmp_path):
    do({"rnn": "brief"})
    times = {}

    def on_event(order, event):
        if "at" in event:
            times.setdefault(order.name, []).append(event["at"])

    local = LocalEngine(jobs=2)
    ends = list(local.execute(orders(tmp_path, 4), on_event=on_event))
    local.stop()
    assert [end.exit_code for end in ends] == [0, 0, 0, 0]
    at_once = [
        sum(began <= moment < ended for began, ended in times.values())
        for moment, _ in times.values()
    ]
    assert len(at_once) == 4
    assert max(at_once) == 2


def test_child_of_a_measurement_gives_its_events_or_names_its_log(do, tmp_path):
    (only,) = orders(tmp_path, 1)
    do({"rnn": "brief"})
    events = list(child_events("bench.throughput", only.message, out=tmp_path))
    assert [list(event) for event in events] == [["at"], ["at"], ["record"]]
    do({"rnn": "status 3"})
    with pytest.raises(ResultsError, match=r"exit status 3; see .*bench\.throughput\.log"):
        list(child_events("bench.throughput", only.message, out=tmp_path))
