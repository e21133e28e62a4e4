"""F11: a Dask worker killed, the scheduler killed, no scheduler at all."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.commands import MARK, ROOT, Command, marked_processes, run, wait_until
from tests.faults.fault_tools import (
    ONE_RUN,
    SECONDS_TO_DIE,
    THREE_RUNS,
    TWO_JOBS,
    TWO_RUNS,
    Harm,
    complete,
    harm_of,
    kill,
    planted,
    records,
)

pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")

pytestmark = pytest.mark.fault("F11")

SECONDS_TO_NOTICE = 60.0
SECONDS_TO_REFUSE = 15.0


class Cluster:
    """A scheduler and two workers of one thread each; a nanny starts a dead worker again."""

    def __init__(self, scratch, *, has_nannies=False):
        self._mark, self._scratch = uuid.uuid4().hex, scratch
        contact = scratch / "scheduler.json"
        self.scheduler = self._start("dask_scheduler", contact, "--port", "0")
        wait_until(lambda: contact.exists() and contact.read_text().endswith("}"))
        self.engine = ("--engine", f"dask={json.loads(contact.read_text())['address']}")
        nanny = "--nanny" if has_nannies else "--no-nanny"
        arguments = (nanny, "--nthreads", "1", "--no-dashboard")
        self._workers = [self._start("dask_worker", contact, *arguments) for _ in range(2)]

    def _start(self, kind, contact, *arguments):
        place = ("--host", "127.0.0.1", "--scheduler-file", str(contact))
        variables = {"PYTHONPATH": str(ROOT), "GIT_CONFIG_COUNT": "none", MARK: self._mark}
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{kind}", *place, *arguments],
            cwd=self._scratch,
            env=os.environ | variables,
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL),
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in (*self._workers, self.scheduler):
            process.kill()
            process.wait()
        for process in marked_processes(self._mark):
            os.kill(process, signal.SIGKILL)

    def model_runs(self):
        """Return the parent of each model run that its workers have started."""
        found = []
        for process in marked_processes(self._mark):
            folder = Path(f"/proc/{process}")
            try:
                if b"worker_main.py" in (folder / "cmdline").read_bytes():
                    state = (folder / "stat").read_text()
                    found.append(int(state.rsplit(")", 1)[1].split()[1]))
            except OSError:
                continue
        return found


@pytest.mark.parametrize("has_nannies", [False, True], ids=["no nanny", "nanny"])
def test_worker_killed_loses_nothing(has_nannies, undisturbed, tmp_path, is_full, reached):
    if has_nannies and not is_full:
        pytest.skip("only in full")
    harm, times, moment = Harm(), 10 if is_full else 1, random.Random(5)
    for number in range(times):
        folder = tmp_path / str(number) / "results"
        folder.parent.mkdir()
        with (
            Cluster(folder.parent, has_nannies=has_nannies) as cluster,
            Command(folder, *TWO_RUNS, *cluster.engine) as started,
        ):
            wait_until(lambda: started.is_over() or cluster.model_runs())
            time.sleep(moment.uniform(0.0, undisturbed.seconds / 3))
            os.kill(cluster.model_runs()[0], signal.SIGKILL)
            status, _, errors = started.end()
            assert started.processes() == []
            wait_until(lambda: not cluster.model_runs(), seconds=SECONDS_TO_DIE)
        assert status == 0, errors
        harm += harm_of(folder, undisturbed, of=TWO_RUNS)
    harm.report(reached, injected=times, text="worker killed: all rows equal")


def scheduler_killed(folder, *arguments, after_record=True, **options):
    """Kill the scheduler while runs are carried out; return status, errors and seconds."""
    with Cluster(folder.parent) as cluster:
        with Command(folder, *arguments, *cluster.engine, **options) as started:
            has_begun = (lambda: records(folder)) if after_record else cluster.model_runs
            wait_until(lambda: started.is_over() or has_begun())
            assert not started.is_over()
            cluster.scheduler.kill()
            began = time.monotonic()
            status, _, errors = started.end()
            seconds = time.monotonic() - began
        wait_until(lambda: not cluster.model_runs(), seconds=SECONDS_TO_NOTICE)
    return status, errors, seconds


def assert_told(status, errors, seconds):
    last = errors.splitlines()[-1]
    assert status == 2, errors
    assert last.startswith("bench.run: ")
    assert "scheduler" in last
    assert "Traceback" not in errors
    assert seconds < SECONDS_TO_NOTICE


def test_scheduler_killed_is_one_line_and_the_local_engine_goes_on(undisturbed, folder, reached):
    ended = scheduler_killed(folder, *THREE_RUNS)
    assert_told(*ended)
    kept = records(folder)
    complete(folder, *THREE_RUNS, *TWO_JOBS)
    text = f"scheduler killed: one line, exit {ended[0]} after {ended[2]:.0f} s, then resumed"
    harm_of(folder, undisturbed, kept=kept).report(reached, text=text)


@pytest.mark.fault("F11", is_twin=True)
def test_engine_that_does_not_expect_to_lose_its_scheduler_is_found(folder, tmp_path):
    weak = planted(tmp_path, "from bench.execution import dask_engine; dask_engine._LOST = ()")
    ended = scheduler_killed(folder, *ONE_RUN, after_record=False, before=weak)
    with pytest.raises(AssertionError):
        assert_told(*ended)


def test_command_killed_leaves_its_folder_to_the_next(undisturbed, folder, reached):
    """The workers live on; what they still do of it is no hindrance."""
    with Cluster(folder.parent) as cluster:
        with Command(folder, *THREE_RUNS, *cluster.engine) as started:
            wait_until(lambda: started.is_over() or records(folder))
            kill(started)
        kept = records(folder)
        complete(folder, *THREE_RUNS, *cluster.engine)
    text = "command killed: the next one goes on"
    harm_of(folder, undisturbed, kept=kept).report(reached, text=text)


def test_no_scheduler_is_one_line_and_nothing_written(folder, reached):
    began = time.monotonic()
    status, output, errors = run(folder, *ONE_RUN, "--engine", "dask=tcp://127.0.0.1:1")
    seconds = time.monotonic() - began
    reached(text=f"no scheduler: refused after {seconds:.0f} s")
    assert (status, output) == (2, "")
    assert errors.startswith("bench.run: --engine: no scheduler answers")
    assert len(errors.splitlines()) == 1
    assert seconds < SECONDS_TO_REFUSE
    assert list(folder.parent.iterdir()) == []
