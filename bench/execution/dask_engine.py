"""Model runs on the workers of a Dask cluster, each in a child process of its worker.

The workers and this command share the results folder; records, checkpoints and locks are files in
it. Imports Dask, which `pip install .[cluster]` brings, and no torch.
"""

import logging
import platform
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.metadata import version
from multiprocessing import resource_tracker
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from distributed import Client, KilledWorker, LocalCluster, get_worker
from distributed.comm.core import CommClosedError

from bench.execution.engine import ends_of
from bench.execution.worker import ChildEnd, Children, OnEvent, Order
from bench.plan.recipe import EVALUATOR_VERSION, RECIPE_VERSION
from results.command_line import UsageError
from results.errors import ResultsError
from results.schema.rows import SCHEMA_VERSION
from tasks import SAMPLER_VERSION

CONNECT_SECONDS = 5.0
GPU = "GPU"
_STOP_SECONDS = 3.0
_LOST = (CancelledError, CommClosedError, TimeoutError, OSError)

# The children of each engine that this worker carries out orders for, by the engine's token.
_children: dict[str, Children] = {}


class DaskEngine:
    """Carries out orders on a Dask cluster.

    Args:
        scheduler: Address of the scheduler; None for a cluster on this machine, which listens on
            the loopback interface alone.
        jobs: Workers of a cluster on this machine.
        device: `cpu`, or `cuda`, of which each order takes one `GPU` among a worker's resources.
        out: Results folder.

    Raises:
        UsageError: No scheduler answers, or no worker can serve the request.
    """

    def __init__(self, scheduler: str | None, *, jobs: int, device: str, out: Path) -> None:
        self._out = out.resolve()
        self._token = uuid.uuid4().hex
        self._resources = {GPU: 1} if device == "cuda" else {}
        self._orders: dict[str, Order] = {}
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

    def execute(self, orders: Sequence[Order], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end; see `bench.execution.engine.Engine`."""
        self._require_folder()
        if not self._orders:
            self._client.subscribe_topic(self._token, lambda event: self._events.put(event[1]))
            threading.Thread(target=self._listen, args=(on_event,), daemon=True).start()
        self._orders |= {order.name: order for order in orders}
        executor = self._client.get_executor(pure=False, resources=self._resources)
        carry_out = _CarryOut(self._token)
        yield from ends_of(executor, carry_out, orders, end_of_lost=self._end_of_lost)

    def stop(self) -> None:
        """Kill the children on all workers with everything that they started; leave the cluster."""
        if self._is_stopped:
            return
        self._is_stopped = True
        stopping = threading.Thread(target=self._stop_children, daemon=True)
        stopping.start()
        stopping.join(_STOP_SECONDS)
        for each in (self._client, self._cluster):
            if each is not None:
                with suppress(*_LOST):
                    each.close(timeout=_STOP_SECONDS)
        self._events.put(None)

    def _stop_children(self) -> None:
        # Workers that do not answer are gone, and their children with them.
        with suppress(*_LOST):
            self._client.run(_stop_children, self._token, on_error="ignore")

    def _listen(self, on_event: OnEvent) -> None:
        """Pass events on, outside of the thread that talks to the cluster."""
        while (event := self._events.get()) is not None:
            try:
                on_event(self._orders[event["order"]], event["event"])
            except ResultsError:
                return  # The results folder is gone: whoever waits for the orders will find out.

    def _end_of_lost(self, order: Order, error: BaseException) -> ChildEnd:
        """Return how an order ended whose worker died again and again."""
        if isinstance(error, KilledWorker):
            return ChildEnd(order, -signal.SIGKILL)
        if isinstance(error, _LOST):
            raise ResultsError(
                f"the scheduler at {self._address} is lost; everything finished is kept, and the "
                "same command goes on"
            ) from None
        raise error

    def _require_workers(self) -> None:
        """Refuse a cluster that has no worker for the orders.

        Raises:
            UsageError: There is none in time, or none with a GPU where that is needed.
        """
        with suppress(TimeoutError):
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise UsageError(f"--engine: no worker has joined the scheduler at {self._address}")
        if self._resources and not any(
            worker["resources"].get(GPU, 0) >= 1 for worker in workers.values()
        ):
            raise UsageError(
                f"--engine: no worker at {self._address} offers the resource {GPU}; start them "
                f"with: dask worker --resources {GPU}=1"
            )
        here = _versions()
        for worker, there in self._asked(_versions).items():
            differing = [name for name, value in here.items() if there.get(name) != value]
            if differing:
                name = differing[0]
                raise UsageError(
                    f"--engine: worker {worker} has {name} {there.get(name)}, here it is "
                    f"{here[name]}"
                )

    def _require_folder(self) -> None:
        """Refuse workers that do not see the results folder.

        Raises:
            ResultsError: A worker does not see the plan.
        """
        for worker, is_seen in self._asked(_sees_folder, str(self._out)).items():
            if not is_seen:
                raise ResultsError(
                    f"worker {worker} does not see {self._out}; --out must be a folder that all "
                    "workers share"
                )

    def _asked(self, question: Callable[..., Any], *arguments: str) -> dict[str, Any]:
        """Return the answer of each worker."""
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


def _local_cluster(jobs: int, resources: Mapping[str, int]) -> LocalCluster:
    with _deaf_to_interrupts():
        return LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=None,  # What a model run may take is no business of the worker beside it.
            resources=dict(resources),
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let threads and processes begin that never see Ctrl-C; here it is heard afterwards.

    A terminal sends it to all of a command's processes, and this one alone ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # Whoever starts it is no longer deaf.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _connect(target: str | LocalCluster | None) -> Client:
    for name in ("distributed", "distributed.client"):  # The latter has a level of its own.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return Client(target, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise UsageError(
            f"--engine: no scheduler answers at {target} within {CONNECT_SECONDS:.0f} seconds"
        ) from None


class _CarryOut:
    """What a worker is given to do; pickled by its name."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, order: Order) -> ChildEnd | None:
        worker = get_worker()

        def on_event(order: Order, event: dict[str, Any]) -> None:
            worker.log_event(self._token, {"order": order.name, "event": event})

        children = _children.setdefault(self._token, Children())
        return children.carry_out(order, on_event=on_event)


def _stop_children(token: str) -> None:
    _children.setdefault(token, Children()).stop()


def _sees_folder(out: str) -> bool:
    return (Path(out) / "plan.json").is_file()


def _versions() -> dict[str, str]:
    """Return what must be the same everywhere, or numbers would differ."""
    return {
        "torch": version("torch"),
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "recipe version": str(RECIPE_VERSION),
        "evaluator version": str(EVALUATOR_VERSION),
        "sampler version": str(SAMPLER_VERSION),
        "schema version": str(SCHEMA_VERSION),
    }
