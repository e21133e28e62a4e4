"""F18: bad command lines, drawn at random: one line, exit status 2, nothing written."""

import contextlib
import importlib
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.tables import REFERENCE

JUNK = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
UNKNOWN = JUNK.map("?{}".format)
NO_NUMBER = st.one_of(
    st.sampled_from(["", "0", "-1", "1.5", "1e3", "nan", "٣", "9" * 30, "0x10", "1 000"]), UNKNOWN
)
NO_RANGE = st.one_of(
    st.sampled_from(
        ["", "0", "-5", "0..10", "20..10", "10..", "..10", "10..20:0", "10..20:-1", "1..99999999"]
    ),
    st.sampled_from(["1,,2", "ten", "1e3", "9" * 5000, "10...20", "1..5..9", "٣", "3:1"]),
    UNKNOWN,
)
NO_FOLDER = st.sampled_from(["", "file", "file/below", "x" * 300, "/proc/no where"])
NUMBERS, RANGES, NAMES, FOLDERS = "numbers", "ranges", "names", "folders"
VALUES = {NUMBERS: NO_NUMBER, RANGES: NO_RANGE, NAMES: UNKNOWN, FOLDERS: NO_FOLDER}
MODEL_OPTIONS = {"--models": NAMES, "--cell": NAMES, "--encoder": NAMES, "--hidden": NUMBERS}
# Read whole, and quickly; with these, a report refuses nothing but what comes after.
SMALL = str(REFERENCE / "budget-x4")
# Of each command: a beginning that alone would do little, and what may be wrong after it.
COMMANDS = {
    "bench.run": (
        ("--tasks", "copy", "--lengths", "2", "--seeds", "1", "--budget", "10", "--no-throughput"),
        {
            **dict.fromkeys(("--lengths", "--test-lengths"), RANGES),
            **dict.fromkeys(("--seeds", "--first-seed", "--budget", "--jobs"), NUMBERS),
            **dict.fromkeys(("--tasks", "--protocol", "--preset", "--engine", "--shard"), NAMES),
            **dict.fromkeys(("--symbols", "--learning-rate", "--retries", "--device"), NAMES),
            **MODEL_OPTIONS,
            "--time-limit": NUMBERS,
            "--out": FOLDERS,
        },
    ),
    "bench.merge": (("finished", "--out", "merged"), {"--out": FOLDERS}),
    "bench.probe": (
        ("--results", "finished"),
        {"--lengths": RANGES, "--jobs": NUMBERS, "--results": FOLDERS},
    ),
    "bench.throughput": (
        ("--lengths", "2", "--models", "rnn"),
        {
            "--lengths": RANGES,
            **dict.fromkeys(("--batch-size", "--threads"), NUMBERS),
            **MODEL_OPTIONS,
            "--device": NAMES,
            "--out": FOLDERS,
        },
    ),
    "bench.compare": (
        ("finished", "also finished"),
        {"--lengths": RANGES, "--score": NAMES, "--tolerance": NAMES},
    ),
    "reports.claims": (
        ("--results", "finished"),
        {"--config": NAMES, "--format": NAMES, "--results": FOLDERS},
    ),
    "reports.figures": (
        ("--results", SMALL),
        {"--config": NAMES, "--results": FOLDERS, "--out": FOLDERS},
    ),
}


@st.composite
def bad_arguments(draw, options):
    """Draw an option with a value that breaks its rule, or what is no option at all."""
    name = draw(st.sampled_from([*options, None]))
    if name is None:
        return draw(
            st.one_of(
                UNKNOWN.map(lambda text: [f"--{text}"]),
                st.sampled_from([["--no-such-option"], [next(iter(options))]]),
            )
        )
    value = draw(VALUES[options[name]])
    return draw(st.sampled_from([[name, value], [f"{name}={value}"]]))


def ended(main, arguments):
    """Return status, output and errors of a command line in this process."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(io.StringIO()) as errors,
    ):
        try:
            status = main(arguments)
        except SystemExit as leaving:
            status = leaving.code
    return status, output.getvalue(), errors.getvalue()


def assert_refused(main, arguments, *, name):
    """It is refused in one line, and no file is made or changed."""
    before = sorted(Path.cwd().rglob("*"))
    status, output, errors = ended(main, arguments)
    assert (status, output) == (2, ""), errors
    assert errors.startswith(f"{name}: ")
    assert len(errors.splitlines()) == 1
    assert "Traceback" not in errors
    assert sorted(Path.cwd().rglob("*")) == before


@contextlib.contextmanager
def some_folder():
    """Work in a folder with a file, and with two folders that pass for results at first."""
    here, folder = Path.cwd(), tempfile.mkdtemp()
    os.chdir(folder)
    try:
        Path("file").write_text("precious", encoding="utf-8")
        for folder_name in ("finished", "also finished"):
            Path(folder_name).mkdir()
            Path(folder_name, "accuracy.csv").touch()
        yield
    finally:
        os.chdir(here)
        shutil.rmtree(folder)


@pytest.mark.fault("F18")
@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
def test_bad_command_line_is_refused_in_one_line(name, data):
    beginning, options = COMMANDS[name]
    with some_folder():
        arguments = [*beginning, *data.draw(bad_arguments(options))]
        assert_refused(importlib.import_module(name).main, arguments, name=name)


def print_two_lines(arguments):
    print("bench.run: one\nand another", file=sys.stderr)
    return 2


def write_first(arguments):
    Path("results").mkdir()
    print("bench.run: no", file=sys.stderr)
    return 2


@pytest.mark.fault("F18", is_twin=True)
@pytest.mark.parametrize("main", [print_two_lines, write_first, lambda arguments: 1])
def test_command_that_refuses_otherwise_is_found(main):
    with some_folder(), pytest.raises(AssertionError):
        assert_refused(main, [], name="bench.run")
