"""Model runs on the workers of a Dask cluster, each in a child process of its worker.

The workers and this command share the results folder; records, checkpoints and locks are files in
it. Imports Dask, which `pip install .[cluster]` brings, and no torch.
"""

import logging
import platform
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, as_completed
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from distributed import Client, KilledWorker, LocalCluster, get_worker
from distributed.comm.core import CommClosedError

from bench.execution.engine import ChildEnd, ChildOrder, LocalEngine, OnEvent
from bench.plan.recipe import EVALUATOR_VERSION, RECIPE_VERSION
from results.command_line import UsageError
from results.errors import ResultsError
from results.schema.rows import SCHEMA_VERSION
from tasks import SAMPLER_VERSION

CONNECT_SECONDS = 5.0
GPU = "GPU"
_STOP_SECONDS = 3.0
_LOST = (CancelledError, CommClosedError, TimeoutError, OSError)

# Of a worker: what carries out the orders of each command, by the token of its engine.
_engines: dict[str, LocalEngine] = {}


class DaskEngine:
    """Carries out orders on a Dask cluster.

    Args:
        scheduler: Address of the scheduler; None for workers in this process.
        jobs: Workers in this process.
        device: On `cuda` each order takes one `GPU` of a worker's resources.
        out: Results folder.

    Raises:
        UsageError: No scheduler answers, or no worker can serve the request.
    """

    def __init__(self, scheduler: str | None, *, jobs: int, device: str, out: Path) -> None:
        self._out = out.resolve()
        self._token = uuid.uuid4().hex
        self._resources = {GPU: 1} if device == "cuda" else {}
        self._orders: dict[str, ChildOrder] = {}
        self._events: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._is_stopped = False
        self._address = scheduler or "this machine"
        self._cluster = None if scheduler else _local_cluster(jobs, self._resources)
        self._client = _connect(scheduler or self._cluster)
        try:
            self._require_workers()
        except BaseException:
            self.stop()
            raise

    def execute(self, orders: Sequence[ChildOrder], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end; see `bench.execution.engine.Engine`."""
        self._require_folder()
        if not self._orders:
            self._client.subscribe_topic(self._token, lambda event: self._events.put(event[1]))
            threading.Thread(target=self._listen, args=(on_event,), daemon=True).start()
        self._orders |= {order.name: order for order in orders}
        # Its futures outlive a killed worker; plain `Client.submit` runs innocent orders again.
        executor = self._client.get_executor(pure=False, resources=self._resources)
        futures = {executor.submit(_CarryOut(self._token), order): order for order in orders}
        for future in as_completed(futures):
            try:
                end = future.result()
            except KilledWorker:  # Its worker died again and again.
                end = ChildEnd(futures[future], -signal.SIGKILL)
            except _LOST:
                kept = "everything finished is kept, and the same command goes on"
                raise ResultsError(f"the scheduler at {self._address} is lost; {kept}") from None
            if end is not None:
                yield end

    def stop(self) -> None:
        """Kill the children on all workers with everything that they started; leave the cluster."""
        if self._is_stopped:
            return
        self._is_stopped = True
        stopping = threading.Thread(target=self._stop_children, daemon=True)
        stopping.start()
        stopping.join(_STOP_SECONDS)  # Workers that do not answer are gone, with their children.
        for each in (self._client, self._cluster):
            if each is not None:
                with suppress(*_LOST):
                    each.close(timeout=_STOP_SECONDS)
        self._events.put(None)

    def _stop_children(self) -> None:
        with suppress(*_LOST):
            self._client.run(_stop_children, self._token, on_error="ignore")

    def _listen(self, on_event: OnEvent) -> None:
        """Pass events on, outside of the thread that talks to the cluster."""
        while (event := self._events.get()) is not None:
            try:
                on_event(self._orders[event["order"]], event["event"])
            except ResultsError:
                return  # The results folder is gone; the end of an order will show it.

    def _require_workers(self) -> None:
        """Refuse a cluster that has no worker for the orders, or workers that compute otherwise."""
        with suppress(TimeoutError):
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers:
            raise UsageError(f"--engine: no worker has joined the scheduler at {self._address}")
        # Dask waits for ever for a resource that no worker offers.
        if self._resources and not any(each["resources"].get(GPU, 0) >= 1 for each in workers):
            raise UsageError(
                f"--engine: no worker at {self._address} offers the resource {GPU}; start them "
                f"with: dask worker --resources {GPU}=1"
            )
        here = _versions()
        for worker, there in self._ask(_versions).items():
            for name, value in here.items():
                if there.get(name) != value:
                    differing = f"has {name} {there.get(name)}, here it is {value}"
                    raise UsageError(f"--engine: worker {worker} {differing}")

    def _require_folder(self) -> None:
        """Refuse workers that do not see the results folder."""
        for worker, is_seen in self._ask(_sees_folder, str(self._out)).items():
            if not is_seen:
                raise ResultsError(
                    f"worker {worker} does not see {self._out}; --out must be a folder that all "
                    "workers share"
                )

    def _ask(self, question: Callable[..., Any], *arguments: str) -> dict[str, Any]:
        """Get the answer of each worker."""
        try:
            answers: dict[str, Any] = self._client.run(question, *arguments)
        except _LOST as error:
            raise ResultsError(f"the cluster at {self._address} does not answer: {error}") from None
        except ModuleNotFoundError as error:
            raise UsageError(
                f"--engine: the workers at {self._address} lack {error.name}; install this package "
                "there"
            ) from None
        return answers


def _local_cluster(jobs: int, resources: dict[str, int]) -> LocalCluster:
    """Start workers as threads of this process.

    Each order has a process of its own anyway. Workers with processes of their own would be hit by
    the Ctrl-C of a terminal, which is meant for this command alone.
    """
    return LocalCluster(
        n_workers=jobs,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",  # Without addresses its servers listen to everybody.
        dashboard_address="127.0.0.1:0",
        memory_limit=None,  # Else Dask pauses a worker for what this process takes.
        resources=resources,
        silence_logs=logging.CRITICAL,
    )


def _connect(target: str | LocalCluster | None) -> Client:
    for name in ("distributed", "distributed.client"):  # The latter has a level of its own.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return Client(target, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        within = f"within {CONNECT_SECONDS:.0f} seconds"
        raise UsageError(f"--engine: no scheduler answers at {target} {within}") from None


# What a worker executes. Dask pickles functions and classes by their names.


class _CarryOut:
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, order: ChildOrder) -> ChildEnd | None:
        worker = get_worker()

        def on_event(order: ChildOrder, event: dict[str, Any]) -> None:
            worker.log_event(self._token, {"order": order.name, "event": event})

        return _engine_of(self._token).carry_out(order, on_event=on_event)


def _engine_of(token: str) -> LocalEngine:
    return _engines.setdefault(token, LocalEngine(jobs=1))


def _stop_children(token: str) -> None:
    _engine_of(token).stop()


def _sees_folder(out: str) -> bool:
    return (Path(out) / "plan.json").is_file()


def _versions() -> dict[str, str]:
    """List what must be the same everywhere, or numbers would differ."""
    return {
        "torch": version("torch"),
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "recipe version": str(RECIPE_VERSION),
        "evaluator version": str(EVALUATOR_VERSION),
        "sampler version": str(SAMPLER_VERSION),
        "schema version": str(SCHEMA_VERSION),
    }
