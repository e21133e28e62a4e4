"""The CSVs of a results folder: rendered, replaced whole, and read back as rows."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.errors import ResultsError
from results.schema.columns import check_names, from_cells
from results.schema.layout import layout_of
from results.schema.probe_rows import (
    AlignmentRow,
    ErrorRow,
    InfluenceRow,
    MapRow,
    PositionRow,
    ProbeRow,
)
from results.schema.rows import SCHEMA_VERSION, AccuracyRow, SampleRow, ThroughputRow
from results.store.checksums import (
    WHAT_TO_DO,
    Versions,
    checksum,
    load_versions,
    read_verified,
    write_versions,
)
from results.store.files import replace_file
from results.store.rejected import file_state, set_aside

ACCURACY = "accuracy.csv"
THROUGHPUT = "throughput.csv"
SAMPLES = "samples.csv"
ERRORS = "errors.csv"
POSITIONS = "positions.csv"
ALIGNMENT = "alignment.csv"
INFLUENCE = "influence.csv"
MAPS = "maps.csv"
PROBE_TABLES: dict[str, type[ProbeRow]] = {
    ERRORS: ErrorRow,
    POSITIONS: PositionRow,
    ALIGNMENT: AlignmentRow,
    INFLUENCE: InfluenceRow,
    MAPS: MapRow,
}
ROW_TYPES: dict[str, type[Any]] = {
    ACCURACY: AccuracyRow,
    THROUGHPUT: ThroughputRow,
    SAMPLES: SampleRow,
    **PROBE_TABLES,
}


@dataclass(frozen=True)
class Rendered:
    """The bytes of a CSV and the number of its rows."""

    content: bytes
    rows: int


def render_csv(name: str, rows: Sequence[Any]) -> Rendered:
    """Return a CSV: a header, then one line per row, in the order given.

    The csv module writes None as nothing and a float by its repr, so both come back exactly.
    """
    layout = layout_of(ROW_TYPES[name])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([item.name for item in layout.columns])
    writer.writerows(map(layout.values, rows))
    return Rendered(text.getvalue().encode("utf-8"), len(rows))


def replace_csvs(folder: Path, contents: Mapping[str, Rendered]) -> None:
    """Replace the named CSVs that changed, checksums first; to be called in `exclusive(folder)`.

    Raises:
        OSError: A file cannot be written; what stands there still verifies.
    """
    versions = _usable_versions(folder)
    changed: dict[str, bytes] = {}
    for name, rendered in contents.items():
        known = versions.get(name, {})
        present = _checksum_of_file(folder / name)
        following = checksum(rendered.content)
        if present == following and following in known:
            continue
        # What stands there stays valid only if it was: an edited CSV must not become so.
        kept = {version: rows for version, rows in known.items() if version == present}
        versions[name] = kept | {following: rendered.rows}
        changed[name] = rendered.content
    if changed:
        write_versions(folder, versions)
        for name, content in changed.items():
            replace_file(folder / name, content)


def merge_rows(
    path: Path, rows: Iterable[Any], *, key: tuple[str, ...], notices: list[str]
) -> None:
    """Replace the rows of a CSV that share their key with a new row; to be called as replace_csvs.

    A CSV that does not verify is set aside, with a line in notices: new rows are never refused.

    Raises:
        OSError: A file cannot be written; what stands there still verifies.
    """
    present = _rows_if_any(path, notices)
    by_key = {tuple(getattr(row, part) for part in key): row for row in (*present, *rows)}
    merged = [by_key[values] for values in sorted(by_key)]
    replace_csvs(path.parent, {path.name: render_csv(path.name, merged)})


def _rows_if_any(path: Path, notices: list[str]) -> tuple[Any, ...]:
    try:
        state = file_state(path)
    except FileNotFoundError:
        return ()
    try:
        return read_rows(path.parent, path.name)
    except ResultsError as error:
        set_aside(path, state, reason=str(error).removeprefix(f"{path}: "), notices=notices)
        return ()


def _usable_versions(folder: Path) -> Versions:
    try:
        return load_versions(folder)
    except (FileNotFoundError, ResultsError):
        return {}


def _checksum_of_file(path: Path) -> str | None:
    try:
        return checksum(path.read_bytes())
    except FileNotFoundError:
        return None


def read_rows(folder: Path, name: str) -> tuple[Any, ...]:
    """Return the rows of a CSV, verified.

    Raises:
        ResultsError: It is absent, truncated, edited, of another schema version, or its columns
            or values are not those of the schema; names the file and what to do.
    """
    path = folder / name
    content, rows = read_verified(path)
    try:
        return _parse(content, ROW_TYPES[name], rows=rows)
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}; {WHAT_TO_DO}") from None


def _parse(content: bytes, row_type: type[Any], *, rows: int) -> tuple[Any, ...]:
    try:
        text = io.StringIO(content.decode("utf-8"), newline="")
        names, *lines = list(csv.reader(text, strict=True)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"not a CSV: {error}") from None
    if len(lines) != rows:
        raise ResultsError(f"{len(lines)} rows, not {rows}")
    _check_version(names, lines)
    check_names(row_type, names)
    return tuple(
        _row(row_type, names, cells, number) for number, cells in enumerate(lines, start=2)
    )


def _check_version(names: list[str], lines: list[list[str]]) -> None:
    if "schema_version" not in names:
        return
    index = names.index("schema_version")
    for cells in lines:
        version = cells[index] if index < len(cells) else ""
        if version.isdecimal() and version != str(SCHEMA_VERSION):
            raise ResultsError(f"of schema version {version}, not {SCHEMA_VERSION}")


def _row(row_type: type[Any], names: list[str], cells: list[str], number: int) -> Any:
    if len(cells) != len(names):
        raise ResultsError(f"line {number}: {len(cells)} cells, not {len(names)}")
    try:
        return from_cells(row_type, dict(zip(names, cells, strict=True)))
    except ResultsError as error:
        raise ResultsError(f"line {number}: {error}") from None
