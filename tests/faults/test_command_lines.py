"""F18: bad command lines, drawn at random: one line, exit status 2, nothing written."""

import contextlib
import importlib
import io
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.tables import REFERENCE

# Values that break the rule of an option, by what it takes.
NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).map("?{}".format)
NUMBERS = ["", "0", "-1", "1.5", "1e3", "nan", "٣", "9" * 30, "0x10", "1 000"]
NUMBER = NAME | st.sampled_from(NUMBERS)
RANGES = (
    "0 -5 0..10 20..10 10.. ..10 10..20:0 10..20:-1 1..99999999 1,,2 ten 1e3 10...20 1..5..9 ٣ 3:1"
)
RANGE = NAME | st.sampled_from(["", *RANGES.split(), "9" * 5000])
FOLDER = st.sampled_from(["", "file", "file/below", "x" * 300, "/proc/no where"])
MODEL = {"--models": NAME, "--cell": NAME, "--encoder": NAME, "--hidden": NUMBER, "--device": NAME}
# Read whole, and quickly; with these, a report refuses nothing but what comes after.
SMALL = ("--results", str(REFERENCE / "controls"))
TWO_FOLDERS = ("finished", "also finished")
FINISHED = ("--results", "finished")
# Of each command: a beginning that alone would do little, and what may be wrong after it.
COMMANDS = {
    "bench.run": (
        (
            "--tasks",
            "copy",
            "--lengths",
            "2",
            "--seeds",
            "1",
            "--budget",
            "10",
            "--no-throughput",
            "--no-report",
        ),
        {
            **dict.fromkeys(("--lengths", "--test-lengths"), RANGE),
            **dict.fromkeys(("--seeds", "--first-seed", "--budget", "--jobs"), NUMBER),
            **dict.fromkeys(("--tasks", "--protocol", "--preset", "--engine", "--shard"), NAME),
            **dict.fromkeys(("--symbols", "--learning-rate", "--retries"), NAME),
            **MODEL,
            "--time-limit": NUMBER,
            "--out": FOLDER,
        },
    ),
    "bench.merge": (("finished", "--out", "merged"), {"--out": FOLDER}),
    "bench.probe": (FINISHED, {"--lengths": RANGE, "--jobs": NUMBER, "--results": FOLDER}),
    "bench.throughput": (
        ("--lengths", "2", "--models", "rnn"),
        {"--lengths": RANGE, "--batch-size": NUMBER, "--threads": NUMBER, **MODEL, "--out": FOLDER},
    ),
    "bench.compare": (TWO_FOLDERS, {"--lengths": RANGE, "--score": NAME, "--tolerance": NAME}),
    "reports.claims": (FINISHED, {"--format": NAME, "--results": FOLDER}),
    "reports.examples": (
        SMALL,
        {"--config": NAME, "--results": FOLDER, "--task": NAME, "--length": NUMBER},
    ),
    "reports.figures": (SMALL, {"--config": NAME, "--results": FOLDER, "--out": FOLDER}),
}


@st.composite
def bad_arguments(draw, options):
    """Draw an option with a value that breaks its rule, or what is no option at all."""
    name = draw(st.sampled_from([*options, None]))
    if name is None:
        no_option = NAME.map(lambda text: [f"--{text}"])
        return draw(no_option | st.sampled_from([["--no-such-option"], [next(iter(options))]]))
    value = draw(options[name])
    return draw(st.sampled_from([[name, value], [f"{name}={value}"]]))


@contextlib.contextmanager
def some_folder():
    """Work in a folder with a file, and with two folders that pass for results at first."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("file").write_text("precious", encoding="utf-8")
            for name in TWO_FOLDERS:
                Path(name).mkdir()
                Path(name, "accuracy.csv").touch()
            yield
        finally:
            os.chdir(here)


@pytest.mark.fault("F18")
@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
def test_bad_command_line_is_refused_in_one_line(name, data):
    beginning, options = COMMANDS[name]
    main = importlib.import_module(name).main
    output, errors = io.StringIO(), io.StringIO()
    with some_folder():
        before = sorted(Path.cwd().rglob("*"))
        arguments = [*beginning, *data.draw(bad_arguments(options))]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = main(arguments)
        assert sorted(Path.cwd().rglob("*")) == before
    said = errors.getvalue()
    assert (status, output.getvalue()) == (2, ""), said
    assert said.startswith(f"{name}: ")
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
