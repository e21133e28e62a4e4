"""F2: model runs that are killed, crash, or end without a word; every run has its one row."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from tests.commands import SMALL, accuracy_rows
from tests.faults.fault_tools import (
    MATRIX,
    TWO_JOBS,
    command,
    harm_of,
    log_lines,
    planted,
    run,
)

pytestmark = pytest.mark.fault("F2")

DEATHS = {
    "tests.plugins.broken:Killed": ("killed", 2, "killed by SIGKILL"),
    "tests.plugins.faulty:Crashing": ("killed", 2, "killed by SIGSEGV"),
    "tests.plugins.faulty:Aborting": ("killed", 2, "killed by SIGABRT"),
    "tests.plugins.faulty:Vanishing": ("failed", 1, "exit status 0 without a record"),
}


def assert_one_row_each(folder, deaths):
    """A row says how each model died, what it had finished stands, and the others are done."""
    rows = {(row.model, row.length): row for row in accuracy_rows(folder)}
    assert len(rows) == 2 * (len(deaths) + 1)
    assert [rows["rnn", length].status for length in (2, 4)] == ["ok", "ok"]
    for model, (status, attempts, error) in deaths.items():
        row = rows[model, 4]
        assert (row.status, row.attempts) == (status, attempts)
        assert row.error.startswith(error)


def test_model_that_dies_leaves_one_row_and_stops_no_other(tmp_path, reached):
    folder = tmp_path / "results"
    models = ("--models", ",".join((*DEATHS, "rnn")))
    status, _, errors = run(folder, *SMALL, *models, *TWO_JOBS)
    assert status == 1, errors
    begun = sum("begun as" in line for line in log_lines(folder))
    deaths = sum(attempts for _, attempts, _ in DEATHS.values())
    reached(injected=deaths, text="one row each, at most retries + 1 attempts, the others done")
    assert_one_row_each(folder, DEATHS)
    assert begun == deaths + 1


@pytest.mark.fault("F2", is_twin=True)
def test_runner_that_leaves_no_row_is_found(tmp_path):
    code = """
from bench.execution.runner import Runner

Runner._record_child_end = lambda *arguments: None
"""
    folder, (model, *_) = tmp_path / "results", DEATHS
    run(folder, *SMALL, "--models", f"{model},rnn", before=[planted(tmp_path / "weak", code)])
    with pytest.raises((AssertionError, KeyError)):
        assert_one_row_each(folder, {model: DEATHS[model]})


def test_runs_killed_from_outside_end_with_the_same_numbers(
    undisturbed, tmp_path, is_full, reached
):
    """The system takes whom it likes; each run is tried again, and goes on where it was."""
    wanted, moment, folder = 20 if is_full else 2, random.Random(3), tmp_path / "results"
    killed = []
    with command(folder, *MATRIX, "--jobs", "1", "--retries", "100") as started:
        while len(killed) < wanted and not started.is_over():
            for child in set(started.children()) - set(killed):
                time.sleep(moment.uniform(0.0, undisturbed.seconds / 5))
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                    killed.append(child)
        status, _, errors = started.end()
    assert status == 0, errors
    attempts = sum("begun as" in line for line in log_lines(folder))
    harm = harm_of(folder, undisturbed, attempts=False)
    harm.report(reached, injected=len(killed), text="tried again to the same numbers")
    assert attempts <= len(killed) + 3
