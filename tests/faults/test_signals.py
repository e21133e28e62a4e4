"""F9: Ctrl-C once and twice, SIGTERM: soon over, with whole CSVs and nothing left running."""

import os
import signal
import time

import pytest

from results.store.csv_files import ACCURACY
from tests.commands import wait_until
from tests.faults.fault_tools import (
    MATRIX,
    SECONDS_TO_DIE,
    TWO_JOBS,
    command,
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
}


def shell_status(code):
    """Return the exit status that a shell shows."""
    return 128 - code if code < 0 else code


def interrupted(folder, numbers, *arguments, to_group=False, **options):
    """Send signals to a command that has finished a stage; return status, errors and seconds.

    Args:
        to_group: Whether all of its process group receives them, as from a terminal.
    """
    with command(folder, *MATRIX, *TWO_JOBS, *arguments, **options) as started:
        wait_until(lambda: started.is_over() or (folder / ACCURACY).exists())
        assert not started.is_over()
        began = time.monotonic()
        for number in numbers:
            if to_group:
                os.killpg(started.process.pid, number)
            else:
                started.process.send_signal(number)
            time.sleep(0.05)
        status, _, errors = started.end()
        seconds = time.monotonic() - began
        assert started.processes() == []
    return shell_status(status), errors, seconds


def assert_ended_well(folder, ended, *, status, is_told):
    found, errors, seconds = ended
    assert found == status
    assert seconds < SECONDS_TO_DIE
    assert "Traceback" not in errors
    assert {row.status for row in rows_of(folder)} == {"ok"}
    assert list((folder / "failures").glob("*")) == []
    assert not is_told or errors.splitlines()[-1] == STOPPED.format(folder)


@pytest.mark.parametrize("name", SIGNALS)
def test_signal_ends_it_soon_and_well(name, undisturbed, tmp_path, is_full, reached):
    folder, (numbers, status) = tmp_path / "results", SIGNALS[name]
    ended = interrupted(folder, numbers)
    kept = records(folder)
    assert_ended_well(folder, ended, status=status, is_told=len(numbers) == 1)
    text = f"{name}: exit {status} after {ended[2]:.1f} s"
    if is_full or len(numbers) > 1:
        complete(folder, *MATRIX, *TWO_JOBS)
        harm = harm_of(folder, undisturbed, kept=kept)
        harm.report(reached, injected=len(numbers), text=f"{text}, resumed")
    else:
        reached(injected=len(numbers), text=text)


def test_interrupt_from_a_terminal_ends_the_workers_too(tmp_path, reached):
    """A terminal sends it to every process of the command, the workers of Dask included."""
    pytest.importorskip("distributed", reason="dask is not installed: pip install '.[cluster]'")
    folder = tmp_path / "results"
    ended = interrupted(
        folder, [signal.SIGINT], "--engine", "dask", to_group=True, leads_group=True
    )
    reached(text=f"Ctrl-C with workers of Dask: exit {ended[0]} after {ended[2]:.1f} s")
    assert_ended_well(folder, ended, status=130, is_told=True)


def test_interrupt_before_anything_is_trained_is_told_too(tmp_path, reached):
    folder = tmp_path / "results"
    with command(folder, *MATRIX, *TWO_JOBS) as started:
        wait_until((folder / "plan.json").exists)
        started.process.send_signal(signal.SIGINT)
        status, _, errors = started.end()
    reached(text="at once: exit 130")
    assert shell_status(status) == 130
    assert errors.splitlines()[-1] == STOPPED.format(folder)


@pytest.mark.fault("F9", is_twin=True)
def test_command_that_leaves_its_signals_to_python_is_found(tmp_path):
    code = "import signal; signal.signal = lambda *arguments: None"
    folder = tmp_path / "results"
    ended = interrupted(folder, [signal.SIGINT], before=[planted(tmp_path / "weak", code)])
    with pytest.raises(AssertionError):
        assert_ended_well(folder, ended, status=130, is_told=True)
