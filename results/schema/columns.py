"""The rules for the values of a row, and rows as JSON or CSV text."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from results.errors import ResultsError
from results.schema.layout import FRACTION, IDENTIFIER, Column, columns_of, layout_of

LARGEST_INTEGER = 2**63 - 1

Scalar = str | int | float | None
Row = TypeVar("Row")

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_INTEGER = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def check_row(row: Any) -> None:
    """Hold every value of a row against its column, and make subclasses of its type plain.

    Raises:
        ResultsError: A value has the wrong type, is not finite, or lies outside its range.
    """
    layout = layout_of(type(row))
    for item, value in zip(layout.columns, layout.values(row), strict=True):
        # Most values pass here: reading a folder checks hundreds of thousands of them.
        if value is None and item.is_optional:
            continue
        if type(value) is item.kind:
            if item.kind is float:
                if 0.0 <= value <= 1.0:
                    continue
            elif item.kind is int:
                if 0 <= value <= LARGEST_INTEGER:
                    continue
            elif item.is_free_text and value.isprintable() and value:
                continue
        else:
            # numpy.float64 and torch's version string are subclasses, and print differently.
            value = _plain(item, value)
            object.__setattr__(row, item.name, value)
        _check_value(item, value)


def _plain(item: Column, value: Any) -> Any:
    accepted = (int, float) if item.kind is float else item.kind
    if not isinstance(value, accepted) or isinstance(value, bool):
        raise ResultsError(f"{item.name}: {item.kind.__name__} is needed, not {value!r}")
    try:
        return item.kind(value)
    except OverflowError:
        raise ResultsError(f"{item.name}: a finite number is needed, not {value!r}") from None


def _check_value(item: Column, value: Any) -> None:
    if item.kind is str:
        _check_text(item, value)
    elif item.kind is int:
        if not 0 <= value <= LARGEST_INTEGER:
            raise ResultsError(f"{item.name}: an integer from 0 to 2**63-1 is needed, not {value}")
    elif not math.isfinite(value):
        raise ResultsError(f"{item.name}: a finite number is needed, not {value!r}")
    elif item.unit == FRACTION and not 0.0 <= value <= 1.0:
        raise ResultsError(f"{item.name}: a fraction from 0 to 1 is needed, not {value!r}")


def _check_text(item: Column, value: str) -> None:
    if not value:
        raise ResultsError(f"{item.name}: text that is not empty is needed, not {value!r}")
    if item.choices and value not in item.choices:
        choices = ", ".join(item.choices)
        raise ResultsError(f"{item.name}: one of {choices} is needed, not {value!r}")
    if item.unit == IDENTIFIER and not _SAFE_NAME.fullmatch(value):
        raise ResultsError(f"{item.name}: letters, digits and ._+- are allowed, not {value!r}")
    if not value.isprintable() and one_line(value) != value:
        raise ResultsError(f"{item.name}: one line of plain text is needed, not {value!r}")


def one_line(text: str) -> str:
    """Make any text fit for a text column: one line, no character that UTF-8 or CSV cannot hold."""
    encodable = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")
    return " ".join(encodable.splitlines()) or "?"


def to_json(row: Any) -> dict[str, Scalar]:
    """Return the row as a dict that JSON holds without loss."""
    layout = layout_of(type(row))
    names = (item.name for item in layout.columns)
    return dict(zip(names, layout.values(row), strict=True))


def from_json(row_type: type[Row], values: object) -> Row:
    """Build a row from what `to_json` returned.

    Raises:
        ResultsError: A column is missing, unknown, or holds a value that the schema refuses.
    """
    if not isinstance(values, dict):
        raise ResultsError(f"a row must be an object, not {type(values).__name__}")
    check_names(row_type, list(values))
    return _build(row_type, values)


def _build(row_type: type[Row], values: Mapping[str, Scalar]) -> Row:
    # The generated __init__ of a frozen dataclass takes four times as long as all checks together.
    row: Any = object.__new__(row_type)
    row.__dict__.update(values)
    row.__post_init__()
    return row


def check_names(row_type: type[Any], names: Sequence[str]) -> None:
    """Raise where the names are not exactly the columns of the row type, in any order."""
    wanted = layout_of(row_type).names
    if len(names) == len(wanted) and wanted.issuperset(names) and len(set(names)) == len(names):
        return
    missing = [item.name for item in columns_of(row_type) if item.name not in names]
    unknown = [name for name in names if name not in wanted]
    parts = [
        f"{word} {', '.join(found)}"
        for word, found in (("missing", missing), ("unknown", unknown))
        if found
    ]
    raise ResultsError(f"columns: {'; '.join(parts) or 'a name stands twice'}")


def from_cells(row_type: type[Row], cells: Mapping[str, str]) -> Row:
    """Build a row from CSV text, column name to cell.

    Raises:
        ResultsError: A column is missing or unknown, or a cell does not parse; names both.
    """
    check_names(row_type, list(cells))
    values = {item.name: _parse(item, cells[item.name]) for item in columns_of(row_type)}
    return _build(row_type, values)


def _parse(item: Column, text: str) -> Scalar:
    if not text:
        return None
    if item.kind is int:
        if not _INTEGER.fullmatch(text):
            raise ResultsError(f"{item.name}: {text!r} is not a whole number")
        return int(text)
    if item.kind is float:
        if not _NUMBER.fullmatch(text):
            raise ResultsError(f"{item.name}: {text!r} is not a finite number")
        return float(text)
    return text
