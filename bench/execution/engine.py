"""Where orders are carried out: on this machine here, on the workers of Dask in `dask_engine`.

Both submit `bench.execution.worker.Children.carry_out` to a `concurrent.futures` executor. The pool
has threads: in a pool of processes, one that is killed takes all that is pending with it.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Protocol, runtime_checkable

from bench.execution.worker import ChildEnd, ChildOrder, Children, OnEvent


@runtime_checkable
class Engine(Protocol):
    """Carries out orders."""

    def execute(self, orders: Sequence[ChildOrder], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end; nothing for one that `stop` has ended.

        Args:
            orders: The orders, in the order in which they are started.
            on_event: Called with each event of a child, from any thread.

        Raises:
            ResultsError: The results folder, or what carries the orders out, is gone.
        """
        ...

    def stop(self) -> None:
        """Kill the children with everything that they started, and start no more.

        It may be called again.
        """
        ...


class LocalEngine:
    """Carries out orders on this machine, `jobs` at a time."""

    def __init__(self, *, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=jobs)
        self._children = Children()

    def execute(self, orders: Sequence[ChildOrder], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end; see `Engine`."""
        carry_out: Callable[..., ChildEnd | None] = self._children.carry_out
        futures = [self._pool.submit(carry_out, order, on_event=on_event) for order in orders]
        for future in as_completed(futures):
            if (end := future.result()) is not None:
                yield end

    def stop(self) -> None:
        """Kill the children with everything that they started, and start no more."""
        self._children.stop()
        self._pool.shutdown(wait=True)
