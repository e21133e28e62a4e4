"""`run.json`: what was asked for last, and with what it was carried out."""

import json
import os

import pytest

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
