"""The CSVs of a results folder: written whole, and verified against checksums.json when read.

checksums.json names the present and the next version of a CSV before the CSV is replaced, so a
kill at any moment leaves a CSV that verifies.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results.atomic import exclusive, replace_file
from results.columns import check_names, from_cells, layout_of
from results.errors import ResultsError
from results.rejected import file_state, set_aside
from results.schema import SCHEMA_VERSION, AccuracyRow, SampleRow, ThroughputRow
from results.sealed import OtherSchemaError, seal, unseal

ACCURACY = "accuracy.csv"
THROUGHPUT = "throughput.csv"
SAMPLES = "samples.csv"
CHECKSUMS = "checksums.json"
ROW_TYPES: dict[str, type[Any]] = {
    ACCURACY: AccuracyRow,
    THROUGHPUT: ThroughputRow,
    SAMPLES: SampleRow,
}
WHAT_TO_DO = "run the command that wrote it again to compile it anew"
READ_ATTEMPTS = 3


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


def replace_csvs(folder: Path, contents: Mapping[str, Rendered]) -> bool:
    """Replace the named CSVs that changed, checksums first; return whether any did.

    Raises:
        OSError: A file cannot be written; what stands there still verifies.
    """
    with exclusive(folder):
        return _replace_csvs(folder, contents)


def merge_rows(
    folder: Path, name: str, rows: Iterable[Any], *, key: tuple[str, ...], notices: list[str]
) -> bool:
    """Replace those rows of a CSV that share their key with a new row, and keep the others.

    A CSV that does not verify is set aside, with a line in notices: new rows are never refused.

    Raises:
        OSError: A file cannot be written; what stands there still verifies.
    """
    with exclusive(folder):
        present = _rows_if_any(folder / name, notices)
        by_key = {tuple(getattr(row, part) for part in key): row for row in (*present, *rows)}
        merged = [row for _, row in sorted(by_key.items(), key=lambda item: item[0])]
        return _replace_csvs(folder, {name: render_csv(name, merged)})


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


def _replace_csvs(folder: Path, contents: Mapping[str, Rendered]) -> bool:
    known = _known_versions(folder)
    changed = {}
    for name, rendered in contents.items():
        digest = _digest(rendered.content)
        present = _digest_of_file(folder / name)
        versions = known.get(name, {})
        if present == digest and digest in versions:
            continue
        kept = {version: rows for version, rows in versions.items() if version == present}
        known[name] = kept | {digest: rendered.rows}
        changed[name] = rendered.content
    if changed:
        replace_file(folder / CHECKSUMS, seal(known))
        for name, content in changed.items():
            replace_file(folder / name, content)
    return bool(changed)


def _known_versions(folder: Path) -> dict[str, dict[str, int]]:
    """Return CSV name to {checksum: number of rows}; nothing where checksums.json is no use."""
    try:
        known = unseal((folder / CHECKSUMS).read_bytes())
    except (FileNotFoundError, ResultsError):
        return {}
    return known if isinstance(known, dict) else {}


def read_rows(folder: Path, name: str) -> tuple[Any, ...]:
    """Return the rows of a CSV, verified.

    Raises:
        ResultsError: It is absent, truncated, edited, of another schema version, or its columns
            or values are not those of the schema; names the file and what to do.
    """
    row_type = ROW_TYPES[name]
    lines = _split(_verified(folder, name))
    try:
        names = lines[0] if lines else []
        _check_version(names, lines[1:])
        check_names(row_type, names)
        return tuple(
            _row(row_type, names, cells, number) for number, cells in enumerate(lines[1:], start=2)
        )
    except ResultsError as error:
        raise ResultsError(f"{folder / name}: {error}") from None


def _row(row_type: type[Any], names: list[str], cells: list[str], number: int) -> Any:
    if len(cells) != len(names):
        raise ResultsError(f"line {number}: {len(cells)} cells, not {len(names)}; {WHAT_TO_DO}")
    try:
        return from_cells(row_type, dict(zip(names, cells, strict=True)))
    except ResultsError as error:
        raise ResultsError(f"line {number}: {error}") from None


def _check_version(names: list[str], lines: list[list[str]]) -> None:
    if "schema_version" not in names:
        return
    index = names.index("schema_version")
    for cells in lines:
        if index < len(cells) and cells[index] != str(SCHEMA_VERSION):
            raise ResultsError(
                f"schema_version is {cells[index]}, not {SCHEMA_VERSION}; {WHAT_TO_DO}"
            )


def _verified(folder: Path, name: str) -> bytes:
    # Between reading the CSV and reading the checksums both may be replaced twice: look again.
    for _ in range(READ_ATTEMPTS):
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ResultsError(f"{folder / name}: cannot be read: {error.strerror}") from None
        rows = _versions_of(folder, name).get(_digest(content))
        if rows is not None:
            break
    else:
        raise ResultsError(
            f"{folder / name}: truncated or edited, it does not match {CHECKSUMS}; {WHAT_TO_DO}"
        )
    found = _count_rows(content)
    if found != rows:
        raise ResultsError(f"{folder / name}: {found} rows, not {rows}; {WHAT_TO_DO}")
    return content


def _versions_of(folder: Path, name: str) -> dict[str, int]:
    path = folder / CHECKSUMS
    try:
        known = unseal(path.read_bytes())
    except OSError as error:
        raise ResultsError(
            f"{folder / name}: cannot be verified, {CHECKSUMS} beside it cannot be read: "
            f"{error.strerror}; {WHAT_TO_DO}"
        ) from None
    except OtherSchemaError as error:
        raise ResultsError(f"{folder / name}: {CHECKSUMS}: {error}; {WHAT_TO_DO}") from None
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}; {WHAT_TO_DO}") from None
    versions = known.get(name) if isinstance(known, dict) else None
    return versions if isinstance(versions, dict) else {}


def _split(content: bytes) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ResultsError(f"not a CSV: {error}") from None


def _count_rows(content: bytes) -> int:
    return max(0, len(_split(content)) - 1)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of_file(path: Path) -> str | None:
    try:
        return _digest(path.read_bytes())
    except FileNotFoundError:
        return None
