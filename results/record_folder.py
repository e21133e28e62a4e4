"""A folder of records, one file each: written whole, verified when read, bad ones set aside."""

import os
from collections.abc import Sequence
from pathlib import Path

from results.atomic import replace_file
from results.errors import ResultsError
from results.records import Record, parse_record, render_record
from results.rejected import State, file_state, set_aside

SUFFIX = ".json"


class RecordFolder:
    """Records by id; parsed records are kept for as long as their file stays the same.

    Args:
        path: The folder; it is made with the first record.
        statuses: The row statuses that belong here.
        is_read_only: Whether bad files stay where they are and writing is refused.
        notices: Receives one line per file that was rejected.
    """

    def __init__(
        self, path: Path, *, statuses: Sequence[str], is_read_only: bool, notices: list[str]
    ) -> None:
        self.path = path
        self._statuses = tuple(statuses)
        self._is_read_only = is_read_only
        self._notices = notices
        self._parsed: dict[str, tuple[State, Record | None]] = {}

    def ids(self) -> list[str]:
        """Return the ids of all records that have a file, sorted."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        return sorted(
            name.removesuffix(SUFFIX)
            for name in names
            if name.endswith(SUFFIX) and not name.startswith(".")
        )

    def read(self, record_id: str) -> Record | None:
        """Return the record, or None where there is no file or a bad one, which is set aside."""
        path = self.path / (record_id + SUFFIX)
        try:
            state = file_state(path)
            known = self._parsed.get(record_id)
            if known is not None and known[0] == state:
                return known[1]
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ResultsError(f"{path}: cannot be read: {error.strerror or error}") from None
        record: Record | None
        try:
            record = self._accept(content, record_id)
        except ResultsError as error:
            self._reject(path, state, reason=str(error))
            record = None
        self._parsed[record_id] = (state, record)
        return record

    def write(self, record: Record) -> None:
        """Write the record in place of one with the same id.

        Raises:
            ResultsError: The status does not belong here.
            OSError: The file cannot be written; an old one is untouched.
        """
        status = record.row.status
        if status not in self._statuses:
            allowed = ", ".join(self._statuses)
            raise ResultsError(f"status: one of {allowed} is needed, not {status!r}")
        self.path.mkdir(exist_ok=True)
        replace_file(self.path / (record.row.record_id + SUFFIX), render_record(record))

    def _accept(self, content: bytes, record_id: str) -> Record:
        record = parse_record(content, record_id=record_id)
        if record.row.status not in self._statuses:
            raise ResultsError(f"a row with status {record.row.status} does not belong here")
        return record

    def _reject(self, path: Path, state: State, *, reason: str) -> None:
        if self._is_read_only:
            self._notices.append(f"{path}: not used: {reason}")
        else:
            set_aside(path, state, reason=reason, notices=self._notices)
