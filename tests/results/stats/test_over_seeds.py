import math

import numpy as np
import pytest
from scipy import stats

from results.errors import ResultsError
from results.stats.intervals import mean_interval
from results.stats.over_seeds import (
    check_groups,
    mean_over_seeds,
    one_configuration,
    solved_fraction,
)
from tests.rows import accuracy_row, frame_of, seed_rows

BY = ["model", "length"]


@pytest.mark.parametrize("n", [2, 3, 10])
def test_t_intervals_agree_with_scipy(n):
    values = np.random.default_rng(n).normal(100, 20, n)
    frame = frame_of(seed_rows(values.tolist(), "carried_bits"))
    known = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    expected = pytest.approx([values.mean(), known.low, known.high], rel=1e-12)
    assert list(mean_interval(values)) == expected
    result = mean_over_seeds(frame, "carried_bits", BY)
    assert list(result.columns) == [*BY, "mean", "low", "high", "n", "failed"]
    assert result.loc[0, ["mean", "low", "high"]].tolist() == expected
    assert result.loc[0, [*BY, "n", "failed"]].tolist() == ["seq2seq", 10, n, 0]


def test_a_mean_has_an_interval_only_if_two_finite_values_are_known():
    for values, mean, end in (
        ([], math.nan, math.nan),
        ([5.0], 5.0, math.nan),
        ([math.inf, 1.0], math.inf, math.nan),
        ([5.0, 5.0], 5.0, 5.0),
    ):
        assert mean_interval(values) == pytest.approx((mean, end, end), rel=0, abs=0, nan_ok=True)


def test_failed_rows_are_counted_and_never_averaged():
    rows = [
        *seed_rows([0.5, None, 0.7, None], length=10),
        *seed_rows([0.5, None], length=20),
        *seed_rows([None, None], length=30),
    ]
    frame = frame_of(rows)
    # Whatever a failed row has in the column.
    frame["token_accuracy"] = frame["token_accuracy"].fillna(0.0)
    result = mean_over_seeds(frame, "token_accuracy", BY)
    assert (result["n"].tolist(), result["failed"].tolist()) == ([2, 1, 0], [2, 1, 2])
    assert result["mean"].tolist() == pytest.approx([0.6, 0.5, math.nan], nan_ok=True)
    for name in ("low", "high"):
        assert result[name].isna().tolist() == [False, True, True]
    # A row that is ok and has no value counts nowhere.
    frame = frame_of([accuracy_row(total_updates=10), accuracy_row(seed=1)])
    (row,) = mean_over_seeds(frame, "total_updates", BY).to_dict("records")
    assert (row["n"], row["failed"], row["mean"]) == (1, 0, 10.0)
    nothing = frame[:0]
    one_configuration(nothing)
    assert mean_over_seeds(nothing, "token_accuracy", BY).empty
    assert solved_fraction(nothing, BY, threshold=0.5).empty


def test_fractions_alone_are_cut_to_their_range():
    # t(0.975, 1) = 12.706 standard errors of one half.
    uncut = (0.5 - 6.3531, 0.5 + 6.3531)
    ends = {"token_accuracy": (0.0, 1.0), "normalised_accuracy": uncut, "carried_bits": uncut}
    for name, known in ends.items():
        (row,) = mean_over_seeds(frame_of(seed_rows([0.0, 1.0], name)), name, BY).to_dict("records")
        assert (row["low"], row["high"]) == pytest.approx(known, abs=5e-5)


def test_several_rows_of_one_seed_and_absent_columns_are_refused():
    frame = frame_of([accuracy_row(length=10), accuracy_row(length=20)])
    message = "^by: several rows of one seed in a group: model seq2seq, seed 0$"
    with pytest.raises(ResultsError, match=message):
        mean_over_seeds(frame, "token_accuracy", ["model"])
    with pytest.raises(ResultsError, match=message):
        solved_fraction(frame, ["model"], threshold=0.5)
    with pytest.raises(ResultsError, match=message):
        check_groups(frame, "token_accuracy", ["model"], unit="seed")
    for value, by in (("tokens", BY), ("token_accuracy", ["tokens"])):
        with pytest.raises(ResultsError, match=r"^tokens: there is no such column$"):
            mean_over_seeds(frame, value, by)


def test_rows_that_are_not_ok_did_not_solve_and_the_interval_is_wilsons():
    rows = [
        *seed_rows([0.99, 0.98, 0.979, None, None], "sequence_accuracy", length=10),
        *seed_rows([None, None], "sequence_accuracy", length=20),
        accuracy_row(sequence_accuracy=None, length=30),
    ]
    frame = frame_of(rows)
    frame["sequence_accuracy"] = frame["sequence_accuracy"].mask(frame["status"] != "ok", 1.0)
    result = solved_fraction(frame, BY, threshold=0.98)
    assert list(result.columns) == [*BY, "fraction", "low", "high", "solved", "n"]
    assert (result["solved"].tolist(), result["n"].tolist()) == ([2, 0, 0], [5, 2, 1])
    assert result["fraction"].tolist() == [0.4, 0.0, 0.0]
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
    for solved, n, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611)):
        values = [1.0] * solved + [0.0] * (n - solved)
        frame = frame_of(seed_rows(values, "sequence_accuracy"))
        (row,) = solved_fraction(frame, BY, threshold=0.9).to_dict("records")
        assert (row["low"], row["high"]) == pytest.approx((low, high), abs=5e-5)


def test_mixed_configurations_are_named():
    rows = [accuracy_row(seed=seed, model=model) for seed in (0, 1) for model in ("rnn", "seq2seq")]
    one_configuration(frame_of(rows))
    other = accuracy_row(config_id="c1", hidden=128, learning_rate=0.002, recipe_version=2)
    with pytest.raises(ResultsError) as caught:
        one_configuration(frame_of([*rows, other]))
    assert str(caught.value) == (
        "copy, seq2seq, curriculum: 2 configurations are mixed; choose one with --config ID: "
        "c0 (hidden=64, learning_rate=0.001, recipe_version=1); "
        "c1 (hidden=128, learning_rate=0.002, recipe_version=2)"
    )
    with pytest.raises(ResultsError, match=r"c1 \(no recorded setting differs\)$"):
        one_configuration(frame_of([*rows, accuracy_row(config_id="c1")]))
