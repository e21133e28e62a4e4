"""The house: who may import whom, how full a room is, and that the written tree is the disk's."""

import graphlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.house import PACKAGES, Import, imports, modules, rooms, with_one_importer

MAY_IMPORT: dict[str, set[str]] = {
    "tasks": set(),
    "models": {"tasks"},
    "results": set(),
    "bench": {"tasks", "models", "results"},
    "reports": {"results"},
}
# A room, or a module on top of a package, imports only from the lines above its own, and from its
# own room. Modules that are not named are commands: they come last and may import every room.
ORDER: dict[str, tuple[tuple[str, ...], ...]] = {
    "bench": (("plan",), ("execution",), ("cli", "training"), ("probes", "timing")),
    "results": (("errors", "wording"), ("schema",), ("store", "stats"), ("claims", "tables")),
    "reports": (("selection",), ("drawing",), ("plots", "tables"), ("page",)),
    "models": (("config",), ("interface",), ("kernels",), ("recurrent", "attention")),
}
WITHOUT_TORCH = {"results", "reports"}
HEAVY = {"torch", "pandas"}
LIGHT_COMMANDS = {
    "help": ("bench.run", "--help"),
    "dry run": ("bench.run", "--dry-run", "--out", "nothing-here"),
}
MOST_MODULES_IN_A_ROOM = 12
# Each is a subject of its own: a family of figures, a probe, a statistic, a part of a model or of
# the page.
MOST_WITH_ONE_IMPORTER = 37


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


def rank(module: str) -> tuple[str, int]:
    """A module's room, and the line of ORDER that it is in; commands come after all lines."""
    package, _, inner = module.partition(".")
    room = inner.partition(".")[0]
    lines = ORDER.get(package, ())
    return room, next((line for line, names in enumerate(lines) if room in names), len(lines))


def climbs(each: Import) -> bool:
    """Whether an import runs from a room to one that is not above it."""
    package, imported = each.packages
    if package != imported or package not in ORDER or each.imported == package:
        return False
    (here, line), (there, other) = rank(each.importer), rank(each.imported)
    if here == there:
        return False
    return other >= line and line < len(ORDER[package])


def order_violations(root: Path) -> set[str]:
    return {f"{each.importer} imports {each.imported}" for each in imports(root) if climbs(each)}


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


def tree_written(text: str) -> set[str]:
    """The folders that the written tree names, as paths: two spaces deeper is one inside."""
    (block,) = re.findall(r"<!-- tree -->\n```text\n(.*?)```", text, flags=re.DOTALL)
    found, above = set(), [""]
    for line in block.splitlines():
        name = re.match(r"( *)([\w./]+)/ ", f"{line} ")
        if name is not None:
            depth = len(name[1]) // 2
            above[depth + 1 :] = [f"{above[depth]}{name[2]}/"]
            found.add(above[depth + 1].rstrip("/"))
    return found


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
        ("tasks/sampling.py", "import models.config", "tasks.sampling imports models.config"),
        ("bench/plan/recipe.py", "import reports", "bench.plan.recipe imports reports"),
        ("results/errors.py", "def f():\n    import torch", "results.errors imports torch"),
        ("models/__init__.py", "import torch.nn", "the package models imports torch"),
    ],
)
def test_a_forbidden_import_is_found(tree: Path, file: str, code: str, violation: str) -> None:
    plant(tree, file, code)

    assert layer_violations(tree) == {violation}


def test_rooms_import_only_what_is_above_them() -> None:
    assert order_violations(ROOT) == set()


def test_an_import_of_a_later_room_or_of_a_command_is_found(tree: Path) -> None:
    plant(tree, "bench/plan/recipe.py", "import bench.training.train")
    plant(tree, "reports/drawing/style.py", "import reports.figures")

    assert order_violations(tree) == {
        "bench.plan.recipe imports bench.training.train",
        "reports.drawing.style imports reports.figures",
    }


def test_no_modules_of_a_package_import_each_other_in_a_circle(tree: Path) -> None:
    assert circle(ROOT) == []

    plant(tree, "results/errors.py", "from results.schema import rows")
    assert {"results.errors", "results.schema.rows"} <= set(circle(tree))


def test_no_room_is_too_full() -> None:
    assert max(rooms(ROOT).values()) <= MOST_MODULES_IN_A_ROOM, rooms(ROOT)


def test_few_modules_have_a_single_importer() -> None:
    assert len(found := with_one_importer(ROOT)) <= MOST_WITH_ONE_IMPORTER, found


def test_the_tree_of_the_readme_is_the_disk() -> None:
    named = tree_written((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    on_disk = {
        str(path.parent.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }

    assert {each for each in named if each.partition("/")[0] in PACKAGES} - {
        "results/reference",
        "reports/figures",
    } == on_disk
    assert all((ROOT / each).is_dir() for each in named)


@pytest.mark.parametrize(
    "room", [name for name, path in modules(ROOT).items() if path.stem == "__init__"]
)
def test_every_face_says_what_is_inside(room: str) -> None:
    """Three to six lines of prose: what is inside, and which file to read first."""
    text = modules(ROOT)[room].read_text(encoding="utf-8")
    prose = re.match(r'"""(.*?)"""', text, flags=re.DOTALL)

    assert prose is not None
    assert 3 <= len([line for line in prose[1].splitlines() if line.strip()]) <= 6
    assert re.search(r"`\w+(\.py|/)?`", prose[1]), "no file is named to read first"


@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_a_command_that_trains_nothing_imports_neither_torch_nor_pandas(
    tree: Path, command: str
) -> None:
    assert heavy_imports(tree, *LIGHT_COMMANDS[command]) == set()


def test_a_heavy_import_is_found(tree: Path) -> None:
    (tree / "torch").mkdir()
    (tree / "torch" / "__init__.py").write_text("", encoding="utf-8")
    plant(tree, "tasks/task.py", "import torch")

    assert heavy_imports(tree, *LIGHT_COMMANDS["help"]) == {"torch"}
