import itertools
import math
import random
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.errors import ResultsError
from results.stats import threshold_length as module
from results.stats.threshold_length import (
    ABOVE,
    AT,
    BELOW,
    KINDS,
    NOT_IDENTIFIED,
    Crossing,
    crossing,
    crossings,
)

BY = ["task", "model"]
LENGTHS = (10, 20, 40, 80, 160)
GRID = tuple(range(10, 201, 10))
Find = Callable[..., Crossing]

# The level is one half. Where two neighbours rise, both count as their mean.
CASES = {
    "three quarters of the way": ((1.0, 0.8, 0.4, 0.2, 0.1), AT, 20 * 2**0.75),
    "at a length itself": ((1.0, 0.8, 0.5, 0.2, 0.1), AT, 40.0),
    "in the last gap": ((1.0, 1.0, 1.0, 0.9, 0.1), AT, 80 * math.sqrt(2)),
    "one lucky length": ((1.0, 0.8, 0.4, 0.7, 0.1), AT, 80 * 2 ** (1 / 9)),
    "above throughout": ((0.9, 0.9, 0.8, 0.7, 0.6), ABOVE, 160.0),
    "at the level in the end": ((0.9, 0.8, 0.7, 0.6, 0.5), ABOVE, 160.0),
    "flat above": ((0.9,) * 5, ABOVE, 160.0),
    "one unlucky length": ((0.9, 0.9, 0.45, 0.7, 0.6), ABOVE, 160.0),
    "below throughout": ((0.4, 0.3, 0.2, 0.1, 0.1), BELOW, 10.0),
    "below but for one lucky length": ((0.4, 0.55, 0.2, 0.1, 0.1), BELOW, 10.0),
    "rising across the level": ((0.2, 0.3, 0.4, 0.6, 0.7), NOT_IDENTIFIED, math.nan),
    "rising below the level": ((0.24, 0.3, 0.34, 0.34, 0.37), NOT_IDENTIFIED, math.nan),
    "flat below": ((0.3,) * 5, NOT_IDENTIFIED, math.nan),
    "falling by too little": ((0.34, 0.33, 0.32, 0.31, 0.3), NOT_IDENTIFIED, math.nan),
}


def check_case(name: str, find: Find) -> None:
    values, kind, length = CASES[name]
    found = find(LENGTHS, values, level=0.5)
    assert found.kind == kind
    assert found.length == pytest.approx(length, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", CASES)
def test_a_crossing_agrees_with_a_calculation_by_hand(name: str) -> None:
    check_case(name, crossing)
    assert {kind for _, kind, _ in CASES.values()} == set(KINDS)


def unsmoothed(y: np.ndarray, *, increasing: bool) -> SimpleNamespace:
    return SimpleNamespace(x=y)


def smoothed_upwards(y: np.ndarray, *, increasing: bool) -> SimpleNamespace:
    return SimpleNamespace(x=np.maximum.accumulate(y[::-1])[::-1])


def lowest_so_far(y: np.ndarray, *, increasing: bool) -> SimpleNamespace:
    return SimpleNamespace(x=np.minimum.accumulate(y))


def first_below(lengths: Sequence[float], values: Sequence[float], *, level: float) -> Crossing:
    """Take the first length below the level, as a table read by eye would have it."""
    found = crossing(lengths, values, level=level)
    if found.kind != AT:
        return found
    return Crossing(AT, min(x for x in lengths if x > found.length * (1 + 1e-9)))


def between_lengths(lengths: Sequence[float], values: Sequence[float], *, level: float) -> Crossing:
    """Interpolate in the length, not in its logarithm."""
    found = crossing(lengths, values, level=level)
    if found.kind != AT or found.length in lengths:
        return found
    before = max(x for x in lengths if x <= found.length)
    share = math.log(found.length / before, 2)
    return Crossing(AT, before * (1 + share))


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("three quarters of the way", first_below),
        ("three quarters of the way", between_lengths),
        ("at a length itself", first_below),
        ("in the last gap", between_lengths),
    ],
)
def test_a_crossing_of_another_rule_is_rejected(name: str, twin: Find) -> None:
    with pytest.raises(AssertionError):
        check_case(name, twin)


@pytest.mark.parametrize(
    ("name", "part", "broken"),
    [
        ("one lucky length", "optimize.isotonic_regression", unsmoothed),
        ("one lucky length", "optimize.isotonic_regression", smoothed_upwards),
        ("one unlucky length", "optimize.isotonic_regression", lowest_so_far),
        ("below but for one lucky length", "optimize.isotonic_regression", smoothed_upwards),
        ("above throughout", "ABOVE", AT),
        ("at the level in the end", "ABOVE", AT),
        ("flat above", "ABOVE", NOT_IDENTIFIED),
        ("below throughout", "BELOW", AT),
        ("below throughout", "LEAST_FALL", 0.5),
        ("rising across the level", "LEAST_FALL", -1.0),
        ("rising below the level", "LEAST_FALL", -1.0),
        ("flat below", "LEAST_FALL", -1.0),
        ("falling by too little", "LEAST_FALL", 0.0),
    ],
)
def test_a_crossing_without_one_of_its_parts_is_rejected(
    name: str, part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"results.stats.threshold_length.{part}", broken)
    with pytest.raises(AssertionError):
        check_case(name, crossing)


def pooled(values: Sequence[float]) -> list[float]:
    """Merge neighbours that rise into their mean, until none does."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value])
        while len(blocks) > 1 and mean(blocks[-2]) < mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [mean(block) for block in blocks for _ in block]


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def plain_crossing(lengths: Sequence[float], values: Sequence[float], level: float) -> Crossing:
    falling = pooled(values)
    if min(values) >= level:
        return Crossing(ABOVE, lengths[-1])
    if falling[0] - falling[-1] < 0.05:
        return Crossing(NOT_IDENTIFIED, math.nan)
    if falling[-1] >= level:
        return Crossing(ABOVE, lengths[-1])
    if falling[0] < level:
        return Crossing(BELOW, lengths[0])
    points = list(zip(lengths, falling, strict=True))
    for (before, high), (after, low) in itertools.pairwise(points):
        if high >= level > low:
            slope = (low - high) / (math.log(after) - math.log(before))
            return Crossing(AT, math.exp(math.log(before) + (level - high) / slope))
    raise AssertionError("no gap holds the level")


def check_against_plain_python(find: Find) -> None:
    draw = random.Random(5)
    kinds = set()
    for _ in range(300):
        lengths = sorted(draw.sample(range(1, 300), draw.randint(1, 9)))
        start, fall = draw.uniform(0.2, 1.1), draw.uniform(-0.1, 0.25)
        values = [start - fall * place + draw.gauss(0, 0.05) for place in range(len(lengths))]
        level = draw.choice((0.3, 0.5, 0.9))
        known, found = plain_crossing(lengths, values, level), find(lengths, values, level=level)
        assert found.kind == known.kind
        assert found.length == pytest.approx(known.length, rel=1e-9, nan_ok=True)
        kinds.add(known.kind)
    assert kinds == set(KINDS)


def test_crossings_agree_with_plain_python() -> None:
    check_against_plain_python(crossing)


@pytest.mark.parametrize("twin", [first_below, between_lengths])
def test_the_comparison_with_plain_python_rejects_another_rule(twin: Find) -> None:
    with pytest.raises(AssertionError):
        check_against_plain_python(twin)


@pytest.mark.parametrize(
    ("part", "broken"),
    [("optimize.isotonic_regression", unsmoothed), ("LEAST_FALL", 0.0), ("BELOW", ABOVE)],
)
def test_the_comparison_with_plain_python_rejects_a_missing_part(
    part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"results.stats.threshold_length.{part}", broken)
    with pytest.raises(AssertionError):
        check_against_plain_python(crossing)


BAD_INPUT = [
    ((), (), "values: one for each of 0 lengths is needed"),
    ((10, 20), (0.5,), "values: one for each of 2 lengths is needed"),
    ((10, 20), (0.9, math.nan), "values: one for each of 2 lengths is needed"),
    ((10, 20), (0.9, math.inf), "values: one for each of 2 lengths is needed"),
    ((20, 10), (0.9, 0.1), "lengths: must rise from above 0"),
    ((10, 10), (0.9, 0.1), "lengths: must rise from above 0"),
    ((0, 10), (0.9, 0.1), "lengths: must rise from above 0"),
]


def check_refusal(
    find: Find, lengths: Sequence[float], values: Sequence[float], message: str
) -> None:
    with pytest.raises(ResultsError) as caught:
        find(lengths, values, level=0.5)
    assert str(caught.value) == message


@pytest.mark.parametrize(("lengths", "values", "message"), BAD_INPUT)
def test_bad_input_is_refused(
    lengths: Sequence[float], values: Sequence[float], message: str
) -> None:
    check_refusal(crossing, lengths, values, message)
    with pytest.raises(pytest.fail.Exception):
        check_refusal(lambda *_, level: Crossing(ABOVE, 10.0), lengths, values, message)


def table(
    values: Sequence[float | None],
    *,
    lengths: Sequence[int] = LENGTHS,
    model: str = "seq2seq",
    seed: int = 0,
    status: Sequence[str] | str = "ok",
) -> pd.DataFrame:
    n = len(lengths)
    return pd.DataFrame(
        {
            "task": pd.Series(["copy"] * n, dtype="string"),
            "model": pd.Series([model] * n, dtype="string"),
            "seed": pd.Series([seed] * n, dtype="Int64"),
            "length": pd.Series(lengths, dtype="Int64"),
            "status": pd.Series([status] * n if isinstance(status, str) else status),
            "score": pd.Series(values, dtype="float64"),
        }
    )


def test_every_seed_of_every_curve_has_its_crossing() -> None:
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
        ["copy", "rnn", 1, AT, pytest.approx(40.0)],
        ["copy", "seq2seq", 0, BELOW, 10.0],
        ["copy", "seq2seq", 1, ABOVE, 160.0],
    ]
    higher = crossings(frame, "score", BY, level=0.8)
    assert higher["kind"].tolist() == [AT, BELOW, AT]
    assert higher["length"][0] == pytest.approx(20.0)


def check_failed_rows_left_out(frame: pd.DataFrame) -> None:
    """Raise AssertionError unless only the lengths 10, 20 and 80 count."""
    (row,) = crossings(frame, "score", BY).to_dict("records")
    # From 0.8 at 20 to 0.2 at 80: half of the way, in the logarithm at 40.
    assert (row["kind"], row["length"]) == (AT, pytest.approx(40.0))


def test_failed_rows_and_rows_without_a_score_are_left_out() -> None:
    values = (1.0, 0.8, 0.0, 0.2, None)
    frame = table(values, status=["ok", "ok", "diverged", "ok", "ok"])
    check_failed_rows_left_out(frame)
    with pytest.raises(AssertionError):
        check_failed_rows_left_out(frame.assign(status="ok"))
    with pytest.raises(AssertionError):
        check_failed_rows_left_out(frame.fillna({"score": 0.9}))


def test_a_curve_without_a_finished_row_has_no_crossing() -> None:
    assert crossings(table([0.5] * 5, status="diverged"), "score", BY).empty
    assert crossings(table([None] * 5), "score", BY).empty
    assert crossings(table([], lengths=()), "score", BY).empty


def test_two_rows_for_one_length_and_unknown_columns_are_refused() -> None:
    frame = table([0.9] * 5)
    with pytest.raises(ResultsError, match="one length in a group: task copy, model seq2seq, seed"):
        crossings(pd.concat([frame, frame[:1]]), "score", BY)
    with pytest.raises(ResultsError, match="colour: there is no such column"):
        crossings(frame, "colour", BY)


def test_tables_given_are_left_as_they_are() -> None:
    frame = table([1.0, 0.8, None, 0.2, 0.1])[::-1]
    before = frame.copy(deep=True)
    found = crossings(frame, "score", BY)
    pd.testing.assert_frame_equal(frame, before)
    kept = found.copy(deep=True)
    module.mean_crossing(found, BY)
    pd.testing.assert_frame_equal(found, kept)


def found_table(lengths: Sequence[float], kinds: Sequence[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": "copy",
            "model": "seq2seq",
            "seed": range(len(lengths)),
            "kind": kinds or [AT] * len(lengths),
            "length": lengths,
        }
    )


def check_mean_against_scipy() -> None:
    for n in (2, 3, 5, 10):
        lengths = np.exp(np.random.default_rng(n).normal(4, 0.3, n))
        (row,) = module.mean_crossing(found_table(lengths.tolist()), BY).to_dict("records")
        interval = stats.ttest_1samp(np.log(lengths), 0.0).confidence_interval(0.95)
        assert (row["n"], row[ABOVE], row[BELOW], row[NOT_IDENTIFIED]) == (n, 0, 0, 0)
        assert row["length"] == pytest.approx(stats.gmean(lengths))
        ends = (math.exp(interval.low), math.exp(interval.high))
        assert (row["low"], row["high"]) == pytest.approx(ends)


def test_the_mean_crossing_agrees_with_scipy() -> None:
    check_mean_against_scipy()


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("intervals.CONFIDENCE", 0.9),
        ("intervals.stats.t.ppf", lambda q, freedom: stats.norm.ppf(q)),
        ("crossing.mean_interval", lambda logs: (float(np.mean(logs)), 1.0, 2.0)),
    ],
)
def test_the_comparison_of_means_rejects(
    part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"results.{part}", broken)
    with pytest.raises(AssertionError):
        check_mean_against_scipy()


def test_one_seed_has_a_mean_and_no_interval() -> None:
    (row,) = module.mean_crossing(found_table([40.0]), BY).to_dict("records")
    assert (row["length"], row["n"]) == (pytest.approx(40.0), 1)
    assert math.isnan(row["low"])
    assert math.isnan(row["high"])


def check_bound_is_no_value(kind: str) -> None:
    lengths = [40.0, 50.0, math.nan if kind == NOT_IDENTIFIED else 160.0]
    averaged = module.mean_crossing(found_table(lengths, [AT, AT, kind]), BY)
    (row,) = averaged.to_dict("records")
    assert [row[name] for name in (ABOVE, BELOW, NOT_IDENTIFIED)] == [
        int(kind == name) for name in (ABOVE, BELOW, NOT_IDENTIFIED)
    ]
    assert row["n"] == 3
    assert all(math.isnan(row[name]) for name in ("length", "low", "high"))


@pytest.mark.parametrize("kind", [ABOVE, BELOW, NOT_IDENTIFIED])
def test_one_seed_with_a_bound_leaves_no_mean(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_bound_is_no_value(kind)
    monkeypatch.setattr(module, kind.upper(), "overlooked")
    with pytest.raises((AssertionError, KeyError)):
        check_bound_is_no_value(kind)


def test_a_table_without_rows_has_no_mean() -> None:
    found = module.mean_crossing(found_table([]), BY)
    assert list(found.columns) == [*BY, "length", "low", "high", "n", ABOVE, BELOW, NOT_IDENTIFIED]
    assert found.empty


SETS = 200
SEED_SPREAD = 0.2
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
    places = np.indices(share.shape)
    return pd.DataFrame(
        {
            "set": places[0].ravel(),
            "seed": places[1].ravel(),
            "length": np.array(GRID)[places[2].ravel()],
            "status": "ok",
            "score": (share + spread * draw.normal(size=share.shape)).ravel(),
        }
    )


def check_simulation(n: int, *, half_length: float) -> tuple[float, float]:
    """Raise AssertionError unless the bias is below 5 % and 90 to 98 of 100 intervals cover.

    Returns:
        Bias and coverage.
    """
    draw = np.random.default_rng([n, int(half_length)])
    half_lengths = half_length * np.exp(SEED_SPREAD * draw.normal(size=(SETS, n)))
    found = crossings(simulated(half_lengths, draw=draw), "score", ["set"])
    means = module.mean_crossing(found, ["set"])
    assert len(means) == SETS
    assert (means["n"] == n).all()
    bias = math.exp(np.log(means["length"]).mean()) / half_length - 1
    assert abs(bias) < 0.05
    covered = ((means["low"] <= half_length) & (half_length <= means["high"])).mean()
    assert 0.9 <= covered <= 0.98
    return bias, float(covered)


@pytest.mark.fault("F16")
@pytest.mark.parametrize("half_length", [25.0, 60.0])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_mean_crossing_is_unbiased_and_its_interval_covers(
    n: int, half_length: float, reached: Callable[..., None]
) -> None:
    bias, covered = check_simulation(n, half_length=half_length)
    text = f"{n} seeds, L50 {half_length:.0f}: bias {bias:+.1%}, {covered:.1%} covered"
    reached(injected=SETS, text=text)


@pytest.mark.fault("F16", is_twin=True)
@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("crossing.crossing", first_below),
        ("intervals.CONFIDENCE", 0.7),
        ("intervals.CONFIDENCE", 0.999),
        ("intervals.stats.t.ppf", lambda q, freedom: stats.norm.ppf(q)),
    ],
)
def test_the_simulation_rejects(part: str, broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"results.{part}", broken)
    with pytest.raises(AssertionError):
        check_simulation(3, half_length=25.0)


def check_always_reported(kind: str) -> None:
    """Raise AssertionError unless every simulated curve is of this kind and no set has a mean."""
    draw = np.random.default_rng(7)
    middle = {ABOVE: 900.0, BELOW: 4.0, NOT_IDENTIFIED: 60.0}[kind]
    half_lengths = middle * np.exp(0.1 * draw.normal(size=(SETS, 3)))
    frame = simulated(half_lengths, draw=draw, is_rising=kind == NOT_IDENTIFIED)
    found = crossings(frame, "score", ["set"])
    assert (found["kind"] == kind).all()
    means = module.mean_crossing(found, ["set"])
    assert (means[kind] == 3).all()
    assert means[["length", "low", "high"]].isna().all(axis=None)


@pytest.mark.fault("F16")
@pytest.mark.parametrize("kind", [ABOVE, BELOW, NOT_IDENTIFIED])
def test_censored_and_rising_curves_are_always_reported_as_such(
    kind: str, reached: Callable[..., None]
) -> None:
    check_always_reported(kind)
    reached(injected=SETS, text=f"{kind} always reported")


@pytest.mark.fault("F16", is_twin=True)
@pytest.mark.parametrize(
    ("kind", "part", "broken"),
    [
        (ABOVE, "LEAST_FALL", -1.0),
        (BELOW, "LEAST_FALL", 0.3),
        (NOT_IDENTIFIED, "LEAST_FALL", 0.0),
    ],
)
def test_a_rule_that_overlooks_censoring_is_rejected(
    kind: str, part: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"results.stats.threshold_length.{part}", broken)
    if kind == ABOVE:
        monkeypatch.setattr("results.stats.threshold_length.ABOVE", AT)
    with pytest.raises(AssertionError):
        check_always_reported(kind)
