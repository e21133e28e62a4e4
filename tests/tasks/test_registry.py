"""Descriptions, import paths and plug-ins; and that none of them imports torch."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks import TASKS, load_tasks
from tasks.import_path import resolve
from tasks.task import same_length
from tests import ROOT


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys, tasks, tasks.import_path\n"
        "tasks.load_tasks()['sort'].target_length(7)\n"
        "print(*{'torch', 'pandas', 'numpy', 'jaxtyping'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_names_are_keys_in_the_order_of_the_tables() -> None:
    assert [task.name for task in TASKS.values()] == list(TASKS) == ["copy", "reverse", "sort"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "Copy it", r"name: 'Copy it' is not a task name; write lower case"),
        ("summary", "", r"summary: must be one line of text, got ''"),
        ("summary", "a\nb", r"summary: must be one line of text, got 'a\\nb'"),
        ("default_symbols", 1, r"default_symbols: must be at least 2, got 1"),
        ("version", 0, r"version: must be at least 1, got 0"),
        ("transform", "sort", r"transform: 'sort' is not of the form package.module:attribute"),
        ("output_length", "a:b:c", r"output_length: 'a:b:c' is not of the form"),
    ],
)
def test_a_description_is_validated(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        replace(TASKS["copy"], **{field: value})  # type: ignore[arg-type]


def test_sizes_are_validated() -> None:
    task = TASKS["copy"]
    with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
        task.target_length(0)
    for known in (
        task.target_bits,
        task.constant_accuracy,
        task.repeat_accuracy,
        task.ceiling_accuracy,
    ):
        with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
            known(0, 16)
        with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
            known(10, 1)


def test_resolve_gives_the_attribute() -> None:
    assert resolve("tasks.task:same_length") is same_length


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tasks.task", r"reference: 'tasks.task' is not of the form package.module:attribute$"),
        ("tasks.task:a.b", r"reference: 'tasks.task:a.b' is not of the form"),
        ("tasks.absent:sort", r"No module named 'tasks.absent'$"),
        ("absent_package.one:sort", r"No module named 'absent_package'$"),
        ("lacking_one:task", r"No module named 'absent_dependency'$"),
        ("tasks.task:zzzz", r"module 'tasks.task' has no attribute 'zzzz'$"),
        (
            "tasks.transforms:sorted_",
            r"module 'tasks.transforms' has no attribute 'sorted_'; did you mean 'sort'\?$",
        ),
    ],
)
def test_resolve_names_what_is_wrong(
    reference: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking_one.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises((ValueError, ImportError), match=f"^{message}"):
        resolve(reference)


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write what an installed distribution leaves behind, with one entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, value: str) -> None:
        metadata = tmp_path / "their_tasks-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tasks\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(f"[bottleneck_bench.tasks]\n{name} = {value}\n")
        (tmp_path / "their_tasks.py").write_text(
            "from dataclasses import replace\n"
            "from tasks import TASKS\n"
            "MIRROR = replace(TASKS['reverse'], name='mirror')\n"
            "COPY = TASKS['copy']\n"
            "NUMBER = 3\n"
        )

    return install


def test_an_installed_plugin_is_found(install_plugin) -> None:
    install_plugin("mirror", "their_tasks:MIRROR")
    loaded = load_tasks()
    assert loaded["mirror"].targets(torch.tensor([[3, 1, 2]])).tolist() == [[2, 1, 3]]
    assert list(loaded)[:3] == list(TASKS)
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
def test_a_faulty_plugin_is_named(name: str, value: str, message: str, install_plugin) -> None:
    install_plugin(name, value)
    where = f"^entry point '{name}' of bottleneck_bench.tasks: "
    with pytest.raises(ValueError, match=where + message):
        load_tasks()
