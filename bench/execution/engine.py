"""Child processes: each carries out one order, and takes nothing with it when it dies.

A child holds the lock of its order in the results folder, has a time limit, and is ended with
everything that it started. Here children run on this machine, in `dask_engine` on the workers of
Dask. Imports no torch.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from bench.execution.progress import open_log
from results.errors import ResultsError
from results.store.files import locked
from tasks.import_path import resolve

_WORKER_MAIN = Path(__file__).with_name("worker_main.py")
_CHILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc returns large blocks to the system at every free and faults them in again at every
    # allocation; keeping them saves up to half of a step of length 200.
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "PYTHONUNBUFFERED": "1",
    # Sets of names are walked in the same order in every process: a model may be built by one.
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True)
class ChildOrder:
    """The work of one child process."""

    name: str  # Of the lock and of the log, so that no two orders share them.
    module: str  # Its `main` reads the message, as JSON, from standard input.
    message: Any
    out: str  # Results folder.
    time_limit_seconds: float
    is_needed: str | None = None  # Path of a function of the message, asked under the lock.


OnEvent = Callable[[ChildOrder, dict[str, Any]], None]


@dataclass(frozen=True)
class ChildEnd:
    """How an order ended."""

    order: ChildOrder
    exit_code: int | None  # Negative for a signal; None without a child.
    is_timed_out: bool = False
    is_elsewhere: bool = False  # Another runner holds its lock.


@runtime_checkable
class Engine(Protocol):
    """Carries out orders."""

    def execute(self, orders: Sequence[ChildOrder], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Start orders in this order, and yield how each ended, as they end.

        Args:
            on_event: Called with each event of a child, from any thread.

        Raises:
            ResultsError: The results folder, or what carries the orders out, is gone.
        """
        ...

    def stop(self) -> None:
        """Kill the children with everything that they started, and start no more."""
        ...


class LocalEngine:
    """Carries out orders on this machine, `jobs` at a time."""

    def __init__(self, *, jobs: int) -> None:
        # Threads: in a pool of processes, one that is killed takes all that is pending with it.
        self._pool = ThreadPoolExecutor(max_workers=jobs)
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._is_stopping = False

    def execute(self, orders: Sequence[ChildOrder], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end; see `Engine`."""
        carry_out: Callable[..., ChildEnd | None] = self.carry_out
        futures = [self._pool.submit(carry_out, order, on_event=on_event) for order in orders]
        for future in as_completed(futures):
            if (end := future.result()) is not None:
                yield end

    def stop(self) -> None:
        """Kill the children with everything that they started, and start no more."""
        with self._lock:
            self._is_stopping = True
            for child in self._running:
                end_with_descendants(child)
        self._pool.shutdown(wait=True)

    def carry_out(self, order: ChildOrder, *, on_event: OnEvent) -> ChildEnd | None:
        """Run the child of an order to its end, in this thread; None if `stop` came first."""
        if self._is_stopping:
            return None
        with locked(Path(order.out), order.name) as is_held:
            if not is_held:
                return ChildEnd(order, None, is_elsewhere=True)
            # The last holder of the lock may have left nothing to do.
            if order.is_needed is not None and not resolve(order.is_needed)(order.message):
                return ChildEnd(order, None)
            with open_log(Path(order.out), f"{order.name}.log") as log:
                return self._run_child(order, log, on_event)

    def _run_child(
        self, order: ChildOrder, log: TextIOWrapper, on_event: OnEvent
    ) -> ChildEnd | None:
        with self._lock:
            if self._is_stopping:
                return None
            child = start_child(order.module, log)
            self._running.add(child)
        try:
            with ended_after(child, order.time_limit_seconds) as timed_out:
                on_event(order, {"begun": child.pid})
                for event in converse(child, order.message):
                    on_event(order, event)
                exit_code = child.wait()
        finally:
            with self._lock:
                self._running.discard(child)
        return None if self._is_stopping else ChildEnd(order, exit_code, timed_out.is_set())


def child_events(module: str, message: Any, *, out: Path) -> Iterator[dict[str, Any]]:
    """Run one child to its end, while nothing else runs, and yield its events.

    Raises:
        ResultsError: The child fails; the message names its log.
    """
    with open_log(out, f"{module}.log") as log, start_child(module, log) as child:
        try:
            yield from converse(child, message)
            exit_code = child.wait()
        finally:
            end_with_descendants(child)
    if exit_code != 0:
        raise ResultsError(f"{module} ended with exit status {exit_code}; see {log.name}")


def start_child(module: str, log: TextIOWrapper | int) -> "subprocess.Popen[str]":
    """Start a child process that executes the `main` of a module; `log` takes what it prints."""
    # By its path, and with this process's own: whatever lies in the folder of the command, a child
    # imports the suite, and a user's modules, from where its parent does.
    path = json.dumps([each or os.getcwd() for each in sys.path])
    # Events have a pipe of their own. Into standard output anything may be printed, by a model or
    # as Python starts.
    events, events_of_child = os.pipe()
    try:
        child = subprocess.Popen(
            [
                *(sys.executable, "-P", str(_WORKER_MAIN)),
                *(module, str(os.getpid()), str(events_of_child), path),
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            text=True,
            env=os.environ | _CHILD_ENVIRONMENT,
            pass_fds=(events_of_child,),
            start_new_session=True,  # Ctrl-C reaches the command alone, which ends its children.
        )
    except BaseException:
        os.close(events)
        raise
    finally:
        os.close(events_of_child)
    child.stdout = os.fdopen(events, encoding="utf-8")
    return child


def converse(child: "subprocess.Popen[str]", message: Any) -> Iterator[dict[str, Any]]:
    """Send a child its order and yield its events until it closes its output."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with child.stdin as standard_input:
            standard_input.write(f"{json.dumps(message)}\n")
    except BrokenPipeError:
        return  # It died at once; its exit code says how.
    with child.stdout as events:
        for line in events:
            yield json.loads(line)


@contextmanager
def ended_after(child: "subprocess.Popen[str]", seconds: float) -> Iterator[threading.Event]:
    """End a child, with all it started, after a time or with the block; say if it was late."""
    is_late = threading.Event()

    def end_late_child() -> None:
        is_late.set()
        end_with_descendants(child)

    timer = threading.Timer(seconds, end_late_child)
    timer.start()
    with child:
        try:
            yield is_late
        finally:
            timer.cancel()
            end_with_descendants(child)


def end_with_descendants(child: "subprocess.Popen[str]") -> None:
    """Kill a child and what it started, even what has left its process group."""
    if child.poll() is None:  # Afterwards its number may be another's.
        end_descendants(child.pid)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child.pid, signal.SIGKILL)
    # It leads its group, in which a descendant may be whose parent has ended before.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def end_descendants(process: int) -> None:
    """Kill what a process has started, and what that has."""
    for each in _descendants(process):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)


def _descendants(process: int) -> list[int]:
    """Find what a process has started, and what that has; only Linux lists it.

    A child adopts what its own children leave behind (`worker_main`).
    """
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # The thread has ended.
            for each in map(int, path.read_text(encoding="ascii").split()):
                found += [each, *_descendants(each)]
    return found


def exit_in_words(code: int) -> str:
    """Say how a process ended; a negative code is that of a signal."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # A real-time signal has no name.
        return f"killed by signal {-code}"
