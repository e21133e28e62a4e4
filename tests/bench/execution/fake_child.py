"""A child process that takes an order and then does whatever a test asks of it. Loads no torch."""

import atexit
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from bench.plan.runs import ModelRun
from results.schema.rows import OK
from results.store.folder import open_store

VARIABLE = "FAKE_CHILDREN"  # JSON: what a child does, by the model of its run.


def done(run, order, emit):
    """Leave every record, without scores."""
    store = open_store(Path(order["out"]), create=True)
    for row in run.planned_rows():
        store.write_record(replace(row, status=OK, attempts=order["attempt"]))
        emit({"record": row.record_id})
    return 0


def talkative(run, order, emit):
    """As an author's debugging would: print to standard output."""
    print("building a model\n\n[1, 2]")
    return done(run, order, emit)


def brief(run, order, emit):
    """Take a moment, and say when."""
    emit({"at": time.monotonic()})
    time.sleep(0.3)
    emit({"at": time.monotonic()})
    return done(run, order, emit)


def hashing(run, order, emit):
    """Say in which order it walks a set of names."""
    emit({"names": list({"encoder", "decoder", "attention", "readout", "embedding"})})
    return done(run, order, emit)


def silent(run, order, emit):
    """End as if all were well, without a record."""
    return 0


def status_3(run, order, emit):
    print("this is the reason", file=sys.stderr)
    return 3


def dying_by(number):
    def die(run, order, emit):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), number)

    return die


def hanging(run, order, emit):
    """Start another process and hang; ignore what can be ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    emit({"hangs": True})
    time.sleep(60)


def leaving_much(run, order, emit):
    """Leave a forked process in a session of its own, a thread and a handler that never ends."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
    threading.Thread(target=time.sleep, args=(60,)).start()
    atexit.register(time.sleep, 60)
    return done(run, order, emit)


BEHAVIOURS = {
    "done": done,
    "talkative": talkative,
    "brief": brief,
    "hashing": hashing,
    "silent": silent,
    "status 3": status_3,
    "SIGKILL": dying_by(signal.SIGKILL),
    "SIGRTMIN+1": dying_by(signal.SIGRTMIN + 1),
    "hanging": hanging,
    "leaving much": leaving_much,
}


def main(events):
    chosen = json.loads(os.environ[VARIABLE])
    if chosen == "deaf":
        os._exit(1)  # Without reading a word.
    order = json.loads(sys.stdin.readline())
    run = ModelRun.from_json(order["run"])

    def emit(event):
        print(json.dumps(event), file=events, flush=True)

    return BEHAVIOURS[chosen[run.model]](run, order, emit)
