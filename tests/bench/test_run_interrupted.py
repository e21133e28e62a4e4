"""The command killed or asked to end: nothing finished is lost, and nothing is left running."""

import random
import signal
import sys
import time

import pytest

from results.store.csv_files import ACCURACY
from tests.commands import (
    BOTH,
    ONE,
    SMALL,
    Command,
    accuracy_rows,
    files,
    rows_by_length,
    run,
    snapshot,
    wait_until,
    weights,
    without_times,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks processes up in /proc")

SECONDS_TO_DIE = 5.0


def kill(command):
    command.process.send_signal(signal.SIGKILL)
    command.process.wait()
    wait_until(lambda: not command.processes(), seconds=SECONDS_TO_DIE)


def test_killed_at_random_moments_it_ends_with_the_same_numbers(finished, tmp_path):
    """Three kills within training, evaluation or writing; what was kept by then stays as it is."""
    folder, moment = tmp_path / "results", random.Random(20)
    for stages in (1, 2, 3):
        with Command(folder, *SMALL, *BOTH, "--jobs", "1") as command:
            wait_until(lambda at=stages: command.is_over() or len(weights(folder)) >= at)
            assert not command.is_over()
            time.sleep(moment.uniform(0.0, 0.15))
            kill(command)
        kept = {path: each for path, each in snapshot(folder).items() if path.suffix == ".json"}
        kept = {path: each for path, each in kept.items() if path.parent.name == "records"}
        if (folder / ACCURACY).exists():
            assert {row.status for row in accuracy_rows(folder)} <= {"ok"}
    status, _, errors = run(folder, *SMALL, *BOTH, "--jobs", "1")
    assert status == 0, errors
    assert files(folder / "failures", "*") == []
    assert without_times(accuracy_rows(folder)) == without_times(accuracy_rows(finished))
    assert (folder / "samples.csv").read_bytes() == (finished / "samples.csv").read_bytes()
    assert kept.items() <= snapshot(folder).items()


def test_other_numbers_after_a_kill_are_seen(finished):
    """The twin: a resumed run that drew other batches would differ in a column that counts."""
    rows = accuracy_rows(finished)
    score = {"token_accuracy": rows[0].token_accuracy + 1e-9}
    changed = [type(rows[0])(**vars(rows[0]) | score), *rows[1:]]
    assert without_times(changed) != without_times(rows)
    times = {"train_seconds": 9.0, "evaluate_seconds": 9.0, "train_tokens_per_second": 9.0}
    retimed = [type(rows[0])(**vars(rows[0]) | times), *rows[1:]]
    assert without_times(retimed) == without_times(rows)


def test_killed_while_a_child_starts_it_leaves_no_orphan_and_goes_on(finished, tmp_path):
    folder = tmp_path / "results"
    with Command(folder, *SMALL, *ONE, "--jobs", "1") as command:
        wait_until(command.children)
        command.process.kill()
        command.process.wait()
        wait_until(lambda: not command.processes())
    assert files(folder / "failures", "*") == []
    assert weights(folder) == []
    status, _, errors = run(folder, *SMALL, *ONE)
    assert status == 0, errors
    resumed = without_times(rows_by_length(folder, "rnn").values())
    assert resumed == without_times(rows_by_length(finished, "rnn").values())


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_signal_ends_it_soon_with_a_whole_csv_and_a_word_on_how_to_go_on(number, status, tmp_path):
    folder = tmp_path / "results"
    with Command(folder, *SMALL, "--models", "tests.plugins.broken:Slow") as command:
        wait_until(lambda: command.is_over() or (folder / ACCURACY).exists())
        assert len(command.children()) == 1
        began = time.perf_counter()
        command.process.send_signal(number)
        code, _, errors = command.end()
        assert time.perf_counter() - began < SECONDS_TO_DIE
        assert code == status
        assert command.processes() == []
    assert [(row.length, row.status) for row in accuracy_rows(folder)] == [(2, "ok")]
    assert files(folder / "failures", "*") == []
    assert errors.splitlines()[-1] == (
        f"Stopped. Everything finished is kept in {folder}; the same command goes on from there."
    )
    assert "Traceback" not in errors
