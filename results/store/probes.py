"""What probes found, one sealed JSON document per record, and the finer tables made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.schema.columns import from_json
from results.schema.layout import columns_of
from results.schema.probe_rows import ProbeRow
from results.schema.rows import AccuracyRow
from results.store import csv_files
from results.store.checked_json import seal, unseal
from results.store.documents import RecordFolder
from results.store.locks import exclusive
from results.store.records import SHARED_COLUMNS

PROBES = "probes"
_PARTS = {"record_id", "version", "stage", "tables"}


@dataclass(frozen=True)
class ProbeRecord:
    """The finer tables of one record of accuracy.csv.

    Attributes:
        record_id: That record's.
        version: Version of the probes; what another version found counts as absent.
        tables: Rows by the name of their CSV, all of one stage and length.
    """

    record_id: str
    version: int
    tables: Mapping[str, Sequence[ProbeRow]]

    def __post_init__(self) -> None:
        unknown = [name for name in self.tables if name not in csv_files.PROBE_TABLES]
        if unknown:
            raise ResultsError(f"tables: {', '.join(unknown)}: not the table of a probe")
        stages = {
            tuple(stage_columns(row).values()) for rows in self.tables.values() for row in rows
        }
        if len(stages) != 1:
            raise ResultsError(f"tables: rows of one stage are needed, not of {len(stages)}")


def stage_columns(row: AccuracyRow | ProbeRow) -> dict[str, Any]:
    """Return the columns that every row of a probe shares with its row of accuracy.csv."""
    return {name: getattr(row, name) for name in SHARED_COLUMNS}


class ProbeStore:
    """The probes of one results folder.

    Args:
        root: The results folder.
        version: Version of the probes that are wanted.
        is_read_only: Whether bad files stay where they are.
    """

    def __init__(self, root: Path, *, version: int, is_read_only: bool = False) -> None:
        self.root = root
        self.notices: list[str] = []
        self._version = version
        self._folder = RecordFolder(
            root / PROBES, parse=_parse, is_read_only=is_read_only, notices=self.notices
        )

    def read(self, record_id: str) -> ProbeRecord | None:
        """Return what was found; None where nothing was, by this version."""
        record = self._folder.read(record_id)
        return record if record is not None and record.version == self._version else None

    def version_of(self, record_id: str) -> int | None:
        """Return which version found what there is; None where nothing is."""
        record = self._folder.read(record_id)
        return None if record is None else record.version

    def write(self, record: ProbeRecord) -> None:
        """Keep what was found, in place of what was found before.

        Raises:
            ResultsError: The disk refuses.
        """
        try:
            self._folder.write(record.record_id, render_probes(record))
        except OSError as error:
            raise ResultsError(_refusal(self.root, error)) from None

    def compile(self, record_ids: Iterable[str]) -> None:
        """Write the CSVs from what was found of these records, in their order.

        Raises:
            ResultsError: The disk refuses; what stands there still verifies.
        """
        found = [record for each in record_ids if (record := self.read(each)) is not None]
        contents = {
            name: csv_files.render_csv(
                name, [row for record in found for row in record.tables.get(name, ())]
            )
            for name in csv_files.PROBE_TABLES
        }
        try:
            with exclusive(self.root):
                csv_files.replace_csvs(self.root, contents)
        except OSError as error:
            raise ResultsError(_refusal(self.root, error)) from None


def _refusal(root: Path, error: OSError) -> str:
    return f"{root}: cannot be written: {error.strerror or error}"


def render_probes(record: ProbeRecord) -> bytes:
    """Return the bytes of the file; rows are lists, and do not repeat their stage."""
    tables = {
        name: [[getattr(row, column) for column in _own_columns(name)] for row in table]
        for name, table in record.tables.items()
    }
    first = next(row for table in record.tables.values() for row in table)
    return seal(
        {
            "record_id": record.record_id,
            "version": record.version,
            "stage": stage_columns(first),
            "tables": tables,
        }
    )


def _parse(content: bytes, record_id: str) -> ProbeRecord:
    body = unseal(content)
    if not isinstance(body, dict) or set(body) != _PARTS:
        raise ResultsError(f"it does not hold {', '.join(sorted(_PARTS))}")
    if body["record_id"] != record_id:
        raise ResultsError(f"it holds record {body['record_id']}, not the one in its name")
    tables = body["tables"]
    if not isinstance(tables, dict) or not set(tables) <= set(csv_files.PROBE_TABLES):
        raise ResultsError("it holds a table that is none of a probe")
    try:
        rows = {
            name: tuple(_row(name, body["stage"], values) for values in table)
            for name, table in tables.items()
        }
    except (TypeError, ValueError):
        raise ResultsError("it holds a row that does not fit its table") from None
    return ProbeRecord(record_id, body["version"], rows)


def _row(name: str, stage: dict[str, Any], values: list[Any]) -> ProbeRow:
    own = dict(zip(_own_columns(name), values, strict=True))
    return from_json(csv_files.PROBE_TABLES[name], stage | own)


def _own_columns(name: str) -> list[str]:
    return [
        item.name
        for item in columns_of(csv_files.PROBE_TABLES[name])
        if item.name not in SHARED_COLUMNS
    ]
