"""How a row type declares its columns.

A row type is a frozen, keyword-only dataclass whose fields are made by `column` or `optional`.
"""

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

FRACTION = "fraction"
IDENTIFIER = "identifier"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a row type, as its dataclass field declares it."""

    name: str
    kind: type[Any]
    is_optional: bool
    unit: str
    meaning: str
    choices: tuple[str, ...]

    @functools.cached_property
    def is_free_text(self) -> bool:
        """Whether any line of plain text may stand here."""
        return self.kind is str and not self.choices and self.unit != IDENTIFIER


def column(
    unit: str,
    meaning: str,
    *,
    default: Any = dataclasses.MISSING,
    choices: Sequence[str] = (),
) -> Any:
    """Declare a column.

    Args:
        unit: Unit of the value; `fraction` limits it to [0, 1], `identifier` to a safe file name.
        meaning: One sentence for the data dictionary.
        default: Value where none is given; without one the column must be given.
        choices: The only values allowed, if not empty.
    """
    metadata = {"unit": unit, "meaning": meaning, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=metadata)


def optional(unit: str, meaning: str, *, choices: Sequence[str] = ()) -> Any:
    """Declare a column that is empty (None) unless a value is given."""
    return column(unit, meaning, default=None, choices=choices)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The columns of a row type, in order, and what is derived from them once."""

    columns: tuple[Column, ...]
    names: frozenset[str]
    values: Callable[[Any], tuple[Any, ...]]


_LAYOUTS: dict[type[Any], Layout] = {}


def layout_of(row_type: type[Any]) -> Layout:
    """Return the layout of a row type; its `values` takes a row."""
    layout = _LAYOUTS.get(row_type)
    if layout is None:
        hints = typing.get_type_hints(row_type)
        fields = dataclasses.fields(row_type)
        columns = tuple(_column_of(field, hints[field.name]) for field in fields)
        names = [item.name for item in columns]
        layout = Layout(columns, frozenset(names), operator.attrgetter(*names))
        _LAYOUTS[row_type] = layout
    return layout


def columns_of(row_type: type[Any]) -> tuple[Column, ...]:
    """Return the columns of a row type, in order."""
    return layout_of(row_type).columns


def _column_of(field: "dataclasses.Field[Any]", hint: Any) -> Column:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return Column(
        name=field.name, kind=kinds[0], is_optional=types.NoneType in kinds, **field.metadata
    )
