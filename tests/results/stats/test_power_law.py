import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.errors import ResultsError
from results.stats.power_law import growth, shortest_fitted_length

BY = ["model", "phase"]
LENGTHS = (10, 20, 40, 50, 70, 100, 150, 200)
Growth = Callable[..., pd.DataFrame]


def table(
    costs: Sequence[float | None],
    *,
    lengths: Sequence[int] = LENGTHS,
    model: str = "seq2seq",
    status: str = "ok",
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": pd.Series([model] * len(lengths), dtype="string"),
            "phase": pd.Series(["decode"] * len(lengths), dtype="string"),
            "length": pd.Series(lengths, dtype="Int64"),
            "status": pd.Series([status] * len(lengths), dtype="string"),
            "median_seconds": pd.Series(costs, dtype="float64"),
        }
    )


def fit_of(frame: pd.DataFrame, cost: str = "median_seconds") -> dict[str, Any]:
    (row,) = growth(frame, cost, BY).to_dict("records")
    return {str(name): value for name, value in row.items()}


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_a_planted_exponent_is_found(power: float) -> None:
    fit = fit_of(table([3e-4 * length**power for length in LENGTHS]))
    assert (fit["model"], fit["phase"], fit["n"]) == ("seq2seq", "decode", 5)
    found = [fit["exponent"], fit["low"], fit["high"]]
    assert found == pytest.approx([power] * 3, abs=1e-9)


def check_against_scipy(fit: Growth) -> None:
    noise = np.random.default_rng(3).normal(0, 0.2, len(LENGTHS))
    frame = table((np.array(LENGTHS) ** 1.3 * np.exp(noise)).tolist())
    (row,) = fit(frame, "median_seconds", BY).to_dict("records")
    long = frame[frame["length"] >= 50]
    line = stats.linregress(
        np.log(long["length"].to_numpy(dtype=float)), np.log(long["median_seconds"])
    )
    half = stats.t.ppf(0.975, len(long) - 2) * line.stderr
    assert row["exponent"] == pytest.approx(line.slope)
    assert [row["low"], row["high"]] == pytest.approx([line.slope - half, line.slope + half])


def test_the_fit_agrees_with_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    check_against_scipy(growth)
    for name, value in (("growth.LONG_SHARE", 0.0), ("intervals.CONFIDENCE", 0.9)):
        monkeypatch.setattr(f"results.{name}", value)
        with pytest.raises(AssertionError):
            check_against_scipy(growth)
        monkeypatch.undo()


def check_coverage(lengths: Sequence[int], power: float = 1.5) -> None:
    """Raise AssertionError unless about 95 of 100 intervals hold the exponent."""
    runs = 800
    noise = np.random.default_rng(len(lengths)).normal(0, 0.1, (runs, len(lengths)))
    costs = np.exp(power * np.log(lengths) + noise)
    names = np.repeat([str(number) for number in range(runs)], len(lengths))
    together = table(costs.ravel().tolist(), lengths=list(lengths) * runs).assign(model=names)
    result = growth(together, "median_seconds", BY)
    covered = ((result["low"] <= power) & (power <= result["high"])).mean()
    assert len(result) == runs
    assert abs(covered - 0.95) < 0.03


@pytest.mark.parametrize("lengths", [(50, 100, 200), (50, 80, 120, 200), range(50, 201, 10)])
def test_the_interval_covers_as_often_as_it_says(lengths: Sequence[int]) -> None:
    check_coverage(lengths)


@pytest.mark.parametrize("lengths", [(50, 100, 200), (50, 80, 120, 200)])
def test_an_interval_that_ignores_how_few_they_are_is_found(
    lengths: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats.t, "ppf", lambda q, freedom: stats.norm.ppf(q))
    with pytest.raises(AssertionError):
        check_coverage(lengths)


def test_an_overhead_at_short_lengths_stays_out_of_the_fit() -> None:
    costs: list[float | None] = [
        1e-5 * length**2 + (0.5 if length < 50 else 0) for length in LENGTHS
    ]
    assert fit_of(table(costs))["exponent"] == pytest.approx(2.0)
    assert shortest_fitted_length(table(costs)) == 50
    assert shortest_fitted_length(table([1.0, 1.0], lengths=(10, 25))) == 7


def test_all_groups_are_fitted_over_the_same_lengths() -> None:
    short = table(
        [float(length) for length in (10, 20, 30, 40)], lengths=(10, 20, 30, 40), model="rnn"
    )
    long = table([float(length) for length in LENGTHS])
    result = growth(pd.concat([short, long]), "median_seconds", BY).set_index("model")
    assert result["n"].to_dict() == {"rnn": 0, "seq2seq": 5}
    assert math.isnan(result.loc["rnn", "exponent"])


@pytest.mark.parametrize("known", [0, 1, 2])
def test_too_few_lengths_give_no_number(known: int) -> None:
    costs = [float(length) if place >= 8 - known else None for place, length in enumerate(LENGTHS)]
    fit = fit_of(table(costs))
    assert fit["n"] == known
    assert all(math.isnan(fit[name]) for name in ("exponent", "low", "high"))


def test_three_lengths_are_enough() -> None:
    fit = fit_of(table([1.0, 2.0, 3.0], lengths=(50, 100, 200)))
    assert fit["low"] < fit["exponent"] < fit["high"]
    assert fit["high"] - fit["low"] > 0.5


def test_rows_that_are_not_ok_or_have_no_cost_are_left_out() -> None:
    frame = table([float(length) for length in LENGTHS])
    wrong = frame.assign(median_seconds=1e9)
    broken = wrong[wrong["length"] == 100].assign(status="timed_out")
    rest = frame[frame["length"] != 100]
    fit = fit_of(pd.concat([rest, broken], ignore_index=True))
    assert (fit["n"], fit["exponent"]) == (4, pytest.approx(1.0))
    for empty in (None, 0.0):
        costs: list[float | None] = [float(length) for length in LENGTHS]
        costs[5] = empty
        fit = fit_of(table(costs))
        assert (fit["n"], fit["exponent"]) == (4, pytest.approx(1.0))


def test_whole_numbers_with_gaps_are_fitted() -> None:
    memory = pd.Series([None, *(1000 * length for length in LENGTHS[1:])], dtype="Int64")
    frame = table([1.0] * len(LENGTHS)).assign(peak_memory_bytes=memory)
    fit = fit_of(frame, "peak_memory_bytes")
    assert (fit["n"], fit["exponent"]) == (5, pytest.approx(1.0))


def test_a_table_without_rows_has_no_fit() -> None:
    result = growth(table([1.0], lengths=(10,))[:0], "median_seconds", BY)
    assert list(result.columns) == [*BY, "exponent", "low", "high", "n"]
    assert result.empty


def test_two_rows_for_one_length_and_unknown_columns_are_refused() -> None:
    frame = table([1.0, 2.0], lengths=(50, 100))
    with pytest.raises(ResultsError, match="model seq2seq, phase decode, length 50"):
        growth(pd.concat([frame, frame[:1]]), "median_seconds", BY)
    with pytest.raises(ResultsError, match="colour: there is no such column"):
        growth(frame, "colour", BY)
