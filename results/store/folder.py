"""The results folder: a plan, immutable records, failures, and the CSVs compiled from them."""

import itertools
import math
import operator
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from results.errors import ResultsError, explain_os_errors
from results.schema.rows import (
    FAILING_STATUSES,
    NOT_REACHED,
    OK,
    AccuracyRow,
    SampleRow,
    ThroughputRow,
    planned,
)
from results.store import csv_files
from results.store.checked_json import check_version
from results.store.documents import Documents, file_state, reject
from results.store.files import exclusive
from results.store.records import Record, parse_plan, parse_record, render_plan, render_record

LEFT = "left"
PLAN = "plan.json"
RECORDS = "records"
FAILURES = "failures"

Plan = tuple[AccuracyRow, ...]

csv_order = operator.attrgetter(
    *("task", "model", "protocol", "config_id", "seed", "train_length", "length", "record_id")
)
_timed = operator.attrgetter(
    *("model", "phase", "length", "batch_size", "symbols", "cell", "hidden", "encoder"),
    *("device", "threads"),
)


def timing_key(row: ThroughputRow) -> tuple[Any, ...]:
    """Name what was timed: of two measurements with the same key, the later one replaces."""
    return (*_timed(row), row.layers or 0)


def open_store(root: Path, *, create: bool) -> "Store":
    """Open a results folder, or refuse a file, a full disk and another schema version.

    Without `create` the store is a read-only view, empty where the folder is absent: nothing is
    ever written or renamed.
    """
    with explain_os_errors(f"{root}: cannot be used"):
        if root.exists() and not root.is_dir():
            raise ResultsError(f"{root}: is a file, a folder is needed")
        if create:
            _refuse_published(root)
            _check_writable(root)
        _check_version(root)
    return Store(root, is_read_only=not create)


def _refuse_published(root: Path) -> None:
    # A compilation writes only rows that have a record: published CSVs would be lost.
    has_source = any((root / name).exists() for name in (PLAN, RECORDS, FAILURES))
    if (root / csv_files.ACCURACY).exists() and not has_source:
        raise ResultsError(
            f"{root}: has {csv_files.ACCURACY} and no records that it is made of, so nothing can "
            "be added; choose another folder"
        )


def _check_writable(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for folder in (root, root / RECORDS, root / FAILURES):
        if folder.is_dir():
            # A real write: permission bits say nothing about a read-only or full disk.
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"0")


def _check_version(root: Path) -> None:
    # One file is enough: no folder has files of two versions.
    files = itertools.chain([root / PLAN], (root / RECORDS).glob("[!.]*.json"))
    path = next((path for path in files if path.is_file()), None)
    if path is not None:
        try:
            check_version(path.read_bytes())
        except ResultsError as error:
            raise ResultsError(f"{path}: {error}; choose another folder") from None


class Store:
    """A view of one results folder; made by `open_store`.

    Every method that writes raises ResultsError where the disk refuses, and leaves what was there.
    """

    def __init__(self, root: Path, *, is_read_only: bool) -> None:
        self.root = root
        self._is_read_only = is_read_only
        self._notices: list[str] = []
        documents = partial(Documents, is_read_only=is_read_only, notices=self._notices)
        self._plan: Documents[Plan] = documents(root, parse=lambda content, _: parse_plan(content))
        self._records: Documents[Record] = documents(
            root / RECORDS, parse=partial(_parse, statuses=(OK,))
        )
        self._failures: Documents[Record] = documents(
            root / FAILURES, parse=partial(_parse, statuses=FAILING_STATUSES)
        )

    def take_notices(self) -> tuple[str, ...]:
        """Take one line per file that was rejected since the last call."""
        notices = tuple(self._notices)
        self._notices.clear()
        return notices

    def plan(self) -> Plan:
        """Read every row ever planned here: no scores, status not_reached.

        A damaged or absent plan is made again from the records and failures that there are.
        """
        # Else a command whose folder was removed would find that nothing is left to do.
        if not self._is_read_only and not self.root.is_dir():
            raise ResultsError(f"{self.root}: is gone; it was there before")
        rows = self._plan.read("plan")
        return self._recorded() if rows is None else rows

    def _recorded(self) -> Plan:
        rows = [
            record.row
            for documents in (self._records, self._failures)
            for name in documents.ids()
            if (record := documents.read(name)) is not None
        ]
        return tuple(planned(row) for row in _newest(rows).values())

    def extend_plan(
        self, rows: Iterable[AccuracyRow], *, require: Callable[[Plan], None] = lambda present: None
    ) -> None:
        """Add rows to the plan; those whose record_id is planned already are left as they are.

        A stage that a newer evaluator is to evaluate again leaves the plan as it was evaluated.

        Args:
            rows: Without scores.
            require: Asked of the plan as it is, while nobody else can extend it; raises to refuse.
        """
        wanted = {row.record_id: row for row in rows}
        for row in wanted.values():
            _require_status(row, statuses=(NOT_REACHED,))
        with self._writing(), exclusive(self.root):
            plan = self.plan()
            require(plan)
            extended = _newest((*plan, *wanted.values()))
            # A shard without a run has a plan too, of no rows.
            if extended.keys() != {row.record_id for row in plan} or not (
                self._plan.path_of("plan").exists()
            ):
                # Sorted, so that merged folders are the same in whatever order they were merged.
                self._plan.write("plan", render_plan(sorted(extended.values(), key=csv_order)))

    def write_record(
        self, row: AccuracyRow, samples: Sequence[SampleRow] = (), *, replaces: bool = False
    ) -> None:
        """Keep an evaluated stage for good; its record, if there, stays unless this replaces it."""
        _require_status(row, statuses=(OK,))
        record = Record(row, tuple(samples))
        with self._writing():
            if replaces or self._records.read(row.record_id) is None:
                self._records.write(row.record_id, render_record(record))

    def read_record(self, record_id: str) -> Record | None:
        """Read a record; None where there is none, or a bad one, which is then set aside."""
        return self._records.read(record_id)

    def write_failure(self, row: AccuracyRow) -> None:
        """Keep a failed stage in place of its earlier failure; a record of it supersedes it."""
        _require_status(row, statuses=FAILING_STATUSES)
        with self._writing():
            self._failures.write(row.record_id, render_record(Record(row)))

    def failures(self) -> dict[str, AccuracyRow]:
        """Read the failed rows that no record supersedes, by record_id."""
        return {
            name: failure.row
            for name in self._failures.ids()
            if self._records.read(name) is None
            and (failure := self._failures.read(name)) is not None
        }

    def statuses(self) -> dict[str, str]:
        """List the status of every planned row by record_id: one of STATUSES, or `left`."""
        return {record_id: row.status if row else LEFT for record_id, row in self._outcomes()}

    def _outcomes(self) -> Iterator[tuple[str, AccuracyRow | None]]:
        """Yield of each planned row its record_id and what happened; None where it is left."""
        plan, failures = self.plan(), self.failures()
        failed_at: dict[str, float] = {}
        for row in plan:
            if row.record_id in failures:
                failed_at[row.run_id] = min(row.train_length, failed_at.get(row.run_id, math.inf))
        for row in plan:
            record = self._records.read(row.record_id)
            if record is not None:
                yield row.record_id, record.row
            elif row.record_id in failures:
                yield row.record_id, failures[row.record_id]
            else:
                # A model run that failed at a length never reaches the longer ones.
                is_out_of_reach = failed_at.get(row.run_id, math.inf) <= row.train_length
                yield row.record_id, row if is_out_of_reach else None

    def compile(self) -> None:
        """Write accuracy.csv and samples.csv from what the plan has records and failures of."""
        # Gathered within the lock: the last to write has seen every record of those before.
        with self._writing(), exclusive(self.root):
            rows = sorted((row for _, row in self._outcomes() if row), key=csv_order)
            samples = [
                sample
                for row in rows
                if row.status == OK and (record := self._records.read(row.record_id))
                for sample in sorted(record.samples, key=operator.attrgetter("sample"))
            ]
            csv_files.replace_csvs(
                self.root, {csv_files.ACCURACY: rows, csv_files.SAMPLES: samples}
            )

    def timings(self) -> tuple[ThroughputRow, ...]:
        """Read throughput.csv; no rows where it is absent or does not verify, and is set aside."""
        path = self.root / csv_files.THROUGHPUT
        if not path.is_file():
            return ()
        state = file_state(path)
        try:
            return csv_files.read_rows(self.root, path.name)
        except ResultsError as error:
            reason = str(error).removeprefix(f"{path}: ")
            reject(path, state, reason, notices=self._notices, is_kept=self._is_read_only)
            return ()

    def write_throughput(self, rows: Iterable[ThroughputRow]) -> None:
        """Put measurements into throughput.csv, in place of those with the same `timing_key`."""
        with self._writing(), exclusive(self.root):
            by_key = {timing_key(row): row for row in (*self.timings(), *rows)}
            table = [by_key[key] for key in sorted(by_key)]
            csv_files.replace_csvs(self.root, {csv_files.THROUGHPUT: table})

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self._is_read_only:
            raise ResultsError(f"{self.root}: opened for reading only")
        with explain_os_errors(f"{self.root}: cannot be written"):
            yield


def _require_status(row: AccuracyRow, *, statuses: Sequence[str]) -> None:
    if row.status not in statuses:
        raise ResultsError(f"status: one of {', '.join(statuses)} is needed, not {row.status!r}")


def _parse(content: bytes, record_id: str, *, statuses: Sequence[str]) -> Record:
    record = parse_record(content, record_id=record_id)
    if record.row.status not in statuses:
        raise ResultsError(f"a row with status {record.row.status} does not belong here")
    return record


def _newest(rows: Iterable[AccuracyRow]) -> dict[str, AccuracyRow]:
    """Keep, of each stage at each length, the row of the newest evaluator; by record_id."""
    # Else two evaluations of one model would be averaged as if they were of two.
    rows = tuple(rows)
    versions: dict[tuple[str, int], int] = {}
    for row in rows:
        key = (row.stage_id, row.length)
        versions[key] = max(row.evaluator_version, versions.get(key, 0))
    return {
        row.record_id: row
        for row in rows
        if row.evaluator_version == versions[row.stage_id, row.length]
    }


def coded_otherwise(
    present: Iterable[AccuracyRow], wanted: Iterable[AccuracyRow]
) -> AccuracyRow | None:
    """Find the first wanted row whose task and model are present with other code of a user."""
    codes = {(row.task, row.model): row.code_hash for row in present}
    for row in wanted:
        if codes.get((row.task, row.model), row.code_hash) != row.code_hash:
            return row
    return None


def trained_otherwise(
    present: Iterable[AccuracyRow], wanted: Iterable[AccuracyRow]
) -> AccuracyRow | None:
    """Find the first wanted row whose length is present at the end of another path of lengths."""
    # Two trainings of one length, after other lengths before it, are not one curve.
    stages = {_point(row): row.stage_id for row in present}
    for row in wanted:
        if stages.get(_point(row), row.stage_id) != row.stage_id:
            return row
    return None


def _point(row: AccuracyRow) -> tuple[str, str, str, int, int, int]:
    train_length = 0 if row.protocol == "mixed" else row.train_length
    return (row.task, row.model, row.config_id, row.seed, train_length, row.length)
