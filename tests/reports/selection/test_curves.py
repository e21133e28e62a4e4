import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports.selection import curves
from reports.selection.curves import (
    curves_of,
    own_length_rows,
    protocols_of,
    require_one_configuration,
)
from results.errors import ResultsError
from tests.reports.synthetic import accuracy_row, accuracy_rows, failed, frame_of
from tests.reports.synthetic_scores import SYMBOLS

LENGTHS = (10, 20, 50)
FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": LENGTHS}


def test_means_and_intervals_are_those_of_scipy() -> None:
    rows = accuracy_rows(**FEW)
    means = curves_of(frame_of(rows)).means.set_index(["task", "model", "length", "score"])
    values = [
        row.carried_bits
        for row in rows
        if (row.task, row.model, row.length) == ("sort", "seq2seq", 50)
    ]
    interval = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    found = means.loc[("sort", "seq2seq", 50, "carried_bits")]
    np.testing.assert_allclose(found["mean"], np.mean(values))
    np.testing.assert_allclose((found["low"], found["high"]), interval)
    assert found["n"] == 3


def test_every_seed_and_every_failure_is_in_the_curves() -> None:
    rows = accuracy_rows(**FEW)
    rows[4] = failed(rows[4])
    found = curves_of(frame_of(rows))
    scores = found.seeds[found.seeds["score"] == "token_accuracy"]
    assert len(scores) == len(rows)
    assert scores["value"].isna().sum() == 1
    assert (found.facts.seeds, found.facts.rows, found.facts.unfinished) == (3, len(rows), 1)
    assert found.means["failed"].sum() == len(curves.SCORES)


def test_one_seed_has_no_interval() -> None:
    means = curves_of(frame_of(accuracy_rows(seeds=(7,), **FEW))).means
    assert means["low"].isna().all()
    assert (means["n"] == 1).all()


def test_baselines_are_those_of_the_rows() -> None:
    table = curves_of(frame_of(accuracy_rows(**FEW))).baselines
    chance = table[table["baseline"] == "chance_accuracy"].set_index("task")["value"]
    assert chance.groupby("task").unique().to_dict() == {
        "copy": 1 / SYMBOLS["copy"],
        "sort": 1 / SYMBOLS["sort"],
    }
    assert "causal_ceiling_accuracy" not in set(table["baseline"])


EXTRAPOLATED = [
    accuracy_row("copy", "rnn", 0, 400, train_length=50),
    accuracy_row("copy", "rnn", 0, 30, train_length=20),
    accuracy_row("copy", "rnn", 0, 10, train_length=50),
]


def check_no_extrapolation(frame: pd.DataFrame) -> None:
    clean = curves_of(frame_of(accuracy_rows(**FEW)))
    found = curves_of(frame)
    pd.testing.assert_frame_equal(found.means, clean.means)
    pd.testing.assert_frame_equal(found.seeds, clean.seeds)
    assert found.facts.left_out == len(EXTRAPOLATED)


def test_rows_tested_beyond_their_training_are_in_no_curve() -> None:
    check_no_extrapolation(frame_of([*accuracy_rows(**FEW), *EXTRAPOLATED]))


def test_a_selection_that_keeps_extrapolation_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "own_length_rows", lambda frame: frame)
    with pytest.raises((AssertionError, ResultsError)):
        check_no_extrapolation(frame_of([*accuracy_rows(**FEW), *EXTRAPOLATED]))


def test_a_mixed_model_is_tested_at_every_length_up_to_its_largest() -> None:
    rows = accuracy_rows(protocol="mixed", train_length=50, tasks=("copy",), lengths=(10, 50, 100))
    assert set(own_length_rows(frame_of(rows))["length"]) == {10, 50}


def test_protocols_are_never_mixed() -> None:
    frame = frame_of([*accuracy_rows(**FEW), *accuracy_rows(protocol="independent", **FEW)])
    assert protocols_of(frame) == ["curriculum", "independent"]
    with pytest.raises(ResultsError, match="one is needed, not curriculum, independent"):
        curves_of(frame)


def test_a_point_reached_over_two_ladders_is_refused() -> None:
    rows = accuracy_rows(**FEW)
    other = accuracy_row("copy", "rnn", 0, 50, record_id="another-path", stage_id="another-path")
    with pytest.raises(ResultsError, match="copy, rnn, seed 0, length 50: two rows, reached over"):
        curves_of(frame_of([*rows, other]))


def test_no_row_at_its_own_length_is_refused() -> None:
    with pytest.raises(ResultsError, match="no row was tested at a length that it was trained for"):
        curves_of(frame_of(EXTRAPOLATED))


def test_one_configuration_per_task_is_accepted() -> None:
    require_one_configuration(frame_of(accuracy_rows(**FEW)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": "rnn", "hidden": 128, "config_id": "wide"},
            "choose one with --config ID: .*wide",
        ),
        (
            {"model": "new", "hidden": 128, "config_id": "wide"},
            "all tasks, curriculum: hidden differs .*cur016 .*hidden=64.*wide .*hidden=128",
        ),
        (
            {"model": "new", "symbols": 4, "config_id": "few"},
            "copy, curriculum: symbols differs .*symbols=16.*few .*symbols=4",
        ),
    ],
)
def test_mixed_settings_are_refused(changes: dict[str, object], message: str) -> None:
    model = str(changes.pop("model"))
    rows = [*accuracy_rows(**FEW), accuracy_row("copy", model, 0, 100, **changes)]
    with pytest.raises(ResultsError, match=message):
        require_one_configuration(frame_of(rows))
