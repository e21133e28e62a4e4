"""What a command leaves of itself: a line for all that happened, and what it was asked for."""

import json
import os
import re

import pytest

from bench.execution.run_log import RunLog, write_run_file
from results.errors import ResultsError
from tests.commands import files

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ .+")


def lines_of(folder):
    return (folder / "logs" / "run.log").read_text(encoding="utf-8").splitlines()


def texts_of(folder):
    return [line.split(" ", 2)[2] for line in lines_of(folder)]


def test_every_line_has_time_and_process(tmp_path):
    with RunLog(tmp_path) as log:
        log.write("one")
        log.write("of several\n  lines")
    assert all(LINE.fullmatch(line) for line in lines_of(tmp_path))
    assert {line.split()[1] for line in lines_of(tmp_path)} == {str(os.getpid())}
    assert texts_of(tmp_path) == ["one", "of several lines", "ended"]


def test_command_with_nothing_to_say_leaves_no_log(tmp_path):
    with RunLog(tmp_path):
        pass
    assert files(tmp_path, "*") == []


def test_what_ended_it_is_its_last_line(tmp_path):
    def write_and_fail():
        with RunLog(tmp_path) as log:
            log.write("one")
            raise ResultsError("the disk is full")

    with pytest.raises(ResultsError):
        write_and_fail()
    assert texts_of(tmp_path) == ["one", "ended: ResultsError: the disk is full"]


def test_two_commands_share_a_log(tmp_path):
    with RunLog(tmp_path) as first, RunLog(tmp_path) as second:
        for number in range(100):
            (first, second)[number % 2].write(str(number))
    assert texts_of(tmp_path) == [*map(str, range(100)), "ended", "ended"]


def test_full_disk_stops_no_work(tmp_path):
    """Writing to this device always fails so; opening it does not."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "run.log").symlink_to("/dev/full")
    with RunLog(tmp_path) as log:
        log.write("one")


def test_log_that_cannot_be_is_named(tmp_path):
    (tmp_path / "logs").write_text("a file", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"run\.log: cannot be written"), RunLog(tmp_path) as log:
        log.write("one")


def test_run_file_holds_request_and_environment_without_host_or_path(tmp_path):
    write_run_file(tmp_path, {"jobs": 2})
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["request"] == {"jobs": 2}
    assert content["environment"].keys() == {
        "commit",
        "platform",
        "processor",
        "processors",
        "python",
        "torch",
    }
    assert os.uname().nodename not in text
    assert str(tmp_path) not in text


def test_run_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ResultsError, match=r"run\.json: cannot be written: No such file"):
        write_run_file(tmp_path / "gone", {})


def test_run_is_logged_from_its_start_to_its_end(finished):
    texts = texts_of(finished)
    assert texts[0] == "started: 2 of 2 model runs to do"
    assert texts[-1] == "ended"
    begun = [text for text in texts if re.search(r"\): begun as \d+ \(attempt 1\)", text)]
    assert len(begun) == 2
    records = [text for text in texts if "trained to 4, tested at 4: budget after" in text]
    assert len(records) == 2
    assert any(text.startswith("seed 11: 4 of 4 records after") for text in texts)
