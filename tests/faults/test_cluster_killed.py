"""F11: a Dask worker killed, the scheduler killed, no scheduler at all."""

import os
import random
import signal
import time

import pytest

from tests.commands import wait_until
from tests.faults.fault_tools import (
    MATRIX,
    SECONDS_TO_DIE,
    TWO_JOBS,
    Harm,
    command,
    complete,
    harm_of,
    kill,
    planted,
    records,
    run,
)

pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")

from tests.faults.cluster import Cluster, free_port

pytestmark = pytest.mark.fault("F11")

SECONDS_TO_NOTICE = 60.0
SECONDS_TO_REFUSE = 15.0


def worker_killed(folder, moment, *, has_nannies, seconds):
    """Kill one of two workers within a matrix; return how the command ended."""
    with (
        Cluster(folder.parent, has_nannies=has_nannies) as cluster,
        command(folder, *MATRIX, "--engine", f"dask={cluster.address}") as started,
    ):
        wait_until(lambda: started.is_over() or cluster.model_runs())
        time.sleep(moment.uniform(0.0, seconds / 3))
        victim = parent_of(cluster.model_runs()[0]) if cluster.model_runs() else 0
        if victim:
            os.kill(victim, signal.SIGKILL)
        status, _, errors = started.end()
        assert started.processes() == []
        wait_until(lambda: not cluster.model_runs(), seconds=SECONDS_TO_DIE)
    assert victim, errors
    return status, errors


def parent_of(process):
    with open(f"/proc/{process}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


@pytest.mark.parametrize("has_nannies", [False, True], ids=["no nanny", "nanny"])
def test_worker_killed_loses_nothing(has_nannies, undisturbed, tmp_path, is_full, reached):
    if has_nannies and not is_full:
        pytest.skip("only in full")
    harm, times, moment = Harm(), 10 if is_full else 1, random.Random(5)
    for number in range(times):
        folder = tmp_path / str(number) / "results"
        folder.parent.mkdir()
        status, errors = worker_killed(
            folder, moment, has_nannies=has_nannies, seconds=undisturbed.seconds
        )
        assert status == 0, errors
        harm += harm_of(folder, undisturbed)
    harm.report(reached, injected=times, text="worker killed: all rows equal")


def scheduler_killed(folder, **options):
    """Kill the scheduler after the first record; return status, errors and seconds to the end."""
    with Cluster(folder.parent) as cluster:
        engine = ("--engine", f"dask={cluster.address}")
        with command(folder, *MATRIX, *engine, **options) as started:
            wait_until(lambda: started.is_over() or records(folder))
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


def test_scheduler_killed_is_one_line_and_the_local_engine_goes_on(undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    ended = scheduler_killed(folder)
    assert_told(*ended)
    kept = records(folder)
    text = f"scheduler killed: one line, exit {ended[0]} after {ended[2]:.0f} s"
    complete(folder, *MATRIX, *TWO_JOBS)
    harm_of(folder, undisturbed, kept=kept).report(reached, text=f"{text}, then resumed")


@pytest.mark.fault("F11", is_twin=True)
def test_engine_that_does_not_expect_to_lose_its_scheduler_is_found(tmp_path):
    code = """
from bench.execution import dask_engine as cluster

cluster._LOST = ()
"""
    ended = scheduler_killed(tmp_path / "results", before=[planted(tmp_path / "weak", code)])
    with pytest.raises(AssertionError):
        assert_told(*ended)


def test_command_killed_leaves_its_folder_to_the_next(undisturbed, tmp_path, reached):
    """The workers live on; what they still do of it is no hindrance."""
    folder = tmp_path / "results"
    with Cluster(tmp_path) as cluster:
        engine = ("--engine", f"dask={cluster.address}")
        with command(folder, *MATRIX, *engine) as started:
            wait_until(lambda: started.is_over() or records(folder))
            kill(started)
        kept = records(folder)
        complete(folder, *MATRIX, *engine)
    text = "command killed: the next one goes on"
    harm_of(folder, undisturbed, kept=kept).report(reached, text=text)


def test_no_scheduler_is_one_line_and_nothing_written(tmp_path, reached):
    folder = tmp_path / "results"
    began = time.monotonic()
    engine = f"dask=tcp://127.0.0.1:{free_port()}"
    status, output, errors = run(folder, *MATRIX, "--engine", engine)
    seconds = time.monotonic() - began
    reached(text=f"no scheduler: refused after {seconds:.0f} s")
    assert (status, output) == (2, "")
    assert errors.startswith("bench.run: --engine: no scheduler answers")
    assert len(errors.splitlines()) == 1
    assert seconds < SECONDS_TO_REFUSE
    assert list(tmp_path.iterdir()) == []
