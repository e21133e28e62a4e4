"""Names of functions as text, so that a registry can list them without importing them."""

import difflib
import importlib
import re
from typing import Any

_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def require_reference(reference: str, *, argument: str = "reference") -> None:
    """Refuse text that cannot name a function; nothing is imported.

    Args:
        reference: the text to look at.
        argument: what to call it in the error.

    Raises:
        ValueError: the text is not of the form `package.module:attribute`.
    """
    if not isinstance(reference, str) or not _FORM.fullmatch(reference):
        raise ValueError(f"{argument}: {reference!r} is not of the form package.module:attribute")


def resolve(reference: str) -> Any:
    """Import the module that a reference names and return the attribute.

    An error raised while the module is imported is passed on as it is.

    Args:
        reference: `package.module:attribute`, for example `tasks.transforms:sort`.

    Raises:
        ValueError: the text is malformed, or there is no such module or attribute.
    """
    require_reference(reference)
    module_name, attribute = reference.split(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A dependency that the module itself lacks is another fault: it keeps its own message.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ValueError(f"reference: {reference!r}: no module named {error.name!r}") from error
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"reference: {reference!r}: module {module_name!r} has no {attribute!r}{hint}"
        )
    return getattr(module, attribute)
