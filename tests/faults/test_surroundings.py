"""F24: surroundings change no row and end no command: streams, variables, compilers, line ends."""

import os
import subprocess
import sys

import pytest

from results.tables import read_accuracy, read_samples
from tests import ROOT
from tests.commands import SMALL, rows_by_length, run
from tests.faults.fault_tools import ODD_NAME, ONE_RUN, harm_of

pytestmark = pytest.mark.fault("F24")

NOWHERE = "/proc/nowhere"
SURROUNDINGS = {
    "ascii, no terminal": {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "1"},
    "no UTF-8 anywhere": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "another country": {"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Seoul", "PYTHONIOENCODING": "cp1252"},
    "no folder to write to": {"HOME": NOWHERE, "TMPDIR": NOWHERE, "MPLCONFIGDIR": NOWHERE},
}
CLOSED = {"input": "<&-", "output": ">&-", "errors": "2>&-", "all": "<&- >&- 2>&-"}
# Every command that reads results, with what it needs.
READERS = (
    ("reports.figures", "--out", "figures", "--results"),
    ("reports.examples", "--results"),
    ("reports.claims", "--format", "trace", "--results"),
    ("bench.merge", "--out", "merged"),
)


def read_with_all(folder, **variables):
    """Run every command that reads results, in the folder above; return statuses and outputs."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    ends = [
        subprocess.run(
            [sys.executable, "-m", *command, folder.name],
            cwd=folder.parent,
            env=environment,
            capture_output=True,
        )
        for command in READERS
    ]
    for end in ends:
        assert b"Traceback" not in end.stderr
    return [end.returncode for end in ends]


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_variables_change_no_row_and_end_no_command(name, undisturbed, tmp_path, reached):
    folder = tmp_path / ODD_NAME
    status, output, errors = run(folder, *ONE_RUN, **SURROUNDINGS[name])
    assert (status, "Traceback" in output + errors) == (0, False), errors
    (tmp_path / "matplotlibrc").write_bytes(b"backend: none\nfont.size: \xff\n")
    assert read_with_all(folder, MPLBACKEND="none", **SURROUNDINGS[name]) == [0, 0, 0, 0]
    assert (tmp_path / "figures" / "accuracy.png").exists()
    harm_of(folder, undisturbed, of=ONE_RUN).report(reached, injected=5, text=name)


@pytest.mark.parametrize("name", CLOSED)
def test_closed_streams_change_no_row(name, undisturbed, folder, reached):
    command = [sys.executable, "-m", "bench.run", *ONE_RUN, "--out", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GIT_CONFIG_COUNT": "none"}
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {CLOSED[name]}', "sh", *command],
        cwd=folder.parent,
        env=environment,
        capture_output=True,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    harm_of(folder, undisturbed, of=ONE_RUN).report(reached, text=f"closed: {name}")


@pytest.mark.parametrize("compiler", ['gcc "-O2', "", "/bin/false", "cc -fvisibility=hidden"])
def test_any_compiler_leaves_rows_and_one_warning(compiler, folder, reached):
    status, _, errors = run(folder, *SMALL, "--models", "seq2seq+additive", CC=compiler)
    assert status == 0, errors
    (log,) = (folder / "logs").glob("[!r]*.log")
    reached(text="broken compilers")
    assert (
        log.read_text(encoding="utf-8").count(
            "not compiled, so LSTM and additive attention are slower"
        )
        == 1
    )
    rows = rows_by_length(folder, "seq2seq+additive")
    assert [row.status for row in rows.values()] == ["ok", "ok"]


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    """Clones of this repository whose settings change line ends, or do not."""
    scratch, clones = tmp_path_factory.mktemp("clones"), []
    for setting in ("true", "input", "false"):
        clones.append(scratch / setting)
        source = ("--depth=1", "-c", f"core.autocrlf={setting}", "-c", "core.eol=crlf")
        command = ["git", "clone", "--quiet", *source, f"file://{ROOT}", str(clones[-1])]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this is not a repository to be cloned: {done.stderr.strip()}")
    return clones


def test_a_clone_has_the_same_bytes_whatever_it_does_to_line_ends(clones, reached):
    contents = [
        {
            path.relative_to(clone): path.read_bytes()
            for path in clone.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(clone).parts
        }
        for clone in clones
    ]
    reached(injected=len(clones), text="clones with other line ends")
    assert contents[0] == contents[1] == contents[2]
    assert (clones[0] / ".ci" / "run").read_bytes().startswith(b"#!/usr/bin/env bash\n")
    for folder in (clones[0] / "results" / "reference").glob("**/"):
        if (folder / "accuracy.csv").exists():
            assert len(read_accuracy(folder))
    assert len(read_samples(clones[0] / "results" / "reference"))
