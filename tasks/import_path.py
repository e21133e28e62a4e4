"""Objects named as text, `package.module:attribute`, so that a registry can list them unimported.

Whoever resolves a name of a user runs the user's code: `bench/execution/strangers.py` does so in a
child process first.
"""

import ast
import difflib
import hashlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

PACKAGES = ("tasks", "models", "bench", "results", "reports")
_SUITE = Path(__file__).parents[1]
# Stricter than pkgutil, which also imports "package.module" and looks attributes up in attributes.
_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)

Entry = TypeVar("Entry")


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


def plug_ins(group: str) -> dict[str, tuple[str, ...]]:
    """List the names that installed packages add to a group, and the references behind each."""
    found: dict[str, set[str]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, set()).add(point.value)
    # Sorted, because the order in which packages are found differs between machines.
    return {name: tuple(sorted(values)) for name, values in sorted(found.items())}


def load_plug_in(group: str, name: str, kind: type[Entry]) -> Entry:
    """Import the task or the model that a plug-in adds.

    Raises:
        KeyError: No plug-in has this name.
        ValueError: It is of another kind, or has another name itself.
        Exception: Whatever the code of its author raises.
    """
    reference = plug_ins(group)[name][0]
    entry = EntryPoint(name, reference, group).load()
    if type(entry) is not kind:
        raise ValueError(f"{reference} is not a {kind.__name__} but {type(entry).__name__}")
    if (own := getattr(entry, "name", None)) != name:
        raise ValueError(f"{reference} must have the name of its entry point, got {own!r}")
    return entry


def require_no_clash(reference: str) -> None:
    """Refuse a user's module for which one of the suite would be imported by mistake.

    Raises:
        ValueError: The user has a file of the name that is asked for, and the suite its package.
    """
    module = reference.partition(":")[0]
    top = module.partition(".")[0]
    if top in PACKAGES:
        asked = {(Path(folder), module) for folder in sys.path}
    else:
        asked = {
            (folder, name)
            for folder in _folders_of(top)
            for name in _read_sources(module, folder).of_the_suite
        }
    for folder, name in sorted(asked):
        files = _files_of(name, folder)
        if files and not folder.samefile(_SUITE):
            raise ValueError(
                f"{str(folder / files[0])!r} is hidden by a package of the suite of the same name; "
                f"rename the folder {name.partition('.')[0]!r}"
            )


def _folders_of(top: str) -> list[Path]:
    """Find the folder in which a top-level module or package lies; none if there is none."""
    spec = PathFinder.find_spec(top)
    places = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return [Path(places[0]).parent] if places else []


def _files_of(name: str, folder: Path) -> list[str]:
    stem = name.replace(".", "/")
    return [file for file in (f"{stem}.py", f"{stem}/__init__.py") if (folder / file).is_file()]


def code_hash(*references: str) -> str | None:
    """Hash the source files behind references, and what these import from beside them.

    The packages of the suite are left out: their entries have versions. None if nothing is left.
    """
    found: dict[str, bytes] = {}
    for module in {reference.partition(":")[0] for reference in references}:
        top = module.partition(".")[0]
        for folder in () if top in PACKAGES else _folders_of(top):
            found |= _read_sources(module, folder).files
    if not found:
        return None
    digest = hashlib.sha256()
    for name, content in sorted(found.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Sources:
    """The files behind a module, by path, and the modules of the suite that they import."""

    files: dict[str, bytes]
    of_the_suite: set[str]


def _read_sources(module: str, folder: Path) -> _Sources:
    """Read the files of a module and of what it imports, as far as they lie in one folder.

    Import statements are read, not carried out: those within functions count too.
    """
    top = module.partition(".")[0]
    # Where libraries are installed, a package is followed into itself alone.
    is_library = folder.name in ("site-packages", "dist-packages")
    files, of_the_suite = dict[str, bytes](), set[str]()
    seen, to_do = set[str](), [module]
    while to_do:
        name = to_do.pop()
        first = name.partition(".")[0]
        if first in PACKAGES:
            of_the_suite.add(name)
        elif name not in seen and (first == top or not is_library):
            parent = name.rpartition(".")[0]
            to_do += [parent] if parent else []
            for file in _files_of(name, folder):
                files[file] = (folder / file).read_bytes()
                package = name if file.endswith("__init__.py") else parent
                to_do += _imported_names(files[file], package=package)
        seen.add(name)
    return _Sources(files, of_the_suite)


def _imported_names(source: bytes, *, package: str) -> Iterator[str]:
    """Yield what the import statements of a module may import, modules or not."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # Whether that matters shows when it is imported.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -(node.level - 1) or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
