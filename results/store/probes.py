"""What probes found, one sealed JSON document per record, and the finer tables made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.errors import ResultsError, explain_os_errors
from results.schema.columns import columns_of, from_json
from results.schema.probe_rows import ProbeRow
from results.store import csv_files
from results.store.checked_json import seal, unseal
from results.store.csv_files import PROBE_TABLES
from results.store.documents import Documents
from results.store.files import exclusive
from results.store.records import SHARED_COLUMNS, stage_columns

PROBES = "probes"
_PARTS = {"record_id", "version", "stage", "tables"}


@dataclass(frozen=True)
class ProbeRecord:
    """The finer tables of one record, by the name of their CSV; all of one stage and length.

    What probes of another version found counts as absent.
    """

    record_id: str
    version: int
    tables: Mapping[str, Sequence[ProbeRow]]

    def __post_init__(self) -> None:
        unknown = [name for name in self.tables if name not in PROBE_TABLES]
        if unknown:
            raise ResultsError(f"tables: {', '.join(unknown)}: not the table of a probe")
        stages = {
            tuple(stage_columns(row).values()) for rows in self.tables.values() for row in rows
        }
        if len(stages) != 1:
            raise ResultsError(f"tables: rows of one stage are needed, not of {len(stages)}")


class ProbeStore:
    """The probes of one results folder; read-only, it leaves bad files where they are."""

    def __init__(self, root: Path, *, version: int, is_read_only: bool = False) -> None:
        self.root = root
        self.notices: list[str] = []
        self._version = version
        self._documents = Documents(
            root / PROBES, parse=_parse, is_read_only=is_read_only, notices=self.notices
        )

    def read(self, record_id: str) -> ProbeRecord | None:
        """Read what was found; None where nothing was, by this version."""
        record = self._documents.read(record_id)
        return record if record is not None and record.version == self._version else None

    def version_of(self, record_id: str) -> int | None:
        """Say which version found what there is; None where nothing is."""
        # Of another version too: it cannot be found again once its checkpoint is gone.
        record = self._documents.read(record_id)
        return None if record is None else record.version

    def write(self, record: ProbeRecord) -> None:
        """Keep what was found, in place of what was found before."""
        with explain_os_errors(f"{self.root}: cannot be written"):
            self._documents.write(record.record_id, render_probes(record))

    def compile(self, record_ids: Iterable[str]) -> None:
        """Write the CSVs from what was found of these records, in their order."""
        found = [record for each in record_ids if (record := self.read(each)) is not None]
        tables = {
            name: [row for record in found for row in record.tables.get(name, ())]
            for name in PROBE_TABLES
        }
        with explain_os_errors(f"{self.root}: cannot be written"), exclusive(self.root):
            csv_files.replace_csvs(self.root, tables)


def render_probes(record: ProbeRecord) -> bytes:
    """Write what was found as a document."""
    # Rows are lists without their stage: names and stage would be most of the file.
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
    try:
        rows = {
            name: tuple(_row(name, body["stage"], values) for values in table)
            for name, table in body["tables"].items()
        }
        record = ProbeRecord(body["record_id"], body["version"], rows)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ResultsError("it holds a row or a table that is not of a probe") from None
    if record.record_id != record_id:
        raise ResultsError(f"it holds record {record.record_id}, not the one in its name")
    return record


def _row(name: str, stage: dict[str, Any], values: list[Any]) -> ProbeRow:
    own = dict(zip(_own_columns(name), values, strict=True))
    return from_json(PROBE_TABLES[name], stage | own)


def _own_columns(name: str) -> list[str]:
    columns = columns_of(PROBE_TABLES[name])
    return [item.name for item in columns if item.name not in SHARED_COLUMNS]
