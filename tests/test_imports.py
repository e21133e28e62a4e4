"""Who may import whom, read from the source and from what a command really imports."""

import ast
import graphlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT

MAY_IMPORT: dict[str, set[str]] = {
    "tasks": set(),
    "models": {"tasks"},
    "results": set(),
    "bench": {"tasks", "models", "results"},
    "reports": {"results"},
}
WITHOUT_TORCH = {"results", "reports"}
HEAVY = {"torch", "pandas"}
LIGHT_COMMANDS = {
    "help": ("bench.run", "--help"),
    "dry run": ("bench.run", "--dry-run", "--out", "nothing-here"),
}


@dataclass(frozen=True)
class Import:
    """A module that a file names in an import statement, wherever in the file it stands."""

    importer: str
    imported: str

    @property
    def packages(self) -> tuple[str, str]:
        return self.importer.partition(".")[0], self.imported.partition(".")[0]


def modules(root: Path) -> dict[str, Path]:
    """The modules of the five packages, by name."""
    paths = (path for package in MAY_IMPORT for path in (root / package).rglob("*.py"))
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imports(root: Path) -> Iterator[Import]:
    known = modules(root)
    for importer, path in known.items():
        package = importer if path.stem == "__init__" else importer.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(importer, alias.name)
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                start = ".".join(above) if node.level else ""
                origin = ".".join(part for part in (start, node.module) if part)
                for alias in node.names:
                    name = f"{origin}.{alias.name}"
                    yield Import(importer, name if name in known else origin)


def layer_violations(root: Path) -> set[str]:
    found = set()
    for each in imports(root):
        package, imported = each.packages
        allowed = MAY_IMPORT[package] | {package}
        if imported in MAY_IMPORT and imported not in allowed:
            found.add(f"{each.importer} imports {each.imported}")
        if imported == "torch" and package in WITHOUT_TORCH:
            found.add(f"{each.importer} imports torch")
        if imported in HEAVY and each.importer in MAY_IMPORT:
            found.add(f"the package {each.importer} imports {imported}")
    return found


def circle(root: Path) -> list[str]:
    """The modules of one circle within a package, or nothing."""
    graph: dict[str, set[str]] = {name: set() for name in modules(root)}
    for each in imports(root):
        if each.packages[0] == each.packages[1]:
            graph[each.importer].add(each.imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def heavy_imports(root: Path, module: str, *arguments: str) -> set[str]:
    """What of torch and pandas a command imports when it runs in a folder with the packages."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, *arguments],
        cwd=root,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, flags=re.MULTILINE))
    assert done.returncode == 0, done.stderr
    assert module.partition(".")[0] in imported, "the import times are not what they were"
    return imported & HEAVY


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the five packages that a test may spoil."""
    for path in modules(ROOT).values():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def plant(tree: Path, file: str, code: str) -> None:
    path = tree / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{code}\n", encoding="utf-8")


def test_packages_import_only_what_they_may() -> None:
    assert layer_violations(ROOT) == set()


@pytest.mark.parametrize(
    ("file", "code", "violation"),
    [
        ("tasks/vocabulary.py", "import models.config", "tasks.vocabulary imports models.config"),
        (
            "models/entry.py",
            "from bench.plan import recipe",
            "models.entry imports bench.plan.recipe",
        ),
        ("bench/plan/recipe.py", "import reports", "bench.plan.recipe imports reports"),
        ("results/schema/rows.py", "from tasks import TASKS", "results.schema.rows imports tasks"),
        (
            "results/schema/rows.py",
            "def f():\n    import torch",
            "results.schema.rows imports torch",
        ),
        (
            "reports/drawing/style.py",
            "from torch.nn import Module",
            "reports.drawing.style imports torch",
        ),
        (
            "reports/drawing/style.py",
            "from bench.plan.runs import Stage",
            "reports.drawing.style imports bench.plan.runs",
        ),
        ("models/__init__.py", "import torch.nn", "the package models imports torch"),
        ("bench/__init__.py", "def f():\n    import pandas", "the package bench imports pandas"),
    ],
)
def test_a_forbidden_import_is_found(tree: Path, file: str, code: str, violation: str) -> None:
    plant(tree, file, code)

    assert layer_violations(tree) == {violation}


def test_no_modules_of_a_package_import_each_other_in_a_circle() -> None:
    assert circle(ROOT) == []


@pytest.mark.parametrize(
    "code",
    ["from results.schema import rows", "from .schema import rows", "from .schema.rows import OK"],
)
def test_a_circle_is_found(tree: Path, code: str) -> None:
    plant(tree, "results/errors.py", code)

    assert {"results.errors", "results.schema.rows"} <= set(circle(tree))


@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_a_command_that_trains_nothing_imports_neither_torch_nor_pandas(
    tree: Path, command: str
) -> None:
    assert heavy_imports(tree, *LIGHT_COMMANDS[command]) == set()


@pytest.mark.parametrize("module", sorted(HEAVY))
def test_a_heavy_import_is_found(tree: Path, module: str) -> None:
    (tree / module).mkdir()
    (tree / module / "__init__.py").write_text("", encoding="utf-8")
    plant(tree, "tasks/task.py", f"import {module}")

    assert heavy_imports(tree, *LIGHT_COMMANDS["help"]) == {module}
