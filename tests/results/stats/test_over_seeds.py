import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import AccuracyRow
from results.stats import intervals
from results.stats import over_seeds as summary
from results.stats.intervals import wilson_interval
from results.stats.over_seeds import (
    interquartile_mean,
    interquartile_means,
    mean_over_seeds,
    one_configuration,
    solved_fraction,
)
from tests.rows import accuracy_row, failed

BY = ["model", "length"]
Interval = Callable[[Any, Any], tuple[Any, Any]]


def table(rows: Sequence[AccuracyRow]) -> pd.DataFrame:
    frame = pd.DataFrame([to_json(row) for row in rows])
    return frame.astype({"seed": "Int64", "length": "Int64", "model": "string", "status": "string"})


def seeds(values: Sequence[float | None], **changes: Any) -> list[AccuracyRow]:
    """Return one row per value; a row without one has diverged."""
    name = changes.pop("name", "token_accuracy")
    rows = [accuracy_row(seed=seed, **changes) for seed in range(len(values))]
    return [
        failed(row) if value is None else accuracy_row(seed=row.seed, **changes, **{name: value})
        for row, value in zip(rows, values, strict=True)
    ]


def test_mean_and_t_interval_by_hand() -> None:
    # Standard deviation 0.1 and t(0.975, 2) = 4.303: half width 4.303 * 0.1 / sqrt(3) = 0.2484.
    result = mean_over_seeds(table(seeds([0.5, 0.6, 0.7])), "token_accuracy", BY)
    assert list(result.columns) == [*BY, "mean", "low", "high", "n", "failed"]
    (row,) = result.to_dict("records")
    assert (row["model"], row["length"], row["n"], row["failed"]) == ("seq2seq", 10, 3, 0)
    assert row["mean"] == pytest.approx(0.6)
    assert (row["low"], row["high"]) == pytest.approx((0.6 - 0.2484, 0.6 + 0.2484), abs=5e-5)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_t_interval_agrees_with_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(100, 20, n)
    frame = table(seeds(values.tolist(), name="carried_bits"))
    result = mean_over_seeds(frame, "carried_bits", BY)
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert result.loc[0, ["low", "high"]].tolist() == pytest.approx([interval.low, interval.high])


def check_coverage(average: Callable[..., pd.DataFrame], n: int) -> None:
    groups = 4000
    frame = pd.DataFrame(
        {
            "model": np.repeat(np.arange(groups), n),
            "length": 10,
            "seed": np.tile(np.arange(n), groups),
            "status": "ok",
            "carried_bits": np.random.default_rng(n).normal(7.0, 2.0, groups * n),
        }
    )
    result = average(frame, "carried_bits", BY)
    covered = ((result["low"] <= 7.0) & (result["high"] >= 7.0)).mean()
    assert abs(covered - 0.95) < 0.015


@pytest.mark.parametrize("n", [3, 5, 10])
def test_t_interval_covers_as_often_as_it_says(n: int) -> None:
    check_coverage(mean_over_seeds, n)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_coverage_check_rejects_a_normal_interval(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        intervals.stats.t, "ppf", lambda q, freedom: stats.norm.ppf(q) + 0 * freedom
    )
    with pytest.raises(AssertionError):
        check_coverage(mean_over_seeds, n)


def test_failed_rows_are_counted_and_left_out() -> None:
    rows = [
        *seeds([0.5, None, 0.7, None], length=10),
        *seeds([0.5, None], length=20),
        *seeds([None, None], length=30),
    ]
    frame = table(rows)
    result = mean_over_seeds(frame, "token_accuracy", BY)
    assert result["length"].tolist() == [10, 20, 30]
    assert result["n"].tolist() == [2, 1, 0]
    assert result["failed"].tolist() == [2, 1, 2]
    assert result["mean"].tolist()[:2] == pytest.approx([0.6, 0.5])
    assert math.isnan(result["mean"][2])
    assert result["low"].isna().tolist() == [False, True, True]
    assert result["high"].isna().tolist() == [False, True, True]


def test_ok_rows_without_a_value_count_nowhere() -> None:
    frame = table([accuracy_row(seed=0), accuracy_row(seed=1, carried_bits=None)])
    (row,) = mean_over_seeds(frame, "carried_bits", BY).to_dict("records")
    assert (row["n"], row["failed"], row["mean"]) == (1, 0, -0.5)


def test_values_of_failed_rows_are_never_used() -> None:
    frame = table(seeds([0.5, None])).assign(token_accuracy=[0.5, 0.0])
    (row,) = mean_over_seeds(frame, "token_accuracy", BY).to_dict("records")
    assert (row["mean"], row["n"]) == (0.5, 1)


def test_fractions_alone_are_cut_to_their_range() -> None:
    values = [0.0, 1.0]
    for name, is_cut in (
        ("token_accuracy", True),
        ("normalised_accuracy", False),
        ("carried_bits", False),
    ):
        (row,) = mean_over_seeds(table(seeds(values, name=name)), name, BY).to_dict("records")
        assert ((row["low"], row["high"]) == (0.0, 1.0)) == is_cut


@pytest.mark.parametrize("dtype", ["Int64", "float64"])
def test_missing_integers_are_averaged(dtype: str) -> None:
    rows = [accuracy_row(seed=0, total_updates=10), accuracy_row(seed=1, total_updates=None)]
    frame = table(rows).astype({"total_updates": dtype})
    assert mean_over_seeds(frame, "total_updates", BY)["mean"].tolist() == [10.0]


def test_seeds_are_the_unit() -> None:
    frame = table([accuracy_row(length=10), accuracy_row(length=20)])
    with pytest.raises(ResultsError, match="by: several rows of one seed in a group: model seq2"):
        mean_over_seeds(frame, "token_accuracy", ["model"])
    with pytest.raises(ResultsError, match="by: several rows of one seed"):
        solved_fraction(frame, ["model"], threshold=0.5)


def test_absent_columns_are_named() -> None:
    frame = table([accuracy_row()])
    with pytest.raises(ResultsError, match="tokens: there is no such column"):
        mean_over_seeds(frame, "tokens", BY)
    with pytest.raises(ResultsError, match="size: there is no such column"):
        solved_fraction(frame, ["size"], threshold=0.5)


def test_empty_tables_give_empty_tables() -> None:
    frame = table([accuracy_row()]).iloc[:0]
    one_configuration(frame)
    assert len(mean_over_seeds(frame, "token_accuracy", BY)) == 0
    assert len(solved_fraction(frame, BY, threshold=0.5)) == 0


def test_tables_given_are_left_as_they_are() -> None:
    frame = table(seeds([0.5, None, 0.7]))
    before = frame.copy(deep=True)
    mean_over_seeds(frame, "token_accuracy", BY)
    solved_fraction(frame, BY, threshold=0.5)
    pd.testing.assert_frame_equal(frame, before)


def check_wilson(interval: Interval) -> None:
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    published = [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]
    for solved, n, low, high in published:
        assert interval(solved, n) == pytest.approx((low, high), abs=5e-5)
    for n in (1, 3, 5, 10):
        for solved in range(n + 1):
            known = stats.binomtest(solved, n).proportion_ci(0.95, method="wilson")
            assert interval(solved, n) == pytest.approx((known.low, known.high), abs=1e-12)


def wald(solved: Any, n: Any) -> tuple[Any, Any]:
    half = 1.959964 * np.sqrt(solved / n * (1 - solved / n) / n)
    return solved / n - half, solved / n + half


def corrected(solved: Any, n: Any) -> tuple[Any, Any]:
    known = stats.binomtest(solved, n).proportion_ci(0.95, method="wilsoncc")
    return known.low, known.high


def test_wilson_interval_agrees_with_published_values() -> None:
    check_wilson(wilson_interval)


@pytest.mark.parametrize("broken", [wald, corrected])
def test_wilson_check_rejects(broken: Interval) -> None:
    with pytest.raises(AssertionError):
        check_wilson(broken)


def test_rows_that_are_not_ok_did_not_solve() -> None:
    rows = [
        *seeds([0.99, 0.98, 0.979, None, None], name="sequence_accuracy", length=10),
        *seeds([None, None], name="sequence_accuracy", length=20),
    ]
    result = solved_fraction(table(rows), BY, threshold=0.98)
    assert list(result.columns) == [*BY, "fraction", "low", "high", "solved", "n"]
    assert result["solved"].tolist() == [2, 0]
    assert result["n"].tolist() == [5, 2]
    assert result["fraction"].tolist() == [0.4, 0.0]
    for row in result.itertuples():
        assert (row.low, row.high) == pytest.approx(wilson_interval(row.solved, row.n))


def test_ok_rows_without_a_value_did_not_solve() -> None:
    frame = table([accuracy_row(sequence_accuracy=None)])
    assert solved_fraction(frame, BY, threshold=0.0)["solved"].tolist() == [0]


def test_one_configuration_passes() -> None:
    rows = [
        accuracy_row(config_id=f"c-{model}", model=model, seed=s) for model in "ab" for s in (1, 2)
    ]
    one_configuration(table(rows))


def test_mixed_configurations_are_named() -> None:
    frame = table(
        [
            accuracy_row(),
            accuracy_row(seed=1),
            accuracy_row(config_id="c1", hidden=128, learning_rate=0.002),
        ]
    )
    with pytest.raises(ResultsError) as caught:
        one_configuration(frame)
    assert str(caught.value) == (
        "copy, seq2seq, curriculum: 2 configurations are mixed; choose one with --config ID: "
        "c0 (hidden=64, learning_rate=0.001); c1 (hidden=128, learning_rate=0.002)"
    )


def test_configurations_that_differ_in_a_version_or_nothing_known_are_named() -> None:
    rows = [accuracy_row(), accuracy_row(config_id="c1", recipe_version=2)]
    with pytest.raises(ResultsError, match=r"c0 \(recipe_version=1\); c1 \(recipe_version=2\)"):
        one_configuration(table(rows))
    with pytest.raises(ResultsError, match=r"c1 \(no recorded setting differs\)"):
        one_configuration(table([accuracy_row(), accuracy_row(config_id="c1")]))


def check_interquartile_mean(average: Callable[[Sequence[float]], float]) -> None:
    # The vectors of rliable's own tests, runs by tasks, taken together.
    assert average([1, 2, 2, 2, 1, 1, 2, 1]) == pytest.approx(1.5)
    assert average([1, 1, 2, 2, 3, 3]) == pytest.approx(2.0)
    # By hand: nine values lose two at each end, three lose none.
    assert average([100, 1, 2, 3, 4, 5, 6, 7, -100]) == pytest.approx(4.0)
    assert average([1, 2, 6]) == pytest.approx(3.0)


def test_interquartile_mean_agrees_with_published_vectors() -> None:
    check_interquartile_mean(interquartile_mean)
    assert math.isnan(interquartile_mean([]))


@pytest.mark.parametrize(
    "broken", [np.mean, np.median, lambda values: stats.trim_mean(values, 0.1)]
)
def test_another_average_is_rejected(broken: Callable[[Any], float]) -> None:
    with pytest.raises(AssertionError):
        check_interquartile_mean(broken)


def check_over_tasks() -> None:
    rows = [
        *seeds([0.1, 0.5, 0.9], task="copy"),
        *seeds([0.2, 0.6, None], task="reverse"),
        *seeds([0.3, 0.7, 0.8], task="sort"),
    ]
    (row,) = interquartile_means(table(rows), "token_accuracy", BY).to_dict("records")
    # Eight values: the two lowest and the two highest are cut off.
    assert row["mean"] == pytest.approx((0.3 + 0.5 + 0.6 + 0.7) / 4)
    assert (row["n"], row["failed"]) == (8, 1)


def test_interquartile_means_are_over_tasks_and_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    check_over_tasks()
    monkeypatch.setattr(summary, "interquartile_mean", np.mean)
    with pytest.raises(AssertionError):
        check_over_tasks()


def test_interquartile_means_need_one_row_of_each_seed() -> None:
    rows = [*seeds([0.1, 0.2], task="copy"), *seeds([0.3], task="copy")]
    with pytest.raises(ResultsError, match="several rows of one seed"):
        interquartile_means(table(rows), "token_accuracy", BY)
