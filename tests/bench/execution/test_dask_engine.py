"""Orders on a Dask cluster end as they do here; a cluster that cannot serve them is refused."""

import contextlib
import threading
import time
import uuid

import pytest

from tests.commands import MARK, SMALL, marked_processes, rows_by_length, wait_until, without_times

pytest.importorskip("distributed", reason="Dask comes with the extra cluster")

import psutil
from distributed import LocalCluster

from bench import run
from bench.execution import dask_engine
from bench.execution.dask_engine import DaskEngine
from bench.execution.engine import ChildOrder
from results.command_line import UsageError
from results.errors import ResultsError


def cluster_of(workers):
    """A scheduler with some workers, all of them in this process."""
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=2,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address="127.0.0.1:0",
        memory_limit=None,
    )


@pytest.fixture(scope="module")
def scheduler():
    with cluster_of(1) as started:
        yield started.scheduler_address


def command(folder, *arguments, scheduler):
    where = ["--out", str(folder), "--engine", f"dask={scheduler}"]
    return run.main([*SMALL, *where, *arguments])


def opened(scheduler, folder, *, device="cpu"):
    return DaskEngine(scheduler, jobs=1, device=device, out=folder)


def test_rows_are_those_of_the_local_engine(scheduler, finished, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "none")
    folder = tmp_path / "results"
    assert command(folder, "--models", "rnn", scheduler=scheduler) == 0
    found, expected = (rows_by_length(each, "rnn").values() for each in (folder, finished))
    assert without_times(found) == without_times(expected)
    log = (folder / "logs" / "run.log").read_text(encoding="utf-8")
    assert log.count("trained to 4, tested at 4") == 1


def test_cluster_that_cannot_serve_is_refused(scheduler, tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match="offers the resource GPU; start them with: dask worker"):
        opened(scheduler, tmp_path, device="cuda")
    engine = opened(scheduler, tmp_path / "elsewhere")
    with pytest.raises(ResultsError, match=r"does not see .*elsewhere; --out must be a folder"):
        list(engine.execute([], on_event=lambda order, event: None))
    engine.stop()
    monkeypatch.setattr(dask_engine, "CONNECT_SECONDS", 1)
    began = time.monotonic()
    assert command(tmp_path / "results", scheduler="tcp://127.0.0.1:1") == 2
    assert time.monotonic() - began < 1 + 3.0
    silent = "bench.run: --engine: no scheduler answers at tcp://127.0.0.1:1 within 1 seconds\n"
    assert capsys.readouterr() == ("", silent)
    assert not (tmp_path / "results").exists()
    with (
        cluster_of(0) as started,
        pytest.raises(UsageError, match="--engine: no worker has joined the scheduler at tcp"),
    ):
        opened(started.scheduler_address, tmp_path)


def test_worker_with_another_version_is_refused(scheduler, tmp_path, monkeypatch):
    here = dask_engine._versions
    monkeypatch.setattr(dask_engine, "_versions", lambda: here() | {"torch": "1.0"})
    # The function that goes to the worker is taken by its name there, and so is the patched one.
    monkeypatch.setattr(
        DaskEngine, "_ask", lambda self, question, *arguments: {"tcp://there:1": here()}
    )
    with pytest.raises(UsageError, match=r"worker tcp://there:1 has torch 2.*, here it is 1\.0"):
        opened(scheduler, tmp_path)


def test_stop_ends_the_children_on_the_workers(scheduler, tmp_path, monkeypatch):
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "hanging_child.py").write_text(
        "import time\ndef main(events):\n    time.sleep(60)\n", encoding="utf-8"
    )
    (tmp_path / "plan.json").touch()
    engine = opened(scheduler, tmp_path)
    order = ChildOrder("hangs", "hanging_child", {}, out=str(tmp_path), time_limit_seconds=60.0)
    ends = engine.execute([order], on_event=lambda order, event: None)

    def wait_for_its_end():
        with contextlib.suppress(ResultsError):  # Its engine is stopped.
            next(ends, None)

    threading.Thread(target=wait_for_its_end, daemon=True).start()
    wait_until(lambda: marked_processes(mark), seconds=30)
    began = time.monotonic()
    engine.stop()
    wait_until(lambda: not marked_processes(mark), seconds=5)
    assert time.monotonic() - began < 5.0


def listening():
    """Return the addresses at which this process listens."""
    connections = psutil.Process().net_connections()
    return {each.laddr for each in connections if each.status == psutil.CONN_LISTEN}


def test_cluster_on_this_machine_listens_to_this_machine_alone(tmp_path):
    before = listening()
    engine = opened(None, tmp_path)
    try:
        opened_addresses = listening() - before
    finally:
        engine.stop()
    assert {address.ip for address in opened_addresses} == {"127.0.0.1"}
