"""`run.json`: what was asked for last, and with what it was carried out."""

import json
import os
import shutil
import subprocess

import pytest
import torch

from bench.execution import provenance as module
from bench.execution.provenance import provenance, write_run_file
from results.errors import ResultsError
from results.schema.rows import PROVENANCE_COLUMNS


def test_run_file_holds_request_and_environment_without_host_or_path(tmp_path):
    write_run_file(tmp_path, {"jobs": 2})
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["request"] == {"jobs": 2}
    assert content["environment"].keys() == {
        *("commit", "platform", "processor", "processors", "python", "torch")
    }
    assert os.uname().nodename not in text
    assert str(tmp_path) not in text


def test_run_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ResultsError, match=r"run\.json: cannot be written: No such file"):
        write_run_file(tmp_path / "gone", {})


def test_provenance_may_differ_between_machines():
    """Merging takes rows that differ in these columns alone for equal."""
    assert tuple(provenance("cpu", threads=1)) == PROVENANCE_COLUMNS


@pytest.fixture
def commit_in(tmp_path, monkeypatch):
    """Return how to make a repository, and how to ask for the commit if the suite is somewhere."""
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)

    def make(folder):
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        for what in (("init", "-q"), (*author, "commit", "-q", "--allow-empty", "-m", folder.name)):
            subprocess.run(("git", *what), cwd=folder, check=True)

    def ask(suite):
        monkeypatch.setattr(module, "_SOURCE_FOLDER", suite)
        module._source_commit.cache_clear()
        return provenance("cpu", threads=1)["commit"]

    yield make, ask
    module._source_commit.cache_clear()


@pytest.mark.fault("F24")
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_is_of_the_suite_or_is_not_known(commit_in, tmp_path, monkeypatch, reached):
    make, ask = commit_in
    suite, theirs, installed = (tmp_path / name for name in ("suite", "theirs", "theirs/venv/site"))
    for folder in (suite, theirs, installed):
        folder.mkdir(parents=True)
    for folder in (suite, theirs):
        make(folder)
    own = ask(suite)
    assert len(own) == 12
    reached(injected=4, text="git hooks, an installation within a repository")
    assert ask(installed) is None
    for variable, value in {
        "GIT_DIR": ".git",
        "GIT_WORK_TREE": "",
        "GIT_INDEX_FILE": ".git/index.lock",
    }.items():
        monkeypatch.setenv(variable, str(theirs / value))
        assert ask(suite) == own, variable


@pytest.mark.fault("F24")
def test_version_is_that_of_the_torch_that_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "torch-1.0.dist-info").mkdir()
    (tmp_path / "torch-1.0.dist-info" / "METADATA").write_text("Name: torch\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert provenance("cpu", threads=1)["torch_version"] == torch.__version__
