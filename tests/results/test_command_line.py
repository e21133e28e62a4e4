"""What all commands share: output that fails on no character and on no closed stream."""

import io
import os
import sys
from pathlib import Path

import pytest

from results.command_line import DONE, REFUSED, Parser, parse_folder, run_command
from results.errors import ResultsError


def command(act):
    return run_command(Parser(prog="python -m some.command", description=None), [], act)


@pytest.mark.fault("F24")
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_the_output_cannot_show_is_written_as_an_escape(encoding, monkeypatch):
    said = "한 ≥ \x80 · \udcff"  # The last is of a file name that is not UTF-8.
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)

    def act(given):
        print(said)
        print(said, file=sys.stderr)
        raise ResultsError("한")

    assert command(act) == REFUSED
    for stream in streams.values():
        stream.flush()
        text = stream.buffer.getvalue().decode(encoding).splitlines()[0]
        assert text == said.encode(encoding, "backslashreplace").decode(encoding)


@pytest.mark.fault("F24")
@pytest.mark.parametrize("closed", [["stdout"], ["stderr"], ["stdin", "stdout", "stderr"]])
def test_closed_streams_end_no_command_and_mix_nothing(closed, monkeypatch, capsys):
    for name in closed:
        monkeypatch.setattr(sys, name, None)

    def act(given):
        assert sys.stdin.read(0) == ""
        print("output")
        print("errors", file=sys.stderr)
        return DONE

    monkeypatch.setattr(sys, "stdin", None if "stdin" in closed else io.StringIO())
    assert command(act) == DONE
    output, errors = capsys.readouterr()
    assert output == ("" if "stdout" in closed else "output\n")
    assert errors == ("" if "stderr" in closed else "errors\n")
    for name in closed:
        getattr(sys, name).close()


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("~", "/home/of/a"),
        ("~/x", "/home/of/a/x"),
        ("./~", "~"),
        ("a/~", "a/~"),
        ("~nobody-has-this-name/x", "~nobody-has-this-name/x"),
    ],
)
def test_folder_below_home_is_found_as_a_shell_would(text, folder, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/a")
    assert parse_folder(text) == Path(folder)


def test_a_refusal_that_nobody_reads_is_a_refusal_all_the_same(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8", buffering=1) as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        assert run_command(Parser(prog="x", description=None), ["--unknown"], int) == REFUSED
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # What is left is written as it closes.
