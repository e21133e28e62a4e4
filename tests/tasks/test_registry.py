"""Descriptions, import paths and plug-ins."""

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from tasks import TASKS, load_tasks
from tasks.import_path import resolve
from tasks.task import same_length


def test_a_description_is_validated():
    for field, value, rule in (
        ("name", "Copy it", r"'Copy it' is not a task name; write lower case"),
        ("summary", "", r"must be one line of text, got ''"),
        ("summary", "a\nb", r"must be one line of text, got 'a\\nb'"),
        ("summary", "a\x1b[2J\ud800", r"must be one line of text, got 'a\\x1b"),
        ("default_symbols", 1, r"must be at least 2, got 1"),
        ("version", 0, r"must be at least 1, got 0"),
        ("transform", "sort", r"'sort' is not of the form package.module:attribute"),
        ("output_length", "a:b:c", r"'a:b:c' is not of the form"),
    ):
        with pytest.raises(ValueError, match=f"^{field}: {rule}"):
            replace(TASKS["copy"], **{field: value})


def test_sizes_are_validated():
    task = TASKS["copy"]
    for number in ("target_bits", "constant_accuracy", "repeat_accuracy", "ceiling_accuracy"):
        with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
            getattr(task, number)(0, 16)
        with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
            getattr(task, number)(10, 1)
    with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
        task.target_length(0)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tasks.task", "reference: 'tasks.task' is not of the form package.module:attribute"),
        ("absent_package.one:sort", "No module named 'absent_package'"),
        ("lacking_one:task", "No module named 'absent_dependency'"),
        (
            "tasks.transforms:sorted_",
            "module 'tasks.transforms' has no attribute 'sorted_'; did you mean 'sort'",
        ),
    ],
)
def test_resolve_names_what_is_wrong(reference, message, tmp_path, monkeypatch):
    (tmp_path / "lacking_one.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve("tasks.task:same_length") is same_length
    with pytest.raises((ValueError, ImportError), match=f"^{message}"):
        resolve(reference)


def install(monkeypatch, name, value):
    """Let one plug-in be installed, with this entry point."""
    monkeypatch.setattr(
        "tasks.entry_points", lambda group: EntryPoints([EntryPoint(name, value, group)])
    )


def test_an_installed_plugin_is_found(monkeypatch):
    install(monkeypatch, "duplicate", "tests.tasks.duplicate:DUPLICATE")
    assert list(load_tasks()) == [*TASKS, "duplicate"] == ["copy", "reverse", "sort", "duplicate"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("three", "math:pi", "math:pi is not a Task but float"),
        ("glass", "tests.tasks.duplicate:DUPLICATE", "must have the same name, got 'duplicate'"),
        ("copy", "tests.tasks.twins:COPY", "'copy' is already the name of a task"),
        ("lost", "math:LOST", "math:LOST cannot be imported: .*'LOST'"),
        ("gone", "absent_module:TASK", "absent_module:TASK cannot be imported: No module named"),
    ],
)
def test_a_faulty_plugin_is_named(name, value, message, monkeypatch):
    install(monkeypatch, name, value)
    with pytest.raises(ValueError, match=f"^entry point '{name}' of .*_bench.tasks: .*{message}"):
        load_tasks()
