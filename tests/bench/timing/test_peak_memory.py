"""The memory of a piece of work, and what is said when there is not enough of it."""

import os
import signal
import sys

import pytest
import torch

from bench.timing.peak_memory import peak_memory
from tests.models.attention.checks import obvious_scores, uniform

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")

MEBIBYTES = 2**20


def peak_of(work, *, rehearsal=lambda: None):
    return peak_memory(work, rehearsal=rehearsal, device="cpu")


def fill(size):
    return torch.ones(size, dtype=torch.uint8)


@pytest.mark.parametrize("size", [50 * MEBIBYTES, 200 * MEBIBYTES])
def test_peak_is_the_most_that_is_held_at_a_time(size):
    def work():
        fill(size // 2)
        kept = fill(size // 2)
        fill(size // 2)
        del kept
        fill(size // 4)

    peak = peak_of(work, rehearsal=lambda: fill(1))
    assert peak.failure is None
    assert peak.reserved_bytes is None
    # Code that is loaded only now counts, too.
    assert peak.peak_bytes == pytest.approx(size, abs=5 * MEBIBYTES)


def test_rehearsal_is_not_counted_but_what_this_process_holds_is_not_either():
    held = fill(100 * MEBIBYTES)
    peak = peak_of(lambda: fill(10 * MEBIBYTES), rehearsal=lambda: fill(10 * MEBIBYTES))
    assert peak.peak_bytes < 15 * MEBIBYTES
    assert held.all()


def test_memory_that_is_free_already_is_counted_when_it_is_used():
    """Small blocks, which the allocator keeps when they are freed."""
    blocks = [fill(100_000) for _ in range(500)]
    last = fill(100_000)
    del blocks
    peak = peak_of(lambda: [fill(100_000) for _ in range(500)], rehearsal=lambda: fill(1))
    assert peak.peak_bytes == pytest.approx(500 * 100_000, abs=5 * MEBIBYTES)
    assert last.all()


def test_tensor_of_four_axes_is_seen():
    query, key, v = uniform(4, 100, 64), uniform(4, 100, 64), uniform(64)
    peak = peak_of(
        lambda: obvious_scores(query, key, v),
        rehearsal=lambda: obvious_scores(query[:1, :1], key[:1, :1], v),
    )
    assert peak.peak_bytes >= 4 * 4 * 100 * 100 * 64


def test_too_much_memory_is_said():
    status, error = peak_of(lambda: torch.empty(2**60)).failure
    assert status == "out_of_memory"
    assert "RuntimeError" in error


def test_killed_fork_counts_as_out_of_memory_and_takes_nothing_with_it():
    status, _ = peak_of(lambda: os.kill(os.getpid(), signal.SIGKILL)).failure
    assert status == "out_of_memory"
    assert peak_of(lambda: None).failure is None


def test_other_ends_are_failures():
    def fail():
        raise ValueError("no such\nluck")

    assert peak_of(fail).failure == ("failed", "ValueError: no such")
    assert peak_of(lambda: os._exit(3)).failure == ("failed", "ended without a word")
    assert peak_of(lambda: None, rehearsal=fail).failure[0] == "failed"


def test_fork_leaves_no_trace():
    seen = []
    assert peak_of(lambda: seen.append(1)).failure is None
    assert seen == []
