"""F7: several commands at once on one results folder."""

import pytest

from tests.commands import ONE, wait_until
from tests.faults.fault_tools import MATRIX, command, harm_of, kill, log_lines, planted

pytestmark = pytest.mark.fault("F7")

MOST_TWICE = 0.1


def at_once(folder, count, *arguments, **options):
    """Start that many commands on one folder; all of them must succeed."""
    arguments = (*MATRIX, "--jobs", "1", *arguments)
    started = [command(folder, *arguments, **options) for _ in range(count)]
    try:
        for status, _, errors in [each.end() for each in started]:
            assert status == 0, errors
    finally:
        for each in started:
            each.__exit__()


def share_done_twice(folder):
    """Return how much of the work was done more than once, of all of it."""
    done = [line for line in log_lines(folder) if "), trained to " in line]
    stages = {line.split(", tested at", 1)[0] for line in done}
    return (len(done) - len(stages)) / len(stages)


@pytest.mark.parametrize("count", [2, 4])
def test_commands_at_once_do_all_of_it_once(count, undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    at_once(folder, count)
    twice = share_done_twice(folder)
    text = f"{count} at once: {twice:.0%} of the stages trained twice"
    harm_of(folder, undisturbed).report(reached, injected=count, text=text)
    assert twice <= MOST_TWICE


def test_command_takes_over_from_one_that_was_killed(undisturbed, tmp_path, reached):
    folder = tmp_path / "results"
    with command(folder, *MATRIX, "--jobs", "1") as first:
        wait_until(first.children)
        with command(folder, *MATRIX, "--jobs", "1") as second:
            wait_until(lambda: second.is_over() or second.children())
            kill(first)
            status, _, errors = second.end()
    assert status == 0, errors
    harm_of(folder, undisturbed).report(reached, text="one killed: the other takes over")


@pytest.mark.fault("F7", is_twin=True)
def test_lock_that_never_locks_is_found(tmp_path):
    code = """
from contextlib import contextmanager

from results.store import files

@contextmanager
def unlocked(*arguments, **options):
    yield True

files.locked = unlocked
"""
    folder = tmp_path / "results"
    at_once(folder, 2, *ONE, before=[planted(tmp_path / "weak", code)])
    assert share_done_twice(folder) > MOST_TWICE
