"""The command line as a child process, what it leaves in its folder, and what it leaves running."""

import os
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

from results.schema.rows import TIME_COLUMNS
from results.store.csv_files import ACCURACY, read_rows
from tests import ROOT

MARK = "BENCH_TEST_MARK"
SECONDS_AT_MOST = 300.0

# A child starts in three seconds, and trains each of these stages in a tenth of one.
TRAINING = ("--budget", "20", "--hidden", "8", "--tasks", "copy", "--seeds", "1")
SMALL = (*TRAINING, "--lengths", "2,4", "--no-throughput", "--no-report")
BOTH = ("--models", "rnn,seq2seq+dot")


class Command:
    """One command line, started in a folder of its own, with all its descendants.

    `before` are folders that come first where modules are looked for. With `leads_group` it has
    a process group of its own, as from a terminal. It `begins` with its module and the option
    that names its results folder.
    """

    def __init__(
        self,
        out,
        *arguments,
        before=(),
        leads_group=False,
        begins=("bench.run", "--out"),
        **variables,
    ):
        self.out = Path(out)
        self.mark = uuid.uuid4().hex
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, [*before, ROOT])),
            # A commit made while the tests run must not be in some of the rows: git refuses this.
            "GIT_CONFIG_COUNT": "none",
            MARK: self.mark,
            **variables,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", *begins, str(self.out), *arguments],
            cwd=self.out.parent,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0 if leads_group else None,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """Leave nothing running, whatever the test found."""
        self.process.kill()
        self.process.communicate()
        for process in self.processes():
            os.kill(process, 9)

    def end(self):
        """Wait for its end; return its status, output and errors."""
        output, errors = self.process.communicate(timeout=SECONDS_AT_MOST)
        return self.process.returncode, output, errors

    def processes(self):
        """List the processes that it has started, itself included."""
        return marked_processes(self.mark)

    def children(self):
        return [each for each in self.processes() if each != self.process.pid]

    def is_over(self):
        return self.process.poll() is not None


def run(out, *arguments, **options):
    """Run the command line to its end; return its status, output and errors."""
    with Command(out, *arguments, **options) as command:
        return command.end()


def marked_processes(mark):
    """List the running processes that have this mark in their environment."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # It has ended, or is another user's.
            continue
    return found


def wait_until(condition, *, seconds=SECONDS_AT_MOST):
    """Look again and again until a condition is met; fail if it is not in time."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"not so after {seconds} seconds"
        time.sleep(0.005)


def snapshot(folder):
    """Read every file of a folder, with the time of its last change."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def accuracy_rows(folder):
    """Read accuracy.csv, verified."""
    return read_rows(folder, ACCURACY)


def without_times(rows):
    """Leave out what is not the same again whenever the same work is done."""
    return [replace(row, **dict.fromkeys(TIME_COLUMNS)) for row in rows]


def files(folder, pattern):
    """Name the whole files of a folder, which may not be there yet."""
    return sorted(path.name for path in folder.glob(pattern) if not path.name.startswith("."))


def weights(folder):
    """Name the checkpoints of a folder."""
    names = files(folder / "checkpoints", "*.pt")
    return [name for name in names if not name.endswith(".optimizer.pt")]


def rows_by_length(folder, model):
    """Read a model's rows of accuracy.csv by the length that they were tested at."""
    return {row.length: row for row in accuracy_rows(folder) if row.model == model}
