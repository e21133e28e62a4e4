"""F9: Ctrl-C once and twice, SIGTERM: soon over, with whole CSVs and nothing left running."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from results.store.csv_files import ACCURACY
from tests import ROOT
from tests.commands import Command, wait_until
from tests.faults.fault_tools import (
    ONE_RUN,
    SECONDS_TO_DIE,
    TWO_JOBS,
    TWO_RUNS,
    complete,
    harm_of,
    planted,
    records,
    rows_of,
)

pytestmark = pytest.mark.fault("F9")

STOPPED = "Stopped. Everything finished is kept in {}; the same command goes on from there."
SIGNALS = {
    "Ctrl-C": ([signal.SIGINT], 130),
    "Ctrl-C twice": ([signal.SIGINT, signal.SIGINT], 130),
    "SIGTERM": ([signal.SIGTERM], 143),
    "SIGUSR1": ([signal.SIGUSR1], 138),
}


def assert_ends_well(folder, numbers, status, *arguments, after=ACCURACY, **options):
    """Send signals to a command, to its group if it leads one; return the seconds to its end."""
    with Command(folder, *TWO_RUNS, *TWO_JOBS, *arguments, **options) as started:
        wait_until(lambda: started.is_over() or (folder / after).exists())
        assert not started.is_over()
        send = os.killpg if "leads_group" in options else os.kill
        began = time.monotonic()
        for number in numbers:
            send(started.process.pid, number)
            time.sleep(0.05)
        code, _, errors = started.end()
        seconds = time.monotonic() - began
        assert started.processes() == []
    assert (128 - code if code < 0 else code) == status
    assert seconds < SECONDS_TO_DIE
    assert "Traceback" not in errors
    assert len(numbers) > 1 or errors.splitlines()[-1:] == [STOPPED.format(folder)]
    assert list((folder / "failures").glob("*")) == []
    if after == ACCURACY:
        assert {row.status for row in rows_of(folder)} == {"ok"}
    return seconds


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_ends_it_soon_and_well(name, undisturbed, folder, is_full, reached):
    numbers, status = SIGNALS[name]
    seconds = assert_ends_well(folder, numbers, status)
    text = f"{name}: exit {status} after {seconds:.1f} s"
    if is_full or len(numbers) > 1:
        kept = records(folder)
        complete(folder, *TWO_RUNS, *TWO_JOBS)
        harm = harm_of(folder, undisturbed, of=TWO_RUNS, kept=kept)
        harm.report(reached, injected=len(numbers), text=f"{text}, resumed")
    else:
        reached(injected=len(numbers), text=text)


def test_interrupt_from_a_terminal_ends_dask_too(folder, reached):
    """A terminal sends it to every process of the command."""
    pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")
    dask = ("--engine", "dask")
    seconds = assert_ends_well(folder, [signal.SIGINT], 130, *dask, leads_group=True)
    reached(text=f"Ctrl-C with workers of Dask: exit 130 after {seconds:.1f} s")


def test_interrupt_before_anything_is_trained_is_told_too(folder, reached):
    assert_ends_well(folder, [signal.SIGINT], 130, after="plan.json")
    reached(text="at once: exit 130")


def test_closed_terminal_ends_it_too(folder, reached):
    """It can show nothing any more, neither the bar nor the last line."""
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "bench.run", "--out", str(folder), *TWO_RUNS, *TWO_JOBS]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), end)
    started = subprocess.Popen(["setsid", "--ctty", *command], cwd=ROOT, **streams)
    os.close(end)
    os.set_blocking(terminal, False)

    def has_record():
        with suppress(BlockingIOError):  # A terminal that is not read from holds its writer up.
            os.read(terminal, 1000)
        return (folder / ACCURACY).exists()

    wait_until(has_record)
    os.close(terminal)
    assert started.wait(timeout=SECONDS_TO_DIE) == 129
    reached(text="a closed terminal: exit 129")
    assert {row.status for row in rows_of(folder)} == {"ok"}


@pytest.mark.fault("F9", is_twin=True)
def test_command_that_leaves_its_signals_to_python_is_found(folder, tmp_path):
    weak = planted(tmp_path, "import signal; signal.signal = lambda *arguments: None")
    with pytest.raises(AssertionError):
        assert_ends_well(folder, [signal.SIGINT], 130, *ONE_RUN, after="plan.json", before=weak)
