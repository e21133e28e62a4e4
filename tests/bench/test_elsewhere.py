"""Commands outside the clone, beside folders and packages that are named as the suite's are."""

import pytest

from bench import probe, throughput
from bench import run as bench_run
from bench.execution.strangers import meet_models
from reports import figures


@pytest.mark.fault("F20")
def test_child_imports_the_suite_and_its_user_whatever_is_found_first(tmp_path, monkeypatch):
    """Whole commands there: tests/faults/test_elsewhere.py."""
    for name in ("tasks", "models", "results", "bench"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not the suite')")
    (tmp_path / "their_module.py").write_text("def build(config): pass")
    # Clusters print notices in every process.
    (tmp_path / "sitecustomize.py").write_text("print('{\"of\": 1}\\nMaintenance')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (entry,) = meet_models(["their_module:build"])
    assert entry.builder == "their_module:build"


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    ("command", "option", "arguments"),
    [
        (bench_run, "--out", ()),
        (bench_run, "--out", ("--dry-run",)),
        (throughput, "--out", ()),
        (probe, "--results", ()),
        (figures, "--out", ()),
    ],
)
def test_no_folder_is_made_elsewhere_by_default(
    command, option, arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert command.main(arguments) == 2
    assert f": {option}: its default " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
