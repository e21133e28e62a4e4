"""Descriptions, references and plug-ins; and that none of them imports torch."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import torch

from tasks import TASKS, load_tasks
from tasks.import_path import resolve
from tasks.task import same_length
from tests import ROOT

HEAVY = {"torch", "pandas", "numpy", "jaxtyping"}


def imported_by(statement: str) -> set[str]:
    """Return which heavy packages a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return HEAVY & set(done.stdout.split())


def test_the_registry_imports_no_torch() -> None:
    assert imported_by("import tasks; tasks.load_tasks(); import tasks.import_path") == set()


def test_a_planned_length_imports_no_torch() -> None:
    assert imported_by("from tasks import TASKS; TASKS['sort'].target_length(7)") == set()


def test_an_import_of_torch_would_be_seen() -> None:
    assert "torch" in imported_by("import tasks.sampling")


def test_names_are_keys() -> None:
    assert {name: task.name for name, task in TASKS.items()} == {name: name for name in TASKS}
    assert list(TASKS) == ["copy", "reverse", "sort"]


def test_default_alphabets() -> None:
    assert {name: task.default_symbols for name, task in TASKS.items()} == {
        "copy": 16,
        "reverse": 16,
        "sort": 128,
    }


def test_a_task_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        TASKS["copy"].version = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "Copy it", r"name: 'Copy it' is not a task name; write lower case"),
        ("name", "", r"name: '' is not a task name"),
        ("summary", "", r"summary: must be one line of text, got ''"),
        ("summary", "a\nb", r"summary: must be one line of text, got 'a\\nb'"),
        ("default_symbols", 1, r"default_symbols: must be at least 2, got 1"),
        ("version", 0, r"version: must be at least 1, got 0"),
        ("transform", "sort", r"transform: 'sort' is not of the form package.module:attribute"),
        ("causal_ceiling", "", r"causal_ceiling: '' is not of the form"),
        ("output_length", "a:b:c", r"output_length: 'a:b:c' is not of the form"),
    ],
)
def test_a_description_is_validated(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        replace(TASKS["copy"], **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "number", ["target_bits", "constant_accuracy", "repeat_accuracy", "ceiling_accuracy"]
)
@pytest.mark.parametrize("name", TASKS)
def test_sizes_are_validated(name: str, number: str) -> None:
    with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
        getattr(TASKS[name], number)(0, 16)
    with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
        getattr(TASKS[name], number)(10, 1)


def test_target_length_is_validated() -> None:
    with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
        TASKS["copy"].target_length(0)


def test_resolve_returns_the_attribute() -> None:
    assert resolve("tasks.task:same_length") is same_length


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tasks.task", r"reference: 'tasks.task' is not of the form package.module:attribute$"),
        (":sort", r"reference: ':sort' is not of the form"),
        ("tasks.task:a b", r"reference: 'tasks.task:a b' is not of the form"),
        ("tasks.absent:sort", r"reference: 'tasks.absent:sort': no module named 'tasks.absent'$"),
        ("absent_package.one:sort", r"reference: .*: no module named 'absent_package'$"),
        (
            "tasks.transforms:sorted_",
            r"reference: .*: module 'tasks.transforms' has no 'sorted_'; did you mean 'sort'\?$",
        ),
        ("tasks.task:zzzz", r"reference: .*: module 'tasks.task' has no 'zzzz'$"),
    ],
)
def test_resolve_names_what_is_wrong(reference: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        resolve(reference)


def test_a_dependency_that_a_module_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking_one.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'absent_dependency'$"):
        resolve("lacking_one:task")


def install_plugin(folder: Path, *, name: str, value: str) -> None:
    """Write what an installed distribution leaves behind, with one entry point."""
    metadata = folder / "their_tasks-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tasks\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[bottleneck_bench.tasks]\n{name} = {value}\n")
    (folder / "their_tasks.py").write_text(
        "from dataclasses import replace\n"
        "from tasks import TASKS\n"
        "MIRROR = replace(TASKS['reverse'], name='mirror')\n"
        "COPY = TASKS['copy']\n"
        "NUMBER = 3\n"
    )


def test_an_installed_plugin_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, name="mirror", value="their_tasks:MIRROR")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load_tasks()
    assert loaded["mirror"].targets(torch.tensor([[3, 1, 2]])).tolist() == [[2, 1, 3]]
    assert loaded.keys() >= TASKS.keys()
    assert "mirror" not in TASKS


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("three", "their_tasks:NUMBER", r"their_tasks:NUMBER is not a Task but int$"),
        ("glass", "their_tasks:MIRROR", r"its task must have the same name, got 'mirror'$"),
        ("copy", "their_tasks:COPY", r"'copy' is already the name of a task$"),
        ("lost", "their_tasks:LOST", r"their_tasks:LOST cannot be imported: .*'LOST'$"),
        ("gone", "absent_module:TASK", r"absent_module:TASK cannot be imported: No module named"),
    ],
)
def test_a_faulty_plugin_is_named(
    name: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plugin(tmp_path, name=name, value=value)
    monkeypatch.syspath_prepend(tmp_path)
    where = f"^entry point '{name}' of bottleneck_bench.tasks: "
    with pytest.raises(ValueError, match=where + message):
        load_tasks()
