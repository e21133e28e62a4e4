"""The CSVs of a results folder: rendered, replaced whole, and read back as verified rows.

checksums.json has for each CSV the checksums of its present and its next version. It is written
before a CSV is replaced, so a kill at any moment leaves a CSV that verifies.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from results.errors import ResultsError, explain_os_errors
from results.schema.columns import check_names, columns_of, from_texts, layout_of
from results.schema.probe_rows import (
    AlignmentRow,
    CorruptionRow,
    ErrorRow,
    InfluenceRow,
    MapRow,
    PositionRow,
    ProbeRow,
    StateRow,
    WeightRow,
)
from results.schema.rows import AccuracyRow, SampleRow, ThroughputRow
from results.store.checked_json import seal, unseal
from results.store.files import replace_file

ACCURACY = "accuracy.csv"
THROUGHPUT = "throughput.csv"
SAMPLES = "samples.csv"
ERRORS = "errors.csv"
POSITIONS = "positions.csv"
CORRUPTION = "corruption.csv"
ALIGNMENT = "alignment.csv"
INFLUENCE = "influence.csv"
MAPS = "maps.csv"
STATE = "state.csv"
WEIGHTS = "weights.csv"
PROBE_TABLES: dict[str, type[ProbeRow]] = {
    ERRORS: ErrorRow,
    POSITIONS: PositionRow,
    CORRUPTION: CorruptionRow,
    ALIGNMENT: AlignmentRow,
    INFLUENCE: InfluenceRow,
    MAPS: MapRow,
    STATE: StateRow,
    WEIGHTS: WeightRow,
}
ROW_TYPES: dict[str, type[Any]] = {
    ACCURACY: AccuracyRow,
    THROUGHPUT: ThroughputRow,
    SAMPLES: SampleRow,
    **PROBE_TABLES,
}
CHECKSUMS = "checksums.json"
WHAT_TO_DO = "repeat the command that wrote it"
READ_ATTEMPTS = 3

# CSV name to {checksum: number of rows} of every version that is valid.
Versions = dict[str, dict[str, int]]


def render_csv(name: str, rows: Sequence[Any]) -> bytes:
    """Write a header, then one line per row, in the order given."""
    # The csv module writes None as nothing and a float by its repr, so both come back exactly.
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([item.name for item in columns_of(ROW_TYPES[name])])
    writer.writerows(map(layout_of(ROW_TYPES[name]).values, rows))
    return text.getvalue().encode("utf-8")


def replace_csvs(folder: Path, tables: Mapping[str, Sequence[Any]]) -> None:
    """Replace the CSVs that changed, checksums first; to be called in `exclusive(folder)`."""
    try:
        versions = load_versions(folder)
    except ResultsError:
        versions = {}
    changed: dict[str, bytes] = {}
    for name, rows in tables.items():
        content = render_csv(name, rows)
        path = folder / name
        present = checksum(path.read_bytes()) if path.exists() else None
        known = versions.get(name, {})
        following = checksum(content)
        if present == following and following in known:
            continue
        # What is there stays valid only if it was: an edited CSV must not become valid.
        kept = {version: count for version, count in known.items() if version == present}
        versions[name] = kept | {following: len(rows)}
        changed[name] = content
    if changed:
        replace_file(folder / CHECKSUMS, seal(versions))
    for name, content in changed.items():
        replace_file(folder / name, content)


def checksum(content: bytes) -> str:
    """Hash some bytes by SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def load_versions(folder: Path) -> Versions:
    """Read which versions of the CSVs are valid; refuse a checksums.json that is absent or bad."""
    try:
        with explain_os_errors("cannot be read"):
            known = unseal((folder / CHECKSUMS).read_bytes())
        if not isinstance(known, dict) or not all(
            isinstance(item, dict) for item in known.values()
        ):
            raise ResultsError("it does not hold checksums by CSV")
    except ResultsError as error:
        raise ResultsError(f"cannot be verified: {CHECKSUMS}: {error}") from None
    return known


def path_of(folder: Path, name: str) -> Path:
    """Find a CSV as it is in a folder: gzipped if only `name.gz` is there."""
    path, packed = folder / name, folder / f"{name}.gz"
    return packed if packed.is_file() and not path.is_file() else path


def read_rows(folder: Path, name: str) -> tuple[Any, ...]:
    """Read the rows of a CSV, verified.

    Raises:
        ResultsError: It is absent, truncated, edited, of another schema version, or its columns
            or values are not those of the schema; names the file and what to do.
    """
    path = path_of(folder, name)
    try:
        return _parse(ROW_TYPES[name], *_read_verified(path, name))
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}; {WHAT_TO_DO}") from None


def read_content(folder: Path, name: str) -> bytes:
    """Read a CSV as it was written, held to its checksum alone.

    Raises:
        ResultsError: It is absent, truncated or edited; names the file and what to do.
    """
    path = path_of(folder, name)
    try:
        return _read_verified(path, name)[0]
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}; {WHAT_TO_DO}") from None


def _read_verified(path: Path, name: str) -> tuple[bytes, int]:
    # Between reading the CSV and reading the checksums both may be replaced twice: look again.
    for _ in range(READ_ATTEMPTS):
        with explain_os_errors("cannot be read"):
            content = path.read_bytes()
        if path.name != name:
            content = _unpack(content)
        # The checksum is that of the CSV, packed or not: packing again changes no checksum.
        count = load_versions(path.parent).get(name, {}).get(checksum(content))
        if count is not None:
            return content, count
    raise ResultsError(f"truncated or edited, not as in {CHECKSUMS}")


def _unpack(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ResultsError(f"not a gzip file: {error}") from None


def _parse(row_type: type[Any], content: bytes, count: int) -> tuple[Any, ...]:
    try:
        text = io.StringIO(content.decode("utf-8"), newline="")
        names, *lines = list(csv.reader(text, strict=True)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"not a CSV: {error}") from None
    # The checksum was right: then it is the parser that reads other rows than were written.
    if len(lines) != count:
        raise ResultsError(f"{len(lines)} rows, not {count}")
    check_names(row_type, names)
    return tuple(
        _row(row_type, names, texts, number) for number, texts in enumerate(lines, start=2)
    )


def _row(row_type: type[Any], names: list[str], texts: list[str], number: int) -> Any:
    try:
        if len(texts) != len(names):
            raise ResultsError(f"{len(texts)} values, not {len(names)}")
        return from_texts(row_type, dict(zip(names, texts, strict=True)))
    except ResultsError as error:
        raise ResultsError(f"line {number}: {error}") from None
