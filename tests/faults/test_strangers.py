"""F22 and F27: strangers' models, judged and carried out by the README's own commands."""

import json
import os
import re
import subprocess
import sys

import pytest

from results.store.csv_files import THROUGHPUT, read_rows
from tests import ROOT
from tests.commands import SMALL, rows_by_length, run
from tests.faults.fault_tools import planted

STRANGE = "tests.plugins.strange:"
SPEAKING = ("Nul", "Unprintable", "Exit", "Refusal", "StrangePath")


def pytest_command(*arguments, folder=ROOT):
    """Call pytest as a user does, to whom warnings are no errors."""
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, "-c", "import pytest, sys; sys.exit(pytest.main())", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def judge(*models, folder=ROOT):
    named = [text for model in models for text in ("--model", model)]
    suite = str(ROOT / "tests/models/test_conformance.py")
    return pytest_command(suite, *named, "-k", "test_model", folder=folder)


@pytest.mark.fault("F22")
def test_dropout_warnings_lazy_layers_and_batch_norm_keep_the_contract(reached):
    status, said = judge(f"{STRANGE}Transformer", f"{STRANGE}Normalised")
    reached(injected=2, text="judged in evaluation mode; warnings are shown")
    assert status == 0, said
    assert "FutureWarning: this is not the newest way" in said


@pytest.mark.fault("F22")
def test_model_that_breaks_the_contract_is_told_in_words(tmp_path, reached):
    """It is in the folder of its author, who calls pytest there."""
    source = (ROOT / "tests/plugins/strange.py").read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    status, said = judge("mine:WithStartSymbol", "mine:Tuple", "mine:SelfSeeded", folder=tmp_path)
    reached(injected=3, text="each named by method, rule and what came")
    assert status == 1
    assert "got shape (6, 7, 6) as float32 on cpu" in said
    assert "got a tuple" in said
    assert "builder: another seed must give other weights" in said
    assert "assert " not in said  # No code of a check.
    status, said = judge("mine:Nobody", folder=tmp_path)
    assert (status, said.count("\n")) == (4, 2), said
    assert "--model: 'mine:Nobody' cannot be imported: ValueError: module 'mine' has no" in said


@pytest.mark.fault("F22")
def test_benchmarks_are_compared_with_nothing_and_with_another_machine(tmp_path, reached):
    benchmarks = (str(ROOT / "tests/benchmarks"), "-k", "sampler and copy", "--benchmark-only")
    compared_with = (*benchmarks, "--benchmark-compare")
    status, said = pytest_command(*compared_with, "--benchmark-autosave", folder=tmp_path)
    assert status == 0, said
    (saved,) = tmp_path.rglob("*.json")
    content = json.loads(saved.read_text(encoding="utf-8"))
    content["machine_info"]["cpu"] |= {"hz_actual_friendly": "1 GHz", "brand_raw": "another"}
    saved.write_text(json.dumps(content), encoding="utf-8")
    status, compared = pytest_command(*compared_with, folder=tmp_path)
    reached(injected=2, text="nothing saved, another machine: compared, with a warning")
    assert status == 0, compared
    assert "INTERNALERROR" not in said + compared
    assert "Can't compare" in said
    assert re.search("machine_info is different", compared)


@pytest.mark.fault("F27")
def test_words_of_a_model_end_no_run_but_its_own(tmp_path, reached):
    models = ",".join([*(f"{STRANGE}{name}" for name in SPEAKING), "rnn"])
    folder = tmp_path / "results"
    status, _, errors = run(folder, *SMALL, "--models", models, "--jobs", "2")
    reached(injected=len(SPEAKING), text="a row each, and the others done")
    assert status == 1, errors
    assert errors.isascii()
    assert all(line.isprintable() for line in errors.splitlines())
    assert [row.status for row in rows_by_length(folder, "rnn").values()] == ["ok", "ok"]
    for name in SPEAKING:
        statuses = {row.status for row in rows_by_length(folder, f"{STRANGE}{name}").values()}
        assert "failed" in statuses, name


SHORT_LIMIT = """
from dataclasses import replace
from bench.execution.engine import LocalEngine
within_limit = LocalEngine.carry_out
def carry_out(self, order, **options):
    return within_limit(self, replace(order, time_limit_seconds=5.0), **options)
LocalEngine.carry_out = carry_out
"""


@pytest.mark.fault("F22")
def test_model_that_spoils_its_measurement_spoils_no_other(tmp_path, reached):
    strangers = {
        "quits": "import os\ndef build(config): os._exit(0)",
        "hangs": "import time\ndef build(config): time.sleep(1000)",
        "sets": "import torch\ndef build(config): torch.set_grad_enabled(False)",
    }
    for name, text in strangers.items():
        (tmp_path / f"{name}.py").write_text(text)
    status, _, errors = run(
        tmp_path / "results",
        *("--lengths", "2", "--hidden", "8", "--models"),
        ",".join([*(f"{name}:build" for name in strangers), "rnn"]),
        begins=("bench.throughput", "--out"),
        before=planted(tmp_path, SHORT_LIMIT),
    )
    reached(injected=len(strangers), text="rows of failure; rnn beside them is measured")
    assert status == 1, errors
    rows = read_rows(tmp_path / "results", THROUGHPUT)
    found = {(row.model, row.status) for row in rows}
    assert len(rows) == 3 * 4
    assert {("rnn", "ok"), ("quits:build", "failed"), ("hangs:build", "timed_out")} < found
    assert ("sets:build", "ok") not in found
