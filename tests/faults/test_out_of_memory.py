"""F3: a model that wants more memory than there is; a row says so, and the others go on."""

import pytest

from tests.commands import SMALL, accuracy_rows
from tests.faults.fault_tools import TWO_JOBS, log_lines, planted, run

pytestmark = pytest.mark.fault("F3")

PLACES = ("InTorch", "InNumpy", "InPython", "InRecurrence", "InSaving", "ForLittle")
HUNGRY = [f"tests.plugins.faulty:Hungry{place}" for place in PLACES]


def assert_out_of_memory(folder, models):
    """Each model stopped where its memory did, was tried once, and no other was touched."""
    rows = {(row.model, row.length): row for row in accuracy_rows(folder)}
    found = {model: rows[model, 4].status for model in models}
    assert found == dict.fromkeys(models, "out_of_memory"), [rows[m, 4].error for m in models]
    assert {rows[model, 2].status for model in models} == {"ok"}
    assert {rows[model, 4].attempts for model in models} == {1}
    assert rows["rnn", 4].status == "ok"
    assert sum("begun as" in line for line in log_lines(folder)) == len(models) + 1


def test_out_of_memory_is_a_row_and_no_second_attempt(tmp_path, reached):
    folder = tmp_path / "results"
    status, _, errors = run(folder, *SMALL, "--models", ",".join([*HUNGRY, "rnn"]), *TWO_JOBS)
    reached(injected=len(HUNGRY), text="RLIMIT_AS: each out_of_memory, once, the others done")
    assert status == 1, errors
    assert_out_of_memory(folder, HUNGRY)


@pytest.mark.fault("F3", is_twin=True)
def test_failure_that_is_not_known_for_memory_is_found(tmp_path):
    code = """
from bench.training import train

train.status_of = lambda error: "failed"
"""
    folder, weak = tmp_path / "results", planted(tmp_path / "weak", code)
    run(folder, *SMALL, "--models", f"{HUNGRY[0]},rnn", *TWO_JOBS, before=[weak])
    with pytest.raises(AssertionError, match="failed"):
        assert_out_of_memory(folder, HUNGRY[:1])
