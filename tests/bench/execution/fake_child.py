"""A child process that takes an order and then does whatever a test asks of it. Loads no torch."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench.plan.runs import ModelRun
from results.schema.rows import OK
from results.store.folder import open_store

VARIABLE = "FAKE_CHILDREN"  # JSON: what a child does, by the model of its run.
STAMPS = "FAKE_CHILDREN_STAMPS"  # A folder for the times at which children began and ended.


_events = sys.stdout


def emit(event):
    print(json.dumps(event), file=_events, flush=True)


def done(run, order):
    """Leave every record, without scores."""
    store = open_store(Path(order["out"]), create=True)
    for row in run.planned_rows():
        store.write_record(replace(row, status=OK, attempts=order["attempt"]))
        emit({"record": row.record_id})
    return 0


def talkative(run, order):
    """As an author's debugging would: print to standard output."""
    print("building a model\n\n[1, 2]")
    return done(run, order)


def silent(run, order):
    """End as if all were well, without a record."""
    return 0


def status_3(run, order):
    print("this is the reason", file=sys.stderr)
    return 3


def dying_by(number):
    def die(run, order):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), number)

    return die


def stubborn(run, order):
    """Hang, and ignore what can be ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    emit({"hangs": True})
    time.sleep(60)


def with_a_grandchild(run, order):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    return stubborn(run, order)


def brief(run, order):
    """Take a moment."""
    time.sleep(0.3)
    return done(run, order)


def removing(run, order):
    """Somebody removes the results folder meanwhile."""
    shutil.rmtree(order["out"])
    return done(run, order)


BEHAVIOURS = {
    "done": done,
    "talkative": talkative,
    "silent": silent,
    "status 3": status_3,
    "SIGSEGV": dying_by(signal.SIGSEGV),
    "SIGKILL": dying_by(signal.SIGKILL),
    "SIGRTMIN+1": dying_by(signal.SIGRTMIN + 1),
    "stubborn": stubborn,
    "with a grandchild": with_a_grandchild,
    "brief": brief,
    "removing": removing,
}


def main(events):
    global _events
    _events = events
    chosen = json.loads(os.environ[VARIABLE])
    if chosen == "deaf":
        os._exit(1)  # Without reading a word.
    order = json.loads(sys.stdin.readline())
    run = ModelRun.from_json(order["run"])
    stamps, began = os.environ.get(STAMPS), time.monotonic()
    if stamps:
        (Path(stamps) / f"{os.getpid()}.began").touch()
    code = BEHAVIOURS[chosen[run.model]](run, order)
    if stamps:
        stamp = Path(stamps) / f"{os.getpid()}.ended"
        stamp.write_text(json.dumps([began, time.monotonic()]), encoding="utf-8")
    return code
