"""A small matrix to break, what harm was done to it, and weaknesses to plant in the command."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from results.errors import ResultsError
from tests.commands import SMALL, Command, accuracy_rows, files, wait_until, without_times

SECONDS_TO_DIE = 5.0
# Three model runs of two stages, for several commands, jobs, shards and workers to share.
MATRIX = (*SMALL, "--models", "rnn,seq2seq,seq2seq+dot")
TWO_JOBS = ("--jobs", "2")
ODD_NAME = "결과 100% of them"


def command(out, *arguments, before=(), **variables):
    """Return the command started, with the models of this folder at hand."""
    return Command(out, *arguments, before=before, **variables)


def run(out, *arguments, **options):
    """Run the command to its end; return its status, output and errors."""
    with command(out, *arguments, **options) as started:
        return started.end()


def complete(out, *arguments, **options):
    """Run the command to its end, which must be a success; return its errors."""
    status, _, errors = run(out, *arguments, **options)
    assert status == 0, errors
    return errors


def planted(folder, code):
    """Return a folder that, first on the path, executes this code as each command begins."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    return folder


def records(folder):
    """Return the bytes of every record."""
    paths = (folder / "records").glob("[!.]*.json")
    return {path.name: path.read_bytes() for path in paths}


def kill(started):
    """Kill the command; what it has started must die with it."""
    started.process.kill()
    started.process.wait()
    wait_until(lambda: not started.processes(), seconds=SECONDS_TO_DIE)


@dataclass(frozen=True)
class Undisturbed:
    """A results folder that nothing has disturbed, and how long it took."""

    folder: Path
    seconds: float

    @classmethod
    def of(cls, folder):
        began = time.monotonic()
        complete(folder, *MATRIX, *TWO_JOBS)
        return cls(folder, time.monotonic() - began)


@dataclass(frozen=True)
class Harm:
    """Finished stages that are gone or changed, rows too many, rows missing or otherwise."""

    lost: int = 0
    duplicated: int = 0
    wrong: int = 0

    def __add__(self, other):
        return Harm(
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.wrong + other.wrong,
        )

    def report(self, reached, **figures):
        """Report it, then allow none."""
        reached(**vars(self), **figures)
        assert self == Harm()


def rows_of(folder, *, attempts=True):
    """Return the rows of accuracy.csv without times; a CSV that does not verify is a failure."""
    try:
        rows = without_times(accuracy_rows(folder))
    except ResultsError as error:
        raise AssertionError(str(error)) from None
    return rows if attempts else [replace(row, attempts=0) for row in rows]


def harm_of(folder, undisturbed, *, kept=None, attempts=True):
    """Compare a results folder with an undisturbed one, and with the records that it once had.

    Args:
        kept: Records by name, as they were.
        attempts: Whether the number of attempts counts.
    """
    lost = sum(records(folder).get(name) != content for name, content in (kept or {}).items())
    rows, expected = (
        Counter(rows_of(each, attempts=attempts)) for each in (folder, undisturbed.folder)
    )
    ids = Counter(row.record_id for row in rows.elements())
    samples = [(each / "samples.csv").read_bytes() for each in (folder, undisturbed.folder)]
    return Harm(
        lost=lost,
        duplicated=sum(count - 1 for count in ids.values()),
        wrong=sum(((rows - expected) + (expected - rows)).values()) + (samples[0] != samples[1]),
    )


def log_lines(folder):
    """Return what happened in a results folder, without the times and processes."""
    text = (folder / "logs" / "run.log").read_text(encoding="utf-8")
    return [line.split(" ", 2)[2] for line in text.splitlines()]


def leftovers(folder):
    """Return the half written files."""
    return [path.name for path in folder.rglob(".*.tmp")]


def finished_stages(folder):
    return len(files(folder / "records", "*.json"))
