"""Columns: what a row type declares of them, what their values obey, rows as JSON or CSV text.

A row type is a frozen, keyword-only dataclass whose fields are made by `column` or `optional`.
"""

import dataclasses
import math
import operator
import re
import types
import typing
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from results.errors import ResultsError

FRACTION = "fraction"
IDENTIFIER = "identifier"
LARGEST_INTEGER = 2**63 - 1  # What pandas' Int64 can hold.

Scalar = str | int | float | None
Row = TypeVar("Row")

MOST_CHARACTERS = 1000  # Of the words of an error.
_SURROGATES = re.compile("[\ud800-\udfff]")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
# Stricter than int() and float(), which also read "1_0", " 1", "１" and "nan".
_INTEGER = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a row type, as its dataclass field declares it."""

    name: str
    kind: type[Any]
    is_optional: bool
    unit: str
    meaning: str
    choices: tuple[str, ...]
    is_measured: bool


@dataclasses.dataclass(frozen=True)
class Layout:
    """The columns of a row type, in order, and what is derived from them once."""

    columns: tuple[Column, ...]
    names: frozenset[str]
    empty: dict[str, None]  # The optional columns, without a value.
    values: Callable[[Any], tuple[Any, ...]]


def column(
    unit: str,
    meaning: str,
    *,
    default: Any = dataclasses.MISSING,
    choices: tuple[str, ...] = (),
    is_measured: bool = False,
) -> Any:
    """Declare a column.

    Args:
        unit: Unit of the value; `fraction` limits it to [0, 1], `identifier` to a safe file name.
        meaning: One sentence for the data dictionary.
        default: Value where none is given; without one the column must be given.
        choices: The only values allowed, if not empty.
        is_measured: Whether there is a value only where the status of the row is ok.
    """
    metadata = {"unit": unit, "meaning": meaning, "choices": choices, "is_measured": is_measured}
    return dataclasses.field(default=default, metadata=metadata)


def optional(unit: str, meaning: str, *, choices: tuple[str, ...] = ()) -> Any:
    """Declare a column that is empty (None) unless a value is given."""
    return column(unit, meaning, default=None, choices=choices)


def measured(unit: str, meaning: str, *, choices: tuple[str, ...] = ()) -> Any:
    """Declare a column that is empty unless the status of its row is ok."""
    return column(unit, meaning, default=None, choices=choices, is_measured=True)


_LAYOUTS: dict[type[Any], Layout] = {}


def layout_of(row_type: type[Any]) -> Layout:
    """Derive the layout of a row type, once."""
    if row_type not in _LAYOUTS:
        hints = typing.get_type_hints(row_type)
        fields = dataclasses.fields(row_type)
        columns = tuple(_column_of(field, hints[field.name]) for field in fields)
        names = [item.name for item in columns]
        empty = dict.fromkeys(item.name for item in columns if item.is_optional)
        _LAYOUTS[row_type] = Layout(columns, frozenset(names), empty, operator.attrgetter(*names))
    return _LAYOUTS[row_type]


def columns_of(row_type: type[Any]) -> tuple[Column, ...]:
    """List the columns of a row type, in order."""
    return layout_of(row_type).columns


def _column_of(field: "dataclasses.Field[Any]", hint: Any) -> Column:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return Column(
        name=field.name, kind=kinds[0], is_optional=types.NoneType in kinds, **field.metadata
    )


def check_row(row: Any) -> None:
    """Refuse a row with a value that breaks a rule of its column; make subclasses plain."""
    layout = layout_of(type(row))
    for item, value in zip(layout.columns, layout.values(row), strict=True):
        if value is None and item.is_optional:
            continue
        if type(value) is not item.kind:
            # numpy.float64 and torch's version string are subclasses, and print differently.
            value = _plain(item, value)
            object.__setattr__(row, item.name, value)
        elif item.kind is float and 0.0 <= value <= 1.0:
            continue  # A short cut: reading a folder checks hundreds of thousands of fractions.
        rule = _broken_rule(item, value)
        if rule is not None:
            raise ResultsError(f"{item.name}: {rule} is needed, not {value!r}")


def _plain(item: Column, value: Any) -> Any:
    accepted = (int, float) if item.kind is float else item.kind
    if not isinstance(value, accepted) or isinstance(value, bool):
        raise ResultsError(f"{item.name}: {item.kind.__name__} is needed, not {value!r}")
    return item.kind(value)


def _broken_rule(item: Column, value: Any) -> str | None:
    if item.kind is float:
        if not math.isfinite(value):
            return "a finite number"
        if item.unit == FRACTION and not 0.0 <= value <= 1.0:
            return "a fraction from 0 to 1"
    elif item.kind is int:
        if not 0 <= value <= LARGEST_INTEGER:
            return "an integer from 0 to 2**63-1"
    elif item.choices:
        if value not in item.choices:
            return f"one of {', '.join(item.choices)}"
    elif item.unit == IDENTIFIER:
        if not _SAFE_NAME.fullmatch(value):
            return "a name of letters, digits and ._+-"
    # Records of earlier versions have other characters that `one_line` escapes today.
    elif not (value.isprintable() and value) and (
        value.splitlines() != [value] or "\0" in value or _SURROGATES.search(value)
    ):
        return "one line of plain text"
    return None


def one_line(text: str) -> str:
    """Make any text, of a model or of a user, one line that a column and a terminal can show.

    What a terminal obeys, or UTF-8 cannot hold, becomes an escape, as in Python's own strings.
    """
    line = " ".join(str.__str__(text).splitlines())  # Subclasses may do otherwise.
    return (line if line.isprintable() else "".join(map(_shown, line))) or "?"


def _shown(character: str) -> str:
    # Spaces of other scripts, such as the Japanese one, are text.
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def error_in_words(error: BaseException) -> str:
    """Name an error in one line: its type, the first line of its text, its notes.

    Of a long line the beginning and the end are kept.
    """
    try:
        text = next((line for line in str(error).splitlines() if line.strip()), "")
        text += "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    except BaseException as another:  # Its author's code, which may raise anything.
        text = f"its text raises {type(another).__name__}"
    line = one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    if len(line) <= MOST_CHARACTERS:
        return line
    return f"{line[: MOST_CHARACTERS * 2 // 3]} ... {line[-MOST_CHARACTERS // 4 :]}"


def to_json(row: Any) -> dict[str, Scalar]:
    """Turn a row into a dict that JSON holds without loss."""
    layout = layout_of(type(row))
    names = (item.name for item in layout.columns)
    return dict(zip(names, layout.values(row), strict=True))


def from_json(row_type: type[Row], values: object) -> Row:
    """Build a row from what `to_json` returned; refuse other columns and wrong values."""
    if not isinstance(values, dict):
        raise ResultsError(f"a row must be an object, not {type(values).__name__}")
    check_names(row_type, list(values))
    return _build(row_type, layout_of(row_type).empty | values)


def _build(row_type: type[Row], values: Mapping[str, Scalar]) -> Row:
    # The generated __init__ of a frozen dataclass takes four times as long as all checks together.
    row: Any = object.__new__(row_type)
    row.__dict__.update(values)
    row.__post_init__()
    return row


def check_names(row_type: type[Any], names: Sequence[str]) -> None:
    """Refuse names that are not the columns of the row type, in any order.

    Optional columns may be absent: a folder of an older version has no column that came later.
    """
    layout = layout_of(row_type)
    if layout.names == set(names) and len(layout.names) == len(names):
        return
    wrong = sorted((layout.names ^ set(names)) - layout.empty.keys())
    if wrong or len(set(names)) < len(names):
        raise ResultsError(
            f"columns: not those of the schema: {', '.join(wrong or ['a name twice'])}"
        )


def from_texts(row_type: type[Row], texts: Mapping[str, str]) -> Row:
    """Build a row from the texts of a CSV by column name; a refusal names the column."""
    check_names(row_type, list(texts))
    values = {item.name: _parse(item, texts.get(item.name, "")) for item in columns_of(row_type)}
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
