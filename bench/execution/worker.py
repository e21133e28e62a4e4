"""Child processes: each carries out one order, and takes nothing with it when it dies.

A child holds the lock of its order in the results folder, has a time limit, and is ended with
everything that it started. Imports no torch.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from bench.execution.progress import open_log
from results.errors import ResultsError
from results.store.locks import locked
from tasks.import_path import resolve

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
class ChildOrder:
    """The work of one child process.

    Attributes:
        name: Names the lock and the log, so that no two orders share them.
        module: The child executes its `main`.
        message: The child reads it from its standard input, as JSON.
        out: Results folder.
        time_limit_seconds: The child is killed when it takes longer.
        is_needed: Reference to a function of the message, asked once the lock is held.
    """

    name: str
    module: str
    message: Any
    out: str
    time_limit_seconds: float
    is_needed: str | None = None


OnEvent = Callable[[ChildOrder, dict[str, Any]], None]


@dataclass(frozen=True)
class ChildEnd:
    """How an order ended.

    Attributes:
        exit_code: Negative for a signal; None without a child.
        is_timed_out: Whether the time limit ended the child.
        is_elsewhere: Whether there was no child because another runner carries the order out.
    """

    order: ChildOrder
    exit_code: int | None
    is_timed_out: bool = False
    is_elsewhere: bool = False


class Children:
    """The children of one runner in this process."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._is_stopping = False

    def carry_out(self, order: ChildOrder, *, on_event: OnEvent) -> ChildEnd | None:
        """Run the child of an order to its end; None if `stop` came first.

        Raises:
            ResultsError: The results folder is gone or cannot be written.
        """
        if self._is_stopping:
            return None
        with locked(Path(order.out), order.name) as is_held:
            if not is_held:
                return ChildEnd(order, None, is_elsewhere=True)
            # Asked under the lock: its last holder may have left nothing to do.
            if order.is_needed is not None and not resolve(order.is_needed)(order.message):
                return ChildEnd(order, None)
            return self._run_child(order, on_event)

    def stop(self) -> None:
        """Kill the children with everything that they started, and let no more begin."""
        with self._lock:
            self._is_stopping = True
            for child in self._running:
                end_with_descendants(child)

    def _run_child(self, order: ChildOrder, on_event: OnEvent) -> ChildEnd | None:
        with open_log(Path(order.out), f"{order.name}.log") as log:
            with self._lock:
                if self._is_stopping:
                    return None
                child = _start_child(order.module, log)
                self._running.add(child)
            timed_out = threading.Event()

            def end_late_child() -> None:
                timed_out.set()
                end_with_descendants(child)

            timer = threading.Timer(order.time_limit_seconds, end_late_child)
            timer.start()
            with child:
                try:
                    on_event(order, {"begun": child.pid})
                    for event in _converse(child, order.message):
                        on_event(order, event)
                    exit_code = child.wait()
                finally:
                    timer.cancel()
                    end_with_descendants(child)
                    with self._lock:
                        self._running.discard(child)
        return None if self._is_stopping else ChildEnd(order, exit_code, timed_out.is_set())


def child_events(module: str, message: Any, *, out: Path) -> Iterator[dict[str, Any]]:
    """Run one child to its end, while nothing else runs, and yield its events.

    Raises:
        ResultsError: The child fails; the message names its log.
    """
    with open_log(out, f"{module}.log") as log, _start_child(module, log) as child:
        try:
            yield from _converse(child, message)
            exit_code = child.wait()
        finally:
            end_with_descendants(child)
    if exit_code != 0:
        raise ResultsError(f"{module} ended with exit status {exit_code}; see {log.name}")


def end_with_descendants(child: "subprocess.Popen[str]") -> None:
    """Kill a child and what it started, even what has left its process group."""
    if child.poll() is None:  # Afterwards its number may be another's.
        for process in (*_descendants(child.pid), child.pid):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
    # It leads its group, in which a descendant may be whose parent has ended before.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _descendants(process: int) -> list[int]:
    """Find the living processes that a process has started, and those that they have.

    Only Linux lists them. A child adopts what its own children leave behind (`worker_main`).
    """
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # The thread has ended.
            for each in map(int, path.read_text(encoding="ascii").split()):
                found += [each, *_descendants(each)]
    return found


def _converse(child: "subprocess.Popen[str]", message: Any) -> Iterator[dict[str, Any]]:
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


def _start_child(module: str, log: TextIO) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "bench.execution.worker_main", module, str(os.getpid())),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ | _CHILD_ENVIRONMENT,
        start_new_session=True,  # Ctrl-C reaches the command alone, which then ends its children.
    )
