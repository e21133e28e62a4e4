"""What pyproject.toml and the files beside it say about the code is true."""

import ast
import configparser
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests import ROOT

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
PACKAGES = [
    each.rstrip("*") for each in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
]


def left_out(root: Path) -> set[str]:
    """The folders with code that an installation would leave out, for want of an `__init__.py`."""
    folders = {path.parent for package in PACKAGES for path in (root / package).rglob("*.py")}
    return {str(each.relative_to(root)) for each in folders if not (each / "__init__.py").exists()}


def third_party_imports(root: Path) -> set[str]:
    """The distributions that the five packages import directly."""
    names: set[str] = set()
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    names.add(node.module.partition(".")[0])
    names -= {*sys.stdlib_module_names, *PACKAGES}
    owners = importlib.metadata.packages_distributions()
    return {normalised(owners.get(name, [name])[0]) for name in names}


def normalised(requirement: str) -> str:
    """The name in a requirement, as package indexes compare names."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def pins(lines: list[str]) -> dict[str, str]:
    pinned = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return {normalised(line): line.partition("==")[2] for line in pinned}


def names(requirements: list[str]) -> set[str]:
    return {normalised(requirement) for requirement in requirements}


CONSTRAINTS = pins((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())


def test_every_room_is_installed() -> None:
    assert left_out(ROOT) == set()


def test_a_room_without_a_face_is_found(tmp_path: Path) -> None:
    (tmp_path / "reports" / "later").mkdir(parents=True)
    (tmp_path / "reports" / "__init__.py").touch()
    (tmp_path / "reports" / "later" / "module.py").touch()

    assert left_out(tmp_path) == {"reports/later"}


def test_dependencies_are_what_the_packages_import() -> None:
    declared = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["cluster"]]
    assert third_party_imports(ROOT) == names(declared)


def test_an_import_that_is_no_dependency_is_found(tmp_path: Path) -> None:
    package = tmp_path / PACKAGES[0]
    package.mkdir()
    (package / "module.py").write_text("def f():\n    from sortedcontainers import SortedDict\n")

    assert third_party_imports(tmp_path) - names(PROJECT["dependencies"]) == {"sortedcontainers"}


def test_constraints_pin_every_dependency() -> None:
    extras = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]

    assert names([*PROJECT["dependencies"], *extras]) <= set(CONSTRAINTS)
    assert all(CONSTRAINTS.values()), "a constraint is no pin"


def test_tox_asks_for_pinned_tools_of_the_same_versions() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    required = pins(tox["tox"]["requires"].splitlines())
    installed = pins("\n".join(tox[section].get("deps", "") for section in tox).splitlines())

    assert required.items() <= CONSTRAINTS.items()
    assert set(installed) <= set(CONSTRAINTS)
    assert not any(installed.values()), "versions are written in constraints.txt alone"


def test_the_citation_is_of_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()

    assert f"version: {PROJECT['version']}" in citation
    assert f"license: {PROJECT['license']}" in citation
