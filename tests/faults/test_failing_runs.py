"""F2 to F5: model runs that die, want too much memory, hang or diverge; each is one row."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from reports.figures import main as draw
from tests.commands import SMALL, Command, accuracy_rows, run, wait_until
from tests.faults.fault_tools import (
    ONE_RUN,
    SECONDS_TO_DIE,
    TWO_JOBS,
    harm_of,
    log_texts,
    planted,
)

BROKEN, FAULTY = "tests.plugins.broken:", "tests.plugins.faulty:"


def fail(folder, models, **options):
    """Carry out models of which one at least fails."""
    status, _, errors = run(folder, *SMALL, "--models", ",".join(models), *TWO_JOBS, **options)
    assert status == 1, errors


def starts(folder):
    return sum("begun as" in text for text in log_texts(folder))


def assert_fails_at_length_4(folder, model, status, *, attempts=1, error=""):
    """A row says how a model failed, and what it had finished stands."""
    rows = [row for row in accuracy_rows(folder) if row.model == model]
    assert [(row.length, row.status) for row in rows] == [(2, "ok"), (4, status)], rows[-1].error
    assert rows[1].attempts == attempts
    assert rows[1].error.startswith(error)
    assert rows[1].token_accuracy is None


def assert_is_done(folder, model):
    assert [row.status for row in accuracy_rows(folder) if row.model == model] == ["ok", "ok"]


# F2: deaths.

DEATHS = {
    f"{BROKEN}Killed": ("killed", 2, "killed by SIGKILL"),
    f"{FAULTY}Crashing": ("killed", 2, "killed by SIGSEGV"),
    f"{FAULTY}Aborting": ("killed", 2, "killed by SIGABRT"),
    f"{FAULTY}Vanishing": ("failed", 1, "exit status 0 without a record"),
}


@pytest.mark.fault("F2")
def test_model_that_dies_leaves_one_row_and_stops_no_other(folder, reached):
    fail(folder, (*DEATHS, "rnn"))
    deaths = sum(attempts for _, attempts, _ in DEATHS.values())
    reached(injected=deaths, text="one row each, at most retries + 1 attempts, the others done")
    for model, (status, attempts, error) in DEATHS.items():
        assert_fails_at_length_4(folder, model, status, attempts=attempts, error=error)
    assert_is_done(folder, "rnn")
    assert starts(folder) == deaths + 1


@pytest.mark.fault("F2")
def test_run_killed_from_outside_ends_with_the_same_numbers(undisturbed, folder, is_full, reached):
    """The system takes whom it likes; the run is tried again, and goes on where it was."""
    wanted, moment, killed = 20 if is_full else 2, random.Random(3), []
    with Command(folder, *ONE_RUN, "--retries", "100") as started:
        while len(killed) < wanted and not started.is_over():
            for child in set(started.children()) - set(killed):
                time.sleep(moment.uniform(0.0, undisturbed.seconds / 5))
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                    killed.append(child)
        status, _, errors = started.end()
    assert status == 0, errors
    harm = harm_of(folder, undisturbed, of=ONE_RUN, has_attempts=False)
    harm.report(reached, injected=len(killed), text="tried again to the same numbers")
    assert starts(folder) <= len(killed) + 1


# F3: memory.

PLACES = ("InTorch", "InNumpy", "InPython", "InRecurrence", "InSaving", "ForLittle")
HUNGRY = [f"{FAULTY}Hungry{place}" for place in PLACES]


@pytest.mark.fault("F3")
def test_out_of_memory_is_a_row_and_no_second_attempt(folder, reached):
    fail(folder, HUNGRY)
    reached(injected=len(HUNGRY), text="RLIMIT_AS: each out_of_memory, once")
    for model in HUNGRY:
        assert_fails_at_length_4(folder, model, "out_of_memory")
    assert starts(folder) == len(HUNGRY)


# F4: hangs.

HANGING = [f"{FAULTY}HangingWith{descendant}" for descendant in ("Child", "Session", "Orphan")]


def assert_all_gone_in_time(folder, models, undisturbed, **options):
    """Each model hangs with a descendant; return the seconds after the limit that it took."""
    # From its start to its hanging a run needs a few seconds; more on a busy machine.
    limit = round(1.5 * undisturbed.seconds) + 4
    arguments = ("--models", ",".join(models), "--jobs", str(len(models)))
    with Command(folder, *SMALL, *arguments, "--time-limit", str(limit), **options) as started:
        wait_until(started.children)
        began = time.monotonic()
        # A model run and its descendant each; not to be found later would say nothing else.
        wait_until(lambda: started.is_over() or len(started.children()) >= 2 * len(models))
        assert not started.is_over()
        status, _, errors = started.end()
        late = time.monotonic() - began - limit
        assert status == 1, errors
        wait_until(lambda: not started.processes(), seconds=max(0.1, SECONDS_TO_DIE - late))
    assert late < SECONDS_TO_DIE
    for model in models:
        assert_fails_at_length_4(folder, model, "timed_out")
    return late


@pytest.mark.fault("F4")
def test_hanging_runs_are_gone_soon_after_their_limit(undisturbed, folder, reached):
    late = assert_all_gone_in_time(folder, HANGING, undisturbed)
    places = "no process left of child, session, orphan"
    reached(injected=len(HANGING), text=f"all gone within the limit + {late:.1f} s, {places}")


@pytest.mark.fault("F4", is_twin=True)
def test_end_that_forgets_descendants_is_found(undisturbed, folder, tmp_path, monkeypatch):
    weak = planted(
        tmp_path,
        "from bench.execution import engine\n"
        "engine.end_with_descendants = lambda child: child.kill()",
    )
    monkeypatch.setitem(globals(), "SECONDS_TO_DIE", 2.0)
    with pytest.raises(AssertionError, match="not so after"):
        assert_all_gone_in_time(folder, HANGING[:1], undisturbed, before=weak)


# F5: losses.

DIVERGING = (f"{BROKEN}NotANumber", f"{FAULTY}Infinite")


@pytest.mark.fault("F5")
def test_infinite_loss_is_a_row_and_figures_are_drawn(folder, tmp_path, reached, capsys):
    figures = tmp_path / "figures"
    fail(folder, DIVERGING)
    for model in DIVERGING:
        assert_fails_at_length_4(folder, model, "diverged")
    status = draw(["--results", str(folder), "--out", str(figures)])
    drawn = len(list(figures.glob("*.png")))
    reached(injected=len(DIVERGING), text=f"diverged rows kept, {drawn} figures drawn")
    assert status == 0, capsys.readouterr().err
    assert drawn > 0


# Weaknesses: a runner that writes no row, a failure that is not known for memory, and training
# that goes on with any loss.


def twin(fault, *values):
    return pytest.param(*values, marks=pytest.mark.fault(fault, is_twin=True))


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        twin(
            *("F2", f"{FAULTY}Vanishing", "failed"),
            "from bench.execution.runner import Runner\n"
            "Runner._record_child_end = lambda *arguments: None",
        ),
        twin(
            *("F3", HUNGRY[0], "out_of_memory"),
            "from bench.training import failures\nfailures.status_of = lambda error: 'failed'",
        ),
        twin(
            *("F5", DIVERGING[0], "diverged"),
            "import math, torch\n"
            "torch.isfinite = lambda tensor: torch.tensor(True)\n"
            "math.isfinite = lambda number: True",
        ),
    ],
    ids=["no row", "memory", "loss"],
)
def test_weakness_is_found(model, status, code, folder, tmp_path):
    run(folder, *SMALL, "--models", model, before=planted(tmp_path, code))
    with pytest.raises(AssertionError, match="alloc" if status == "out_of_memory" else None):
        assert_fails_at_length_4(folder, model, status)
