import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from results.errors import ResultsError
from results.stats.threshold_length import (
    ABOVE,
    AT,
    BELOW,
    NOT_IDENTIFIED,
    Crossing,
    crossing,
    crossings,
    mean_crossing,
)

BY = ["task", "model"]
LENGTHS = (10, 20, 40, 80, 160)
GRID = tuple(range(10, 201, 10))

# The level is one half. Where two neighbours rise, both count as their mean.
CASES = {
    "three quarters of the way": ((1.0, 0.8, 0.4, 0.2, 0.1), AT, 20 * 2**0.75),
    "at a length itself": ((1.0, 0.8, 0.5, 0.2, 0.1), AT, 40.0),
    "in the first gap": ((0.5, 0.4, 0.3, 0.2, 0.1), AT, 10.0),
    "in the last gap": ((1.0, 1.0, 1.0, 0.9, 0.1), AT, 80 * math.sqrt(2)),
    "one lucky length": ((1.0, 0.8, 0.4, 0.7, 0.1), AT, 80 * 2 ** (1 / 9)),
    "above throughout": ((0.9, 0.9, 0.8, 0.7, 0.6), ABOVE, 160.0),
    "at the level in the end": ((0.9, 0.8, 0.7, 0.6, 0.5), ABOVE, 160.0),
    "flat above": ((0.9,) * 5, ABOVE, 160.0),
    "flat at the level": ((0.5,) * 5, ABOVE, 160.0),
    "one unlucky length": ((0.9, 0.9, 0.45, 0.7, 0.6), ABOVE, 160.0),
    "one unlucky length, at the level": ((0.75, 0.75, 0.25, 0.75, 0.5), ABOVE, 160.0),
    "one small unlucky length": ((0.5625, 0.484375, 0.5625, 0.5625, 0.5625), ABOVE, 160.0),
    "small and unlucky in the end": ((0.53, 0.53, 0.53, 0.52, 0.49), NOT_IDENTIFIED, math.nan),
    "flat, about the level": ((0.5, 0.49, 0.51, 0.49, 0.51), ABOVE, 160.0),
    "rising, with a mean above the level": ((0.4, 0.5, 0.6, 0.7, 0.8), NOT_IDENTIFIED, math.nan),
    "below throughout": ((0.4, 0.3, 0.2, 0.1, 0.1), BELOW, 10.0),
    "below but for one lucky length": ((0.4, 0.55, 0.2, 0.1, 0.1), BELOW, 10.0),
    "rising across the level": ((0.2, 0.3, 0.4, 0.6, 0.7), NOT_IDENTIFIED, math.nan),
    "rising below the level": ((0.24, 0.3, 0.34, 0.34, 0.37), NOT_IDENTIFIED, math.nan),
    "flat below": ((0.3,) * 5, NOT_IDENTIFIED, math.nan),
    "falling by too little": ((0.34, 0.33, 0.32, 0.31, 0.3), NOT_IDENTIFIED, math.nan),
    "falling by just enough": ((0.05, 0.04, 0.03, 0.02, 0.0), BELOW, 10.0),
    "falling by just enough, rounded": ((0.35, 0.34, 0.33, 0.32, 0.3), BELOW, 10.0),
}


@pytest.mark.parametrize("name", CASES)
def test_a_crossing_agrees_with_a_calculation_by_hand(name):
    values, kind, length = CASES[name]
    found = crossing(LENGTHS, values, level=0.5)
    assert found.kind == kind
    assert found.length == pytest.approx(length, rel=1e-12, nan_ok=True)


def fitted(values: Sequence[Fraction]) -> list[Fraction]:
    """Make values fall by the formula: the least over starts of the largest mean over ends."""
    places = range(len(values))

    def mean(start: int, end: int) -> Fraction:
        return sum(values[start : end + 1], Fraction(0)) / (end + 1 - start)

    return [
        min(max(mean(start, end) for end in places[i:]) for start in places[: i + 1])
        for i in places
    ]


def defined(values: Sequence[Fraction], *, level: Fraction) -> str:
    """Name the kind of a curve, word by word as `crossing` defines it."""
    curve = fitted(values)
    falls = curve[0] - curve[-1] >= Fraction(5, 100)
    if min(curve) >= level and (falls or values[0] >= level):
        return ABOVE
    if falls and max(curve) < level:
        return BELOW
    return AT if falls else NOT_IDENTIFIED


HUNDREDTHS = st.integers(46, 54)  # Close to the level, and to the least fall.


@pytest.mark.fault("F16")
@settings(deadline=None)
@given(values=st.lists(HUNDREDTHS, min_size=1, max_size=6), level=HUNDREDTHS)
def test_every_curve_is_of_the_kind_that_is_defined(values, level):
    """Also where means, falls or values are exactly the level or the least fall."""
    exact = [Fraction(value, 100) for value in values]
    found = crossing(GRID[: len(values)], [value / 100 for value in values], level=level / 100)
    assert found.kind == defined(exact, level=Fraction(level, 100))


@pytest.mark.fault("F16")
@settings(deadline=None)
@given(values=st.lists(HUNDREDTHS, min_size=1, max_size=6), place=st.integers(0, 5))
def test_better_curve_that_begins_at_the_level_is_above_as_well(values, place):
    values[0] = max(values[0], 50)
    better = [value + 3 * (i == place) for i, value in enumerate(values)]
    kinds = [
        crossing(GRID[: len(curve)], [value / 100 for value in curve], level=0.5).kind
        for curve in (values, better)
    ]
    assert kinds[0] != ABOVE or kinds[1] == ABOVE


def table(
    values: Sequence[float | None], *, model: str = "seq2seq", seed: int = 0, **columns: Any
) -> pd.DataFrame:
    same = {"task": "copy", "model": model, "seed": seed, "status": "ok"}
    scores = pd.Series(values, dtype="float64")
    lengths = pd.Series(LENGTHS[: len(values)], dtype="Int64")
    frame = pd.DataFrame({"length": lengths, "score": scores} | same | columns)
    return frame.astype({"model": "string", "seed": "Int64"})


def test_every_seed_of_every_curve_has_its_crossing():
    frame = pd.concat(
        [
            table(CASES["at a length itself"][0], model="rnn", seed=1),
            table(CASES["below throughout"][0]),
            table(CASES["above throughout"][0], seed=1),
        ]
    ).sample(frac=1, random_state=0)
    found = crossings(frame, "score", BY)
    assert list(found.columns) == ["task", "model", "seed", "kind", "length"]
    assert found.to_numpy().tolist() == [
        ["copy", "rnn", 1, "at", pytest.approx(40.0)],
        ["copy", "seq2seq", 0, BELOW, 10.0],
        ["copy", "seq2seq", 1, ABOVE, 160.0],
    ]
    higher = crossings(frame, "score", BY, level=0.8)
    assert higher["kind"].tolist() == [AT, BELOW, AT]
    assert higher["length"][0] == pytest.approx(20.0)


def test_failed_rows_and_rows_without_a_score_are_left_out():
    values = (1.0, 0.8, 0.0, 0.2, None)
    frame = table(values, status=["ok", "ok", "diverged", "ok", "ok"])
    (row,) = crossings(frame, "score", BY).to_dict("records")
    # From 0.8 at 20 to 0.2 at 80: half of the way, in the logarithm at 40.
    assert (row["kind"], row["length"]) == (AT, pytest.approx(40.0))
    for nothing in (table([0.5] * 5, status="diverged"), table([None] * 5), table([])):
        assert crossings(nothing, "score", BY).empty


def test_two_rows_for_one_length_and_unknown_columns_are_refused():
    frame = table([0.9] * 5)
    with pytest.raises(ResultsError, match="one length in a group: task copy, model seq2seq, seed"):
        crossings(pd.concat([frame, frame[:1]]), "score", BY)
    with pytest.raises(ResultsError, match="colour: there is no such column"):
        crossings(frame, "colour", BY)


def found_table(lengths: Sequence[float], kinds: Sequence[str] | None = None) -> pd.DataFrame:
    found = {"seed": range(len(lengths)), "kind": kinds or [AT] * len(lengths), "length": lengths}
    return pd.DataFrame({"task": "copy", "model": "seq2seq"} | found)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_mean_crossing_agrees_with_scipy(n):
    lengths = np.exp(np.random.default_rng(n).normal(4, 0.3, n))
    (row,) = mean_crossing(found_table(lengths.tolist()), BY).to_dict("records")
    interval = stats.ttest_1samp(np.log(lengths), 0.0).confidence_interval(0.95)
    assert (row["n"], row[ABOVE], row[BELOW], row[NOT_IDENTIFIED]) == (n, 0, 0, 0)
    known = (stats.gmean(lengths), math.exp(interval.low), math.exp(interval.high))
    assert (row["length"], row["low"], row["high"]) == pytest.approx(known, rel=1e-12)


def test_one_seed_has_a_mean_and_no_interval_and_no_seed_has_no_row():
    found = mean_crossing(found_table([40.0]), BY)
    names = ["length", "low", "high", "n", "above", "below", "not_identified"]
    assert list(found.columns) == [*BY, *names]
    assert found[names].to_numpy().tolist() == [
        pytest.approx([40.0, math.nan, math.nan, 1, 0, 0, 0], nan_ok=True)
    ]
    nothing = mean_crossing(found_table([]), BY)
    assert (len(nothing), list(nothing.columns)) == (0, list(found.columns))


@pytest.mark.parametrize("kind", [ABOVE, BELOW, NOT_IDENTIFIED])
def test_one_seed_with_a_bound_leaves_no_mean(kind):
    lengths = [40.0, 50.0, math.nan if kind == NOT_IDENTIFIED else 160.0]
    (row,) = mean_crossing(found_table(lengths, [AT, AT, kind]), BY).to_dict("records")
    counts = {ABOVE: 0, BELOW: 0, NOT_IDENTIFIED: 0} | {kind: 1, "n": 3}
    assert {name: row[name] for name in counts} == counts
    assert all(math.isnan(row[name]) for name in ("length", "low", "high"))


SETS = 200
TEST_SEQUENCES = 1024


def simulated(
    half_lengths: np.ndarray, *, draw: np.random.Generator, is_rising: bool = False
) -> pd.DataFrame:
    """Return a falling curve for each row and seed of half_lengths, with the noise of a test set.

    The items of one sequence stand or fall together, so the sequences alone are independent.
    """
    share = 1 / (1 + (np.array(GRID) / half_lengths[..., None]) ** 1.7)
    if is_rising:
        share = 0.8 - 0.7 * share
    spread = np.sqrt(share * (1 - share) / TEST_SEQUENCES)
    score = (share + spread * draw.normal(size=share.shape)).ravel()
    sets, seeds, places = (each.ravel() for each in np.indices(share.shape))
    columns = {"set": sets, "seed": seeds, "length": np.array(GRID)[places], "score": score}
    return pd.DataFrame(columns | {"status": "ok"})


def check_simulation(n: int, *, half_length: float) -> tuple[float, float]:
    """Check that the bias is below 5 % and that 90 to 98 of 100 intervals cover; return both."""
    draw = np.random.default_rng([n, int(half_length)])
    half_lengths = half_length * np.exp(0.2 * draw.normal(size=(SETS, n)))
    found = crossings(simulated(half_lengths, draw=draw), "score", ["set"])
    means = mean_crossing(found, ["set"])
    assert means["n"].tolist() == [n] * SETS
    bias = math.exp(np.log(means["length"]).mean()) / half_length - 1
    assert abs(bias) < 0.05
    covered = ((means["low"] <= half_length) & (half_length <= means["high"])).mean()
    assert 0.9 <= covered <= 0.98
    return bias, float(covered)


@pytest.mark.fault("F16")
@pytest.mark.parametrize(("n", "half_length"), [(3, 25.0), (3, 60.0), (5, 25.0), (5, 60.0)])
def test_the_mean_crossing_is_unbiased_and_its_interval_covers(n, half_length, reached):
    bias, covered = check_simulation(n, half_length=half_length)
    text = f"{n} seeds, L50 {half_length:.0f}: bias {bias:+.1%}, {covered:.1%} covered"
    reached(injected=SETS, text=text)


def first_below(lengths: Sequence[float], values: Sequence[float], *, level: float) -> Crossing:
    """Take the first length below the level, as a table read by eye would have it."""
    return Crossing(AT, next(x for x, y in zip(lengths, values, strict=True) if y < level))


@pytest.mark.fault("F16", is_twin=True)
@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("threshold_length.crossing", first_below),
        ("intervals.CONFIDENCE", 0.7),
        ("intervals.CONFIDENCE", 0.999),
        ("intervals.stats.t.ppf", lambda q, freedom: stats.norm.ppf(q)),
    ],
)
def test_the_simulation_rejects(part, broken, monkeypatch):
    monkeypatch.setattr(f"results.stats.{part}", broken)
    with pytest.raises(AssertionError):
        check_simulation(3, half_length=25.0)


@pytest.mark.fault("F16")
@pytest.mark.parametrize(("kind", "middle"), [(ABOVE, 900.0), (BELOW, 4.0), (NOT_IDENTIFIED, 60.0)])
def test_censored_and_rising_curves_are_always_reported_as_such(kind, middle, reached):
    draw = np.random.default_rng(7)
    half_lengths = middle * np.exp(0.1 * draw.normal(size=(SETS, 3)))
    frame = simulated(half_lengths, draw=draw, is_rising=kind == NOT_IDENTIFIED)
    found = crossings(frame, "score", ["set"])
    reached(injected=SETS, text=f"{kind} always reported")
    assert (found["kind"] == kind).all()
    means = mean_crossing(found, ["set"])
    assert (means[kind] == 3).all()
    assert means[["length", "low", "high"]].isna().all(axis=None)
