"""The results folder: a plan, immutable records, failures, and the CSVs compiled from them."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from results.errors import ResultsError
from results.schema.rows import (
    FAILING_STATUSES,
    OK,
    AccuracyRow,
    SampleRow,
    ThroughputRow,
    planned,
)
from results.store import csv_files
from results.store.checked_json import OtherSchemaError, check_version
from results.store.documents import RecordFolder
from results.store.locks import exclusive
from results.store.outcomes import csv_order, outcomes
from results.store.plan_file import PLAN, PlanFile
from results.store.records import Record, parse_record, render_record

LEFT = "left"
RECORDS = "records"
FAILURES = "failures"
THROUGHPUT_KEY = (
    "model",
    "phase",
    "length",
    "batch_size",
    "symbols",
    "cell",
    "hidden",
    "encoder",
    "device",
    "threads",
)


def open_store(root: Path, *, create: bool) -> "Store":
    """Open a results folder.

    Args:
        root: The folder.
        create: Make the folder where it is absent, and allow writing. Without it the store is a
            read-only view, empty where the folder is absent: nothing is written or renamed.

    Raises:
        ResultsError: The path is a file, cannot be written, or holds another schema version.
    """
    try:
        if root.exists() and not root.is_dir():
            raise ResultsError(f"{root}: is a file, a folder is needed")
        if create:
            _check_writable(root)
    except OSError as error:
        raise ResultsError(f"{root}: cannot be used: {error.strerror or error}") from None
    store = Store(root, is_read_only=not create)
    _check_version(root)
    return store


def _check_writable(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for folder in (root, root / RECORDS, root / FAILURES):
        if folder.is_dir():
            # A real write: permission bits say nothing about a read-only or full disk.
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"0")


def _check_version(root: Path) -> None:
    path = root / PLAN
    if not path.is_file():
        path = next(iter(sorted((root / RECORDS).glob("[!.]*.json"))), path)
    try:
        check_version(path.read_bytes())
    except OtherSchemaError as error:
        raise ResultsError(f"{path}: {error}; choose another folder") from None
    except OSError:
        return


class Store:
    """A view of one results folder; made by `open_store`."""

    def __init__(self, root: Path, *, is_read_only: bool) -> None:
        self.root = root
        self._is_read_only = is_read_only
        self._notices: list[str] = []
        self._records = RecordFolder(
            root / RECORDS,
            parse=partial(_parse, statuses=(OK,)),
            is_read_only=is_read_only,
            notices=self._notices,
        )
        self._failures = RecordFolder(
            root / FAILURES,
            parse=partial(_parse, statuses=FAILING_STATUSES),
            is_read_only=is_read_only,
            notices=self._notices,
        )
        self._plan = PlanFile(
            root, is_read_only=is_read_only, notices=self._notices, recover=self._recorded
        )

    def take_notices(self) -> tuple[str, ...]:
        """Return one line per file that was rejected since the last call."""
        notices = tuple(self._notices)
        self._notices.clear()
        return notices

    def plan(self) -> tuple[AccuracyRow, ...]:
        """Return every row ever planned here, oldest first: no scores, status not_reached."""
        return self._plan.rows()

    def extend_plan(self, rows: Iterable[AccuracyRow]) -> None:
        """Add rows to the plan; those whose record_id is planned already are left as they are.

        Raises:
            ResultsError: A row's status is not not_reached, or the plan cannot be written.
        """
        with self._writing():
            self._plan.extend(rows)

    def revise_plan(
        self, revised: Callable[[tuple[AccuracyRow, ...]], tuple[AccuracyRow, ...]]
    ) -> None:
        """Put what `revised` makes of the planned rows in their place, while nobody else plans.

        Raises:
            ResultsError: The plan cannot be written.
        """
        with self._writing():
            self._plan.revise(revised)

    def write_record(self, row: AccuracyRow, samples: Sequence[SampleRow] = ()) -> None:
        """Keep an evaluated stage for good; where its record already stands, that one remains.

        Raises:
            ResultsError: The status is not ok, a sample is of another stage, or the disk refuses.
        """
        _require_status(row, statuses=(OK,))
        record = Record(row, tuple(samples))
        with self._writing():
            if self._records.read(row.record_id) is None:
                self._records.write(row.record_id, render_record(record))

    def replace_record(self, record: Record) -> None:
        """Keep an evaluated stage in place of another record of it.

        Raises:
            ResultsError: The status is not ok, or the disk refuses.
        """
        _require_status(record.row, statuses=(OK,))
        with self._writing():
            self._records.write(record.row.record_id, render_record(record))

    def read_record(self, record_id: str) -> Record | None:
        """Return a record; None where there is none, or a bad one, which is then set aside."""
        return self._records.read(record_id)

    def write_failure(self, row: AccuracyRow) -> None:
        """Keep a failed stage in place of its earlier failure; a record of it supersedes it.

        Raises:
            ResultsError: The status is not a failing one, or the disk refuses.
        """
        _require_status(row, statuses=FAILING_STATUSES)
        with self._writing():
            self._failures.write(row.record_id, render_record(Record(row)))

    def failures(self) -> dict[str, AccuracyRow]:
        """Return the failed rows that no record supersedes, by record_id."""
        return {
            record_id: failure.row
            for record_id in self._failures.ids()
            if self._records.read(record_id) is None
            and (failure := self._failures.read(record_id)) is not None
        }

    def statuses(self) -> dict[str, str]:
        """Return the status of every planned row by record_id: one of STATUSES, or `left`."""
        return {record_id: row.status if row else LEFT for record_id, row in self._outcomes()}

    def compile(self) -> None:
        """Write accuracy.csv and samples.csv from what the plan has records and failures of.

        Raises:
            ResultsError: A file cannot be written; what stands there still verifies.
        """
        # Gathered within the lock: whoever writes last has seen every record of those before.
        with self._writing(), exclusive(self.root):
            rows = sorted((row for _, row in self._outcomes() if row), key=csv_order)
            samples = [sample for row in rows for sample in self._samples(row)]
            contents = {
                csv_files.ACCURACY: csv_files.render_csv(csv_files.ACCURACY, rows),
                csv_files.SAMPLES: csv_files.render_csv(csv_files.SAMPLES, samples),
            }
            csv_files.replace_csvs(self.root, contents)

    def write_throughput(self, rows: Iterable[ThroughputRow]) -> None:
        """Put measurements into throughput.csv, in place of those with the same THROUGHPUT_KEY.

        A throughput.csv that does not verify is set aside.

        Raises:
            ResultsError: The disk refuses; what stands there still verifies.
        """
        path = self.root / csv_files.THROUGHPUT
        with self._writing(), exclusive(self.root):
            csv_files.merge_rows(path, rows, key=THROUGHPUT_KEY, notices=self._notices)

    def _outcomes(self) -> Iterator[tuple[str, AccuracyRow | None]]:
        return outcomes(self.plan(), read_record=self._records.read, failures=self.failures())

    def _samples(self, row: AccuracyRow) -> list[SampleRow]:
        record = self._records.read(row.record_id) if row.status == OK else None
        return sorted(record.samples, key=lambda item: item.sample) if record else []

    def _recorded(self) -> tuple[AccuracyRow, ...]:
        """Return what must have been planned, since it has a record or a failure."""
        rows = [
            record.row
            for folder in (self._records, self._failures)
            for record_id in folder.ids()
            if (record := folder.read(record_id)) is not None
        ]
        return tuple({row.record_id: planned(row) for row in rows}.values())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._is_read_only:
            raise ResultsError(f"{self.root}: opened for reading only")
        try:
            yield
        except OSError as error:
            raise ResultsError(
                f"{self.root}: cannot be written: {error.strerror or error}"
            ) from None


def _require_status(row: AccuracyRow, *, statuses: Sequence[str]) -> None:
    if row.status not in statuses:
        allowed = ", ".join(statuses)
        raise ResultsError(f"status: one of {allowed} is needed, not {row.status!r}")


def _parse(content: bytes, record_id: str, *, statuses: Sequence[str]) -> Record:
    record = parse_record(content, record_id=record_id)
    if record.row.status not in statuses:
        raise ResultsError(f"a row with status {record.row.status} does not belong here")
    return record
