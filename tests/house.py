"""The house as it stands: who imports whom, how full each room is, how many lines there are.

`python -m tests.house` prints the figures that CONTRIBUTING.md shows.
"""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT

PACKAGES = ("tasks", "models", "results", "bench", "reports")


@dataclass(frozen=True)
class Import:
    """A module that a file names in an import statement, wherever in the file it is."""

    importer: str
    imported: str

    @property
    def packages(self) -> tuple[str, str]:
        return self.importer.partition(".")[0], self.imported.partition(".")[0]


def modules(root: Path) -> dict[str, Path]:
    """The modules of the five packages, by name."""
    paths = (path for package in PACKAGES for path in (root / package).rglob("*.py"))
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


def rooms(root: Path) -> Counter[str]:
    """How many modules each folder of the five packages has, faces not counted."""
    paths = (path for path in modules(root).values() if path.stem != "__init__")
    return Counter(str(path.parent.relative_to(root)) for path in paths)


def with_one_importer(root: Path) -> list[str]:
    """The modules that exactly one other module imports."""
    known = modules(root)
    importers: dict[str, set[str]] = {name: set() for name in known}
    for each in imports(root):
        if each.imported in known and each.imported != each.importer:
            importers[each.imported].add(each.importer)
    return sorted(
        name for name, by in importers.items() if len(by) == 1 and known[name].stem != "__init__"
    )


def tracked(*folders: str) -> list[Path]:
    done = subprocess.run(
        ("git", "ls-files", "--", *folders), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.splitlines()]


def lines(*folders: str) -> int:
    paths = (path for path in tracked(*folders) if path.suffix == ".py" and path.exists())
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def comments_per_hundred(*folders: str) -> float:
    """Lines with a comment, per hundred lines of code; docstrings and blank lines are no code."""
    code = comments = 0
    for path in tracked(*folders):
        if path.suffix != ".py" or not path.exists():
            continue
        text = path.read_text(encoding="utf-8")
        documented: set[int] = set()
        for node in ast.walk(ast.parse(text)):
            is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if is_text and isinstance(node.value.value, str):
                documented.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        for number, line in enumerate(text.splitlines(), start=1):
            stripped = line.strip()
            if not stripped or number in documented:
                continue
            is_comment = stripped.startswith("#")
            comments += is_comment or "  # " in line
            code += not is_comment
    return 100 * comments / code


def main() -> None:
    size = sum(path.stat().st_size for path in tracked() if path.exists())
    print(f"modules in the fullest folder   {max(rooms(ROOT).values()):>7,}")
    print(f"modules with one importer       {len(with_one_importer(ROOT)):>7,}")
    print(f"product lines                   {lines(*PACKAGES):>7,}")
    print(f"test lines                      {lines('tests'):>7,}")
    print(f"comments per 100 lines of code  {comments_per_hundred(*PACKAGES):>7.1f}")
    print(f"tracked files                   {len(tracked()):>7,}")
    print(f"working tree without .git, MB   {size / 1e6:>7.1f}")


if __name__ == "__main__":
    main()
