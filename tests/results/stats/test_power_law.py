import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.errors import ResultsError
from results.stats.power_law import growth, shortest_fitted_length

BY = ["model", "phase"]
LENGTHS = (10, 20, 40, 50, 70, 100, 150, 200)


def table(
    costs: Sequence[float | None], *, lengths: Sequence[int] = LENGTHS, model: str = "seq2seq"
) -> pd.DataFrame:
    same = {"model": model, "phase": "decode", "status": "ok", "length": list(lengths)}
    frame = pd.DataFrame(same | {"median_seconds": pd.Series(costs, dtype="float64")})
    return frame.astype(dict.fromkeys(("model", "phase", "status"), "string") | {"length": "Int64"})


def fit_of(frame: pd.DataFrame, cost: str = "median_seconds") -> dict[str, Any]:
    (row,) = growth(frame, cost, BY).to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_a_planted_exponent_is_found():
    for power in (0.0, 2.0):
        fit = fit_of(table([3e-4 * length**power for length in LENGTHS]))
        assert (fit["model"], fit["phase"], fit["n"]) == ("seq2seq", "decode", 5)
        assert [fit["exponent"], fit["low"], fit["high"]] == pytest.approx([power] * 3, abs=1e-9)
    # An overhead at short lengths is left out of the fit.
    costs = [1e-5 * length**2 + (0.5 if length < 50 else 0) for length in LENGTHS]
    assert fit_of(table(costs))["exponent"] == pytest.approx(2.0)
    assert shortest_fitted_length(table(costs)) == 50
    assert shortest_fitted_length(table([1.0, 1.0], lengths=(10, 25))) == 50
    assert shortest_fitted_length(table([1.0, 1.0], lengths=(10, 401))) == 101


def test_exponent_and_interval_agree_with_scipy():
    noise = np.random.default_rng(3).normal(0, 0.2, len(LENGTHS))
    costs = np.array(LENGTHS) ** 1.3 * np.exp(noise)
    line = stats.linregress(np.log(LENGTHS[3:]), np.log(costs[3:]))
    half = stats.t.ppf(0.975, 3) * line.stderr
    fit = fit_of(table(costs.tolist()))
    assert [fit["exponent"], fit["low"], fit["high"]] == pytest.approx(
        [line.slope, line.slope - half, line.slope + half], rel=1e-10
    )


def test_all_groups_are_fitted_over_the_same_lengths():
    short = table([10.0, 20.0, 30.0, 40.0], lengths=(10, 20, 30, 40), model="rnn")
    long = table([float(length) for length in LENGTHS])
    result = growth(pd.concat([short, long]), "median_seconds", BY).set_index("model")
    assert list(result.columns) == ["phase", "exponent", "low", "high", "n"]
    assert result["n"].to_dict() == {"rnn": 0, "seq2seq": 5}
    assert result.loc["rnn", ["exponent", "low", "high"]].isna().all()


def test_three_lengths_are_needed():
    for known in (2, 3):
        costs = [*[None] * (8 - known), *(float(length) for length in LENGTHS[-known:])]
        fit = fit_of(table(costs))
        assert fit["n"] == known
        assert {math.isnan(fit[name]) for name in ("exponent", "low", "high")} == {known == 2}


def test_rows_that_are_not_ok_or_have_no_cost_are_left_out():
    frame = table([float(length) for length in LENGTHS])
    is_100, seconds = frame["length"] == 100, frame["median_seconds"]
    failed = {"status": frame["status"].mask(is_100, "timed_out")}
    for changes in (
        failed | {"median_seconds": seconds.mask(is_100, 1e9)},
        {"median_seconds": seconds.mask(is_100)},
        {"median_seconds": seconds.mask(is_100, 0.0)},
    ):
        fit = fit_of(frame.assign(**changes))
        assert (fit["n"], fit["exponent"]) == (4, pytest.approx(1.0))
    # Whole numbers, of which one is missing.
    memory = pd.Series([None, *(1000 * length for length in LENGTHS[1:])], dtype="Int64")
    fit = fit_of(table([1.0] * 8).assign(peak_memory_bytes=memory), "peak_memory_bytes")
    assert (fit["n"], fit["exponent"]) == (5, pytest.approx(1.0))


def test_tables_that_cannot_be_fitted():
    frame = table([1.0, 2.0], lengths=(50, 100))
    assert list(growth(frame[:0], "median_seconds", BY).columns) == [
        *BY, "exponent", "low", "high", "n",
    ]  # fmt: skip
    with pytest.raises(ResultsError, match="model seq2seq, phase decode, length 50"):
        growth(pd.concat([frame, frame[:1]]), "median_seconds", BY)
    with pytest.raises(ResultsError, match="colour: there is no such column"):
        growth(frame, "colour", BY)
