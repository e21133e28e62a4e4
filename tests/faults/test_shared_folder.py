"""F7: several commands at once on one results folder."""

import pytest

from tests.commands import Command, wait_until
from tests.faults.fault_tools import (
    ONE_JOB,
    ONE_RUN,
    THREE_RUNS,
    TWO_RUNS,
    harm_of,
    kill,
    log_texts,
    planted,
)

pytestmark = pytest.mark.fault("F7")

MOST_TWICE = 0.1


def share_done_twice(folder, count, *arguments, **options):
    """Carry a matrix out by that many commands at once; return how much was done twice."""
    started = [Command(folder, *arguments, *ONE_JOB, **options) for _ in range(count)]
    try:
        for status, _, errors in [each.end() for each in started]:
            assert status == 0, errors
    finally:
        for each in started:
            each.__exit__()
    done = [text for text in log_texts(folder) if "), trained to " in text]
    stages = {text.split(", tested at", 1)[0] for text in done}
    return (len(done) - len(stages)) / len(stages)


@pytest.mark.parametrize(("count", "of"), [(2, TWO_RUNS), (4, THREE_RUNS)], ids=["2", "4"])
def test_commands_at_once_do_all_of_it_once(count, of, undisturbed, folder, reached):
    twice = share_done_twice(folder, count, *of)
    text = f"{count} at once: {twice:.0%} of the stages trained twice"
    harm_of(folder, undisturbed, of=of).report(reached, injected=count, text=text)
    assert twice <= MOST_TWICE


def test_command_takes_over_from_one_that_was_killed(undisturbed, folder, reached):
    with Command(folder, *TWO_RUNS, *ONE_JOB) as first:
        wait_until(first.children)
        with Command(folder, *TWO_RUNS, *ONE_JOB) as second:
            wait_until(lambda: second.is_over() or second.children())
            kill(first)
            status, _, errors = second.end()
    assert status == 0, errors
    harm = harm_of(folder, undisturbed, of=TWO_RUNS)
    harm.report(reached, text="one killed: the other takes over")


@pytest.mark.fault("F7", is_twin=True)
def test_lock_that_never_locks_is_found(folder, tmp_path):
    code = """
from contextlib import nullcontext
from results.store import files
files.locked = lambda *arguments, **options: nullcontext(True)
"""
    twice = share_done_twice(folder, 2, *ONE_RUN, before=planted(tmp_path, code))
    assert twice > MOST_TWICE
