import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.errors import ResultsError
from results.schema.rows import AccuracyRow, ThroughputRow
from results.stats.comparison import (
    ABSENT,
    ACCURACY_SETTINGS,
    BETTER,
    NO_SPREAD,
    ONE_SEED,
    SAME,
    SCORED_BY,
    TIMED_BY,
    TIMING_SETTINGS,
    WORSE,
    Comparison,
    score_differences,
    time_ratios,
)
from tests.rows import accuracy_row, failed, frame_of, seed_rows, throughput_row

ROUNDS = 7


def compared(a: Sequence[AccuracyRow], b: Sequence[AccuracyRow], **options: Any) -> Comparison:
    return score_differences(frame_of(a), frame_of(b), **{"score": "token_accuracy"} | options)


def difference(
    a: Sequence[float], b: Sequence[float], score: str = "carried_bits"
) -> dict[str, Any]:
    """Return the one row that these scores of paired seeds make."""
    (row,) = compared(seed_rows(a, score), seed_rows(b, score), score=score).table.to_dict(
        "records"
    )
    return row


def timed(a: ThroughputRow, b: ThroughputRow, *, tolerance: float = 0.05) -> Comparison:
    return time_ratios(frame_of([a]), frame_of([b]), tolerance=tolerance)


def ratio(a: ThroughputRow, b: ThroughputRow, *, tolerance: float = 0.05) -> dict[str, Any]:
    """Return the one row that two timings make."""
    (row,) = timed(a, b, tolerance=tolerance).table.to_dict("records")
    return row


def timing(median: float, *, iqr: float | None = 0.01, **changes: Any) -> ThroughputRow:
    times = {"median_seconds": median, "iqr_seconds": iqr, "rounds": ROUNDS}
    return throughput_row(**times | changes)


def changed(row: Any, name: str) -> Any:
    """Return the row with another value, and leave every other value as it is."""
    value = getattr(row, name)
    if isinstance(value, str | None):
        return dataclasses.replace(row, **{name: f"other {name}" if value else "something"})
    return dataclasses.replace(row, **{name: value + 1 if isinstance(value, int) else value / 2})


def ladder(*lengths: int, protocol: str = "curriculum") -> list[AccuracyRow]:
    return [
        accuracy_row(protocol=protocol, train_length=length, length=length) for length in lengths
    ]


# Which rows are pairs.


def test_rows_are_paired_by_seed_and_not_by_place():
    """Seeds far apart hide a small difference, unless each is held against itself."""
    a, b = [10.0, 50.0, 90.0], [11.0, 51.1, 90.9]
    rows = seed_rows(a, "carried_bits"), seed_rows(b, "carried_bits", commit="b")[::-1]
    found = compared(*rows, score="carried_bits")
    assert found.table["verdict"].tolist() == [BETTER]
    assert (found.only_a, found.only_b) == ({}, {})
    assert difference(a, [b[1], b[2], b[0]])["verdict"] == SAME


def test_rows_and_timings_of_another_kind_are_no_pair():
    others = [{"task": "sort"}, {"model": "rnn"}, {"protocol": "mixed"}, {"train_length": 20}]
    for changes in (*others, {"seed": 1}, {"length": 20}):
        found = compared([accuracy_row()], [accuracy_row(**changes)])
        assert (len(found.table), found.only_a, found.only_b) == (0, {ABSENT: 1}, {ABSENT: 1})
    for changes in ({"model": "rnn"}, {"phase": "forward"}, {"length": 20}):
        found = timed(timing(1.0), timing(1.0, **changes))
        assert (len(found.table), found.only_a, found.only_b) == (0, {ABSENT: 1}, {ABSENT: 1})


def test_a_row_that_is_ok_on_one_side_alone_is_counted_by_what_the_other_has():
    a = [*seed_rows([0.1, 0.2, 0.3, 0.4, 0.5]), failed(accuracy_row(seed=9))]
    unscored = dataclasses.replace(a[3], token_accuracy=None)
    b = [a[0], failed(a[1]), failed(a[2], "killed"), unscored, a[5]]
    there, back = compared(a, b), compared(b, a)
    assert there.table["n"].tolist() == back.table["n"].tolist() == [1]
    assert there.only_a == {"diverged": 1, "killed": 1, "without a value": 1, "absent": 1}
    assert back.only_b == there.only_a
    assert there.only_b == back.only_a == {}


def test_lengths_are_those_of_the_test():
    rows = [accuracy_row(length=length) for length in (10, 20, 30)]
    found = compared(rows, rows[:2], lengths=(20, 30))
    assert (found.table["length"].tolist(), found.only_a) == ([20], {ABSENT: 1})
    times = frame_of([throughput_row(length=length) for length in (10, 20)])
    assert time_ratios(times, times, tolerance=0, lengths=(20,)).table["length"].tolist() == [20]


@pytest.mark.parametrize("name", [name for name in ACCURACY_SETTINGS if name != "curriculum_rung"])
def test_a_training_with_another_setting_is_refused(name):
    row = accuracy_row(channel_numbers=8, channel_snr=3.0, layers=1)
    another = changed(row, name)
    with pytest.raises(ResultsError) as refusal:
        compared([row], [another])
    assert str(refusal.value) == (
        f"{name}: must be the same to be compared, got {getattr(row, name)} in A and "
        f"{getattr(another, name)} in B (task copy, model seq2seq, protocol curriculum, "
        "train_length 10, length 10, seed 0)"
    )


@pytest.mark.parametrize("name", TIMING_SETTINGS)
def test_a_timing_with_another_setting_is_refused(name):
    row = timing(1.0, device_name="some processor", processors=1, layers=1)
    with pytest.raises(ResultsError, match=f"^{name}: must be the same to be compared"):
        timed(row, changed(row, name))
    with pytest.raises(ResultsError, match=r"processors: .* got 1 in A and nothing in B"):
        timed(row, dataclasses.replace(row, processors=None))


def test_what_is_compared_and_rows_that_are_not_may_differ():
    row = other = accuracy_row(commit="a", torch_version="2", python_version="3")
    versions = ("torch_version", "python_version", "model_version", "recipe_version")
    for name in ("commit", "device", *versions):
        other = changed(other, name)
    assert len(compared([row], [other]).table) == 1
    row, sort = accuracy_row(), accuracy_row(task="sort", symbols=128)
    elsewhere = [failed(accuracy_row(seed=1, hidden=32)), accuracy_row(length=20, hidden=32)]
    assert len(compared([row, sort], [row, sort, *elsewhere]).table) == 2


def test_two_rows_for_one_measurement_are_refused():
    row = accuracy_row()
    with pytest.raises(ResultsError, match="several rows of one measurement: task copy, model"):
        compared([row], [row, accuracy_row(config_id="c1")])
    with pytest.raises(ResultsError, match="hidden: must be the same"):
        compared([row], [row, accuracy_row(hidden=32, config_id="c1")])


@pytest.mark.parametrize("lengths", [None, (20,)])
def test_a_curriculum_by_another_ladder_is_refused(lengths):
    a, b = ladder(10, 20), ladder(10, 15, 20)
    with pytest.raises(ResultsError, match=r"curriculum_rung: .* got 2 in A and 3 in B .*th 20"):
        compared(a, b, lengths=lengths)
    # A ladder climbed further is compared as far as both go; only a curriculum has a ladder.
    assert len(compared(a, ladder(10, 20, 30)).table) == 2
    flat = [ladder(*each, protocol="independent") for each in ((10, 20), (10, 15, 20))]
    assert len(compared(*flat).table) == 2


# Differences of scores.


@pytest.mark.parametrize("n", [2, 3, 10])
def test_difference_and_interval_agree_with_the_paired_t_test_of_scipy(n):
    random = np.random.default_rng(n)
    a, b = random.normal(100, 20, n), random.normal(110, 20, n)
    row = difference(a.tolist(), b.tolist())
    interval = stats.ttest_rel(b, a).confidence_interval(0.95)
    known = (a.mean(), b.mean(), (b - a).mean(), interval.low, interval.high)
    names = ("a", "b", "difference", "low", "high")
    assert [row[name] for name in names] == pytest.approx(known, rel=1e-10)
    assert list(row) == [*SCORED_BY, *names, "n", "verdict"]
    assert row["n"] == n


def test_a_planted_difference_is_found_and_has_a_direction():
    low, high = [0.50, 0.60, 0.70], [0.61, 0.70, 0.79]
    for score, up, down in (
        ("token_accuracy", BETTER, WORSE),
        ("carried_bits", BETTER, WORSE),
        ("cross_entropy_bits", WORSE, BETTER),
    ):
        assert difference(low, high, score)["verdict"] == up
        assert difference(high, low, score)["verdict"] == down
        assert difference([0.10, 0.20, 0.30], [0.12, 0.19, 0.31], score)["verdict"] == SAME


def test_differences_without_a_spread_have_no_interval():
    for a, b, verdict, gain in (
        ([10.0], [90.0], ONE_SEED, 80.0),
        ([10.0], [10.0], ONE_SEED, 0.0),
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], SAME, 0.0),
        # By rounding alone these three differences differ.
        ([0.1, 0.2, 0.3], [0.2, 0.3, 0.4], NO_SPREAD, 0.1),
    ):
        row = difference(a, b)
        assert (row["verdict"], row["n"]) == (verdict, len(a))
        assert row["difference"] == pytest.approx(gain)
        assert np.isnan([row["low"], row["high"]]).all()


def test_every_group_gets_its_own_row():
    scores = {"rnn": ([1.0, 2.0, 3.0], [1.1, 1.9, 3.0]), "seq2seq": ([4.0, 5.0], [6.0, 7.5])}
    a, b = (
        [row for name, of in scores.items() for row in seed_rows(of[i], "carried_bits", model=name)]
        for i in (0, 1)
    )
    table = compared(a[::-1], b, score="carried_bits").table.set_index("model")
    assert table["n"].to_dict() == {"rnn": 3, "seq2seq": 2}
    assert table["verdict"].tolist() == [SAME, SAME]
    assert table["a"].to_dict() == pytest.approx({"rnn": 2.0, "seq2seq": 4.5})
    assert table["b"].to_dict() == pytest.approx({"rnn": 2.0, "seq2seq": 6.75})


# Ratios of times.


def test_time_ratio_and_interval_by_hand():
    row = ratio(timing(0.2, iqr=0.02), timing(0.3, iqr=0.06))
    assert list(row) == [
        *TIMED_BY, "measure", "a", "b", "ratio", "low", "high", "noisy", "verdict",
    ]  # fmt: skip
    # The errors of the logarithms, IQRs being a tenth and a fifth of the medians.
    errors = [1.2533 / 1.349 * share / math.sqrt(ROUNDS) for share in (0.1, 0.2)]
    factor = math.exp(stats.t.ppf(0.975, ROUNDS - 1) * math.hypot(*errors))
    assert (row["measure"], row["a"], row["b"]) == ("median_seconds", 0.2, 0.3)
    ends = (1.5, 1.5 / factor, 1.5 * factor)
    assert (row["ratio"], row["low"], row["high"]) == pytest.approx(ends, rel=1e-12)
    # The fewer rounds of the two count for the quantile, and each for its own error.
    errors[1] *= math.sqrt(ROUNDS / 3)
    factor = math.exp(stats.t.ppf(0.975, 2) * math.hypot(*errors))
    few = ratio(timing(0.2, iqr=0.02), timing(0.3, iqr=0.06, rounds=3))
    assert few["high"] == pytest.approx(1.5 * factor, rel=1e-12)


def test_the_whole_interval_must_be_beyond_the_tolerance():
    opposite = {BETTER: WORSE, WORSE: BETTER, SAME: SAME}
    for median, tolerance, verdict in (
        (1.2, 0.05, WORSE),
        (1 / 1.2, 0.05, BETTER),
        (1.0, 0.05, SAME),
        (1.06, 0.05, SAME),
        (1.06, 0.04, WORSE),
        (1.06, 0.0, WORSE),
        (1 / 1.06, 0.04, BETTER),
    ):
        a, b = timing(1.0), timing(median, iqr=0.01 * median)
        row = ratio(a, b, tolerance=tolerance)
        assert 1.01 * row["low"] < row["ratio"] < row["high"] / 1.01
        assert row["verdict"] == verdict
        assert ratio(b, a, tolerance=tolerance)["verdict"] == opposite[verdict]


def test_the_ratio_to_the_matrix_product_cancels_a_slow_machine():
    a = timing(1.0, reference_ratio=50.0, reference_ratio_iqr=0.5)
    b = timing(2.0, reference_ratio=50.5, reference_ratio_iqr=0.5)
    row = ratio(a, b)
    assert (row["measure"], row["a"], row["b"]) == ("reference_ratio", 50.0, 50.5)
    assert row["verdict"] == SAME
    errors = [1.2533 / 1.349 * 0.5 / value / math.sqrt(ROUNDS) for value in (50.0, 50.5)]
    factor = math.exp(stats.t.ppf(0.975, ROUNDS - 1) * math.hypot(*errors))
    assert row["high"] == pytest.approx(1.01 * factor, rel=1e-12)


@pytest.mark.parametrize("missing", ["reference_ratio", "reference_ratio_iqr"])
def test_seconds_are_compared_where_one_side_has_no_such_ratio(missing):
    whole = timing(1.0, reference_ratio=50.0, reference_ratio_iqr=0.5)
    part = dataclasses.replace(whole, **{missing: None})
    for row in (ratio(whole, part), ratio(part, whole)):
        assert (row["measure"], row["a"], row["b"]) == ("median_seconds", 1.0, 1.0)


def test_a_timing_without_a_spread_has_no_verdict():
    a, unvarying = timing(1.0), (timing(1.0, iqr=0.0), timing(3.0, iqr=0.0))
    others = [timing(3.0, **{"rounds": n}) for n in (1, None)] + [timing(3.0, iqr=None)]
    pairs = [pair for b in others for pair in ((a, b), (b, a))]
    for row in (ratio(*pair) for pair in (*pairs, unvarying)):
        assert row["verdict"] == NO_SPREAD
        assert np.isnan([row["low"], row["high"]]).all()


def test_a_noisy_row_is_marked():
    noises = [("steady", None), ("noisy", "steady"), (None, "noisy"), ("noisy", "noisy")]
    found = [ratio(timing(1.0, noise=a), timing(1.0, noise=b))["noisy"] for a, b in noises]
    assert found == ["", "A", "B", "A and B"]


def test_interval_over_rounds_covers_as_often_as_it_says():
    """It contains the true ratio of 1.1 in 95 of 100 pairs of measurements."""
    groups = 4000
    random = np.random.default_rng(1)
    frames = []
    for median in (1.0, 1.1):
        rounds = random.normal(median, 0.05 * median, (groups, ROUNDS))
        lower, middle, upper = np.quantile(rounds, [0.25, 0.5, 0.75], axis=1)
        same = dict.fromkeys((*TIMED_BY, *TIMING_SETTINGS), "x") | {"status": "ok", "noise": ""}
        same |= {"rounds": ROUNDS, "reference_ratio": np.nan, "reference_ratio_iqr": np.nan}
        times = {"length": range(groups), "median_seconds": middle, "iqr_seconds": upper - lower}
        frames.append(pd.DataFrame(same | times, index=range(groups)))
    table = time_ratios(*frames, tolerance=0.05).table
    covered = ((table["low"] <= 1.1) & (table["high"] >= 1.1)).mean()
    assert abs(covered - 0.95) < 0.015
