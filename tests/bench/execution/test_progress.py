"""What a command shows and leaves while it works: a bar, or a line a minute, and its log."""

import os
import re
import sys
import time

import pytest

from bench.execution import progress
from bench.execution.progress import progress_bar, run_log, say_in_file
from results.errors import ResultsError

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (\d+) (.+)")


@pytest.mark.parametrize("minute", [60.0, 0.2])
def test_without_a_terminal_a_bar_is_a_line_a_minute_at_most(monkeypatch, capsys, minute):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", minute)
    began = time.monotonic()
    with progress_bar(8, "training", unit="record") as bar:
        for number in range(8):
            time.sleep(0.05)
            bar.update(0)  # A redrawing without a record in between.
            time.sleep(0.025)
            bar.update(1)
            if number == 1:
                bar.write("said", file=sys.stderr)
    shown = capsys.readouterr().err
    assert shown.count("said\n") == 1
    assert "\r" not in shown
    states = [line for line in shown.splitlines() if line != "said"]
    assert all(re.match(r"training: +\d+%.* \d/8 \[", line) for line in states)
    assert len(states) <= (time.monotonic() - began) / minute
    assert bool(states) == (minute < 1.0)


@pytest.mark.fault("F24")
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")
@pytest.mark.parametrize("columns", ["80", "1"])
def test_a_terminal_has_one_bar_and_nothing_else(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar(8, "training", unit="record") as bar:
            for _ in range(8):
                time.sleep(0.01)
                bar.update(1)
                say_in_file("a model run has ended")
        monkeypatch.undo()
        shown = os.read(ours, 65_536).decode("utf-8")
    os.close(ours)
    assert shown.count("\n") == 1
    assert "ended" not in shown


def test_work_goes_on_when_nobody_reads_any_more(monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8", buffering=1) as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        with pytest.raises(BrokenPipeError):
            print("it is gone", file=sys.stderr)
        with progress_bar(3, "training", unit="record") as bar:
            for _ in range(3):
                bar.update(1)
                say_in_file("a model run has ended")
        assert bar.n == 3
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # What is left is written as it closes.


def lines_of(folder):
    """Return process and text of each line of the log."""
    text = (folder / "logs" / "run.log").read_text(encoding="utf-8")
    return [LINE.fullmatch(line).groups() for line in text.splitlines()]


def test_log_has_a_line_for_each_event_and_for_what_ended_it(tmp_path):
    def write_and_fail():
        with run_log(tmp_path) as log:
            log.info("one")
            log.info("of several\nlines")
            raise ResultsError("the disk is full")

    with pytest.raises(ResultsError):
        write_and_fail()
    texts = ("one", "of several lines", "ended: ResultsError: the disk is full")
    assert lines_of(tmp_path) == [(str(os.getpid()), text) for text in texts]


def test_full_disk_stops_no_work(tmp_path, capsys):
    """Writing to this device always fails so; opening it does not."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "run.log").symlink_to("/dev/full")
    with run_log(tmp_path) as log:
        log.info("one")
    assert capsys.readouterr().err == ""


def test_log_that_cannot_be_is_named(tmp_path):
    (tmp_path / "logs").write_text("a file", encoding="utf-8")
    with (
        pytest.raises(ResultsError, match=r"run\.log: cannot be written"),
        run_log(tmp_path) as log,
    ):
        log.info("one")
