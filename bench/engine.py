"""Where model runs execute: each in a child process of its own, a few at a time.

The seam is `concurrent.futures.Executor`. The local engine is a pool of threads, each of which
starts one child at a time and reads its events, so a child that dies takes nothing with it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.errors import ResultsError

_CHILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc returns large blocks to the system at every free and faults them in again at every
    # allocation; keeping them saves up to half of a step of length 200.
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Order:
    """The work of one child process.

    Attributes:
        name: Tells orders apart, and names the log.
        module: The module that the child executes.
        message: What it reads from its standard input, as JSON.
        time_limit_seconds: The child is killed when it takes longer.
    """

    name: str
    module: str
    message: Any
    time_limit_seconds: float


OnEvent = Callable[[Order, dict[str, Any]], None]


@dataclass(frozen=True)
class ChildEnd:
    """How the child process of an order ended.

    Attributes:
        order: The order.
        exit_code: 0 when every stage has its records, negative for a signal.
        is_timed_out: Whether the time limit ended it.
    """

    order: Order
    exit_code: int
    is_timed_out: bool


class LocalEngine:
    """Carries out orders on this machine, `jobs` at a time."""

    def __init__(self, *, out: Path, jobs: int) -> None:
        self._out = out
        self._pool = ThreadPoolExecutor(max_workers=jobs)
        self._children: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._is_stopping = False

    def execute(self, orders: Sequence[Order], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each child ended, as they end.

        Args:
            orders: The orders, in the order in which they are started.
            on_event: Called from the threads of the pool with each event of a child.
        """
        futures: list[Future[ChildEnd | None]] = [
            self._pool.submit(self._carry_out, order, on_event) for order in orders
        ]
        for future in as_completed(futures):
            end = future.result()
            if end is not None:
                yield end

    def stop(self) -> None:
        """Kill the children with everything that they started, and start no more."""
        with self._lock:
            self._is_stopping = True
            for child in self._children:
                _kill_group(child)
        self._pool.shutdown(wait=True)

    def _carry_out(self, order: Order, on_event: OnEvent) -> ChildEnd | None:
        if self._is_stopping:
            return None
        with _log_path(self._out, order.name).open("a", encoding="utf-8") as log:
            with self._lock:
                if self._is_stopping:
                    return None
                child = _start_child(order.module, log)
                self._children.add(child)
            timed_out = threading.Event()

            def end_late_child() -> None:
                timed_out.set()
                _kill_group(child)

            timer = threading.Timer(order.time_limit_seconds, end_late_child)
            timer.start()
            try:
                for event in _converse(child, order.message):
                    on_event(order, event)
                exit_code = child.wait()
            finally:
                timer.cancel()
                _kill_group(child)
                with self._lock:
                    self._children.discard(child)
        return None if self._is_stopping else ChildEnd(order, exit_code, timed_out.is_set())


def child_events(module: str, order: Any, *, out: Path) -> Iterator[dict[str, Any]]:
    """Run one child to its end, while nothing else runs, and yield its events.

    Args:
        module: The module that it executes.
        order: What it reads from its standard input, as JSON.
        out: Results folder; the child's standard error goes to its `logs`.

    Raises:
        ResultsError: If the child fails; the message names the log.
    """
    log_path = _log_path(out, module)
    with log_path.open("a", encoding="utf-8") as log:
        child = _start_child(module, log)
        try:
            yield from _converse(child, order)
            exit_code = child.wait()
        finally:
            _kill_group(child)
    if exit_code != 0:
        raise ResultsError(f"{module} ended with exit status {exit_code}; see {log_path}")


def _log_path(out: Path, name: str) -> Path:
    folder = out / "logs"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be made: {error.strerror or error}") from None
    return folder / f"{name}.log"


def _converse(child: "subprocess.Popen[str]", order: Any) -> Iterator[dict[str, Any]]:
    """Send a child its order and yield its events until it closes its output."""
    standard_input, events = child.stdin, child.stdout
    if standard_input is None or events is None:
        raise RuntimeError("a child must be started with pipes")
    try:
        with standard_input:
            standard_input.write(f"{json.dumps(order)}\n")
    except BrokenPipeError:
        return  # It died at once; its exit code says how.
    with events:
        for line in events:
            yield json.loads(line)


def _start_child(module: str, log: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "bench.child", module, str(os.getpid())),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ | _CHILD_ENVIRONMENT,
        start_new_session=True,
    )


def _kill_group(child: "subprocess.Popen[str]") -> None:
    """Kill a child and what it started; it leads its own process group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
