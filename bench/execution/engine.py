"""Where model runs execute: orders are submitted to a `concurrent.futures.Executor`.

The local engine is a pool of threads, each of which runs one child process at a time
(`bench.execution.worker`). `bench.execution.dask_engine` submits the same function to the
workers of Dask.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, ThreadPoolExecutor, as_completed
from functools import partial
from typing import Protocol, runtime_checkable

from bench.execution.worker import ChildEnd, Children, OnEvent, Order


@runtime_checkable
class Engine(Protocol):
    """Carries out orders."""

    def execute(self, orders: Sequence[Order], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end.

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

    def execute(self, orders: Sequence[Order], *, on_event: OnEvent) -> Iterator[ChildEnd]:
        """Yield how each order ended, as they end; see `Engine`."""
        carry_out = partial(self._children.carry_out, on_event=on_event)
        return ends_of(self._pool, carry_out, orders)

    def stop(self) -> None:
        """Kill the children with everything that they started, and start no more."""
        self._children.stop()
        self._pool.shutdown(wait=True)


def ends_of(
    executor: Executor,
    carry_out: Callable[[Order], ChildEnd | None],
    orders: Sequence[Order],
    *,
    end_of_lost: Callable[[Order, BaseException], ChildEnd] | None = None,
) -> Iterator[ChildEnd]:
    """Submit orders, and yield how each ended, as they end; none for those that were stopped.

    Args:
        executor: Where to.
        carry_out: What it calls with each order.
        orders: The orders.
        end_of_lost: Returns how an order ended that the executor has lost, or raises.
    """
    futures = {executor.submit(carry_out, order): order for order in orders}
    for future in as_completed(futures):
        try:
            end = future.result()
        except (Exception, CancelledError) as error:
            if end_of_lost is None:
                raise
            end = end_of_lost(futures[future], error)
        if end is not None:
            yield end
