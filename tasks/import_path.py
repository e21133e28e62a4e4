"""Functions named as text, so that a registry can list them without importing them."""

import difflib
import pkgutil
import re
from typing import Any

# Stricter than pkgutil, which also imports "package.module" and looks attributes up in attributes.
_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def require_reference(reference: str, *, argument: str = "reference") -> None:
    """Refuse text that is not of the form `package.module:attribute`; import nothing."""
    if not isinstance(reference, str) or not _FORM.fullmatch(reference):
        raise ValueError(f"{argument}: {reference!r} is not of the form package.module:attribute")


def resolve(reference: str) -> Any:
    """Import what `package.module:attribute` names.

    Raises:
        ValueError: The text is malformed, or an attribute is missing.
        ImportError: The module, or something that it imports, cannot be imported.
    """
    require_reference(reference)
    try:
        return pkgutil.resolve_name(reference)
    except AttributeError as error:
        # Python suggests the nearest name only below a traceback, which a user never sees.
        near = difflib.get_close_matches(str(error.name), dir(error.obj), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{error}{hint}") from error
