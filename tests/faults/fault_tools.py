"""A small matrix to break, what harm was done to it, and weaknesses to plant in the command."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from results.errors import ResultsError
from results.store.csv_files import SAMPLES
from tests.commands import SMALL, accuracy_rows, run, wait_until, without_times

SECONDS_TO_DIE = 5.0
# Model runs of two stages; a test takes no more of them than its fault needs.
ONE_RUN, TWO_RUNS, THREE_RUNS = (
    (*SMALL, "--models", models) for models in ("rnn", "rnn,seq2seq", "rnn,seq2seq,seq2seq+dot")
)
ONE_JOB, TWO_JOBS = ("--jobs", "1"), ("--jobs", "2")
ODD_NAME = "결과 100% of them"


def complete(out, *arguments, **options):
    """Run the command to its end, which must be a success; return its errors."""
    status, _, errors = run(out, *arguments, **options)
    assert status == 0, errors
    return errors


def planted(scratch, code):
    """Return the folders that, first on the path, execute this code as each command begins."""
    folder = scratch / "weak"
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    return [folder]


def kill(started):
    """Kill the command; what it has started must die with it."""
    started.process.kill()
    started.process.wait()
    wait_until(lambda: not started.processes(), seconds=SECONDS_TO_DIE)


def records(folder):
    """Return the bytes of every record."""
    return {path.name: path.read_bytes() for path in (folder / "records").glob("[!.]*.json")}


def log_texts(folder):
    """Return what happened in a results folder, without the times and processes."""
    text = (folder / "logs" / "run.log").read_text(encoding="utf-8")
    return [line.split(" ", 2)[2] for line in text.splitlines()]


def leftovers(folder):
    """Return the half-written files."""
    return [path.name for path in folder.rglob(".*.tmp")]


@dataclass(frozen=True)
class Undisturbed:
    """A results folder of three runs that nothing has disturbed, and how long it took."""

    folder: Path
    seconds: float


@dataclass(frozen=True)
class Harm:
    """Finished stages that are gone or changed, rows too many, rows missing or otherwise."""

    lost: int = 0
    duplicated: int = 0
    wrong: int = 0

    def __add__(self, other):
        return Harm(*(getattr(self, name) + getattr(other, name) for name in vars(self)))

    def report(self, reached, **figures):
        """Report it, then allow none."""
        reached(**vars(self), **figures)
        assert self == Harm()


def rows_of(folder, *, has_attempts=True):
    """Return the rows of accuracy.csv without times; a CSV that does not verify is a failure."""
    try:
        rows = without_times(accuracy_rows(folder))
    except ResultsError as error:
        raise AssertionError(str(error)) from None
    return rows if has_attempts else [replace(row, attempts=0) for row in rows]


def harm_of(folder, undisturbed, *, of=THREE_RUNS, kept=None, has_attempts=True):
    """Compare a results folder with an undisturbed one, and with the records that it once had.

    Args:
        of: The arguments of its command; what else is undisturbed does not count.
        kept: Records by name, as they were.
        has_attempts: Whether the number of attempts counts.
    """
    models = of[-1].split(",")
    rows = Counter(rows_of(folder, has_attempts=has_attempts))
    expected = Counter(
        row for row in rows_of(undisturbed.folder, has_attempts=has_attempts) if row.model in models
    )
    ids = Counter(row.record_id for row in rows.elements())
    return Harm(
        lost=sum(records(folder).get(name) != content for name, content in (kept or {}).items()),
        duplicated=sum(count - 1 for count in ids.values()),
        wrong=((rows - expected) + (expected - rows)).total()
        + (samples_of(folder, models) != samples_of(undisturbed.folder, models)),
    )


def samples_of(folder, models):
    """Return the lines of samples.csv about these models, byte for byte, and the first one."""
    first, *lines = (folder / SAMPLES).read_bytes().splitlines()
    return [first, *(line for line in lines if line.split(b",")[1].decode() in models)]
