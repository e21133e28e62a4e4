"""F5: a loss that is no finite number; the row is kept, and figures are drawn all the same."""

import pytest

from reports.figures import main as draw
from tests.commands import SMALL, accuracy_rows
from tests.faults.fault_tools import TWO_JOBS, planted, run

pytestmark = pytest.mark.fault("F5")

DIVERGING = ("tests.plugins.broken:NotANumber", "tests.plugins.faulty:Infinite")
ARGUMENTS = (*SMALL, "--models", ",".join((*DIVERGING, "rnn")), *TWO_JOBS)


def assert_diverged(folder):
    rows = {(row.model, row.length): row for row in accuracy_rows(folder)}
    for model in DIVERGING:
        assert rows[model, 2].status == "ok"
        assert rows[model, 4].status == "diverged"
        assert rows[model, 4].token_accuracy is None
    assert rows["rnn", 4].status == "ok"


def test_infinite_loss_is_a_row_and_figures_are_drawn(tmp_path, reached, capsys):
    folder, figures = tmp_path / "results", tmp_path / "figures"
    status, _, errors = run(folder, *ARGUMENTS)
    assert status == 1, errors
    assert_diverged(folder)
    status = draw(["--results", str(folder), "--out", str(figures)])
    drawn = len(list(figures.glob("*.png")))
    reached(injected=len(DIVERGING), text=f"diverged rows kept, {drawn} figures drawn")
    assert status == 0, capsys.readouterr().err
    assert drawn > 0


@pytest.mark.fault("F5", is_twin=True)
def test_training_that_goes_on_with_any_loss_is_found(tmp_path):
    code = """
import math

import torch

torch.isfinite = lambda tensor: torch.tensor(True)
math.isfinite = lambda number: True
"""
    folder = tmp_path / "results"
    run(folder, *ARGUMENTS, before=[planted(tmp_path / "weak", code)])
    with pytest.raises((AssertionError, KeyError)):
        assert_diverged(folder)
