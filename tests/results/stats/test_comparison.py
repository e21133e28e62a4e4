import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results.schema.rows import ThroughputRow
from results.stats import comparison
from results.stats.comparison import (
    BETTER,
    NO_SPREAD,
    ONE_SEED,
    SAME,
    WORSE,
    expected_by_chance,
    score_differences,
    time_ratios,
)
from results.stats.over_seeds import mean_over_seeds
from results.stats.pairs import ACCURACY_GROUP, THROUGHPUT_KEY, pair_accuracy, pair_throughput
from tests.results.stats.compared_rows import frame_of, seeds
from tests.rows import throughput_row

ROUNDS = 7


def differences(
    a: Sequence[float], b: Sequence[float], score: str = "carried_bits"
) -> dict[str, Any]:
    """Return the one row that these scores of paired seeds make."""
    pairs = pair_accuracy(frame_of(seeds(a, score)), frame_of(seeds(b, score)), score=score)
    (row,) = score_differences(pairs.rows, score).to_dict("records")
    return row


def ratios(a: ThroughputRow, b: ThroughputRow, *, tolerance: float = 0.05) -> dict[str, Any]:
    """Return the one row that two timings make."""
    pairs = pair_throughput(frame_of([a]), frame_of([b]))
    (row,) = time_ratios(pairs.rows, tolerance=tolerance).to_dict("records")
    return row


def timing(median: float, *, iqr: float | None = 0.01, **changes: Any) -> ThroughputRow:
    return throughput_row(
        **{"median_seconds": median, "iqr_seconds": iqr, "rounds": ROUNDS} | changes
    )


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_difference_and_interval_agree_with_the_paired_t_test_of_scipy(n: int) -> None:
    random = np.random.default_rng(n)
    a, b = random.normal(100, 20, n), random.normal(110, 20, n)

    row = differences(a.tolist(), b.tolist())

    interval = stats.ttest_rel(b, a).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert (row["a"], row["b"], row["difference"]) == pytest.approx(
        (a.mean(), b.mean(), (b - a).mean())
    )
    assert row["n"] == n


def test_columns_of_a_difference() -> None:
    assert list(differences([1.0, 2.0], [2.0, 2.0])) == [
        *ACCURACY_GROUP, "a", "b", "difference", "low", "high", "n", "verdict",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("score", "higher"),
    [("token_accuracy", BETTER), ("carried_bits", BETTER), ("cross_entropy_bits", WORSE)],
)
def test_a_planted_difference_is_found_and_has_a_direction(score: str, higher: str) -> None:
    low, high = [0.50, 0.60, 0.70], [0.61, 0.70, 0.79]

    assert differences(low, high, score)["verdict"] == higher
    assert differences(high, low, score)["verdict"] == ({BETTER, WORSE} - {higher}).pop()


def test_a_difference_within_the_noise_is_not_found() -> None:
    assert differences([10.0, 20.0, 30.0], [12.0, 19.0, 31.0])["verdict"] == SAME


def test_seeds_are_paired() -> None:
    """Seeds far apart hide a small difference, unless each is held against itself."""
    a, b = [10.0, 50.0, 90.0], [11.0, 51.1, 90.9]

    assert differences(a, b)["verdict"] == BETTER
    assert differences(a, [b[1], b[2], b[0]])["verdict"] == SAME


def test_one_seed_has_no_verdict() -> None:
    row = differences([10.0], [90.0])

    assert row["verdict"] == ONE_SEED
    assert (row["n"], row["difference"]) == (1, 80.0)
    assert np.isnan([row["low"], row["high"]]).all()


def test_seeds_that_only_one_side_has_are_no_pair() -> None:
    assert differences([10.0], [10.0, 20.0, 30.0])["verdict"] == ONE_SEED


def test_equal_scores_show_no_difference_and_no_interval() -> None:
    row = differences([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])

    assert (row["verdict"], row["difference"]) == (SAME, 0.0)
    assert np.isnan([row["low"], row["high"]]).all()


def test_equal_differences_have_no_verdict_though_rounding_spreads_them() -> None:
    a, b = [0.1, 0.2, 0.3], [0.2, 0.3, 0.4]
    assert len({y - x for x, y in zip(a, b, strict=True)}) > 1

    row = differences(a, b)

    assert row["verdict"] == NO_SPREAD
    assert row["difference"] == pytest.approx(0.1)
    assert np.isnan([row["low"], row["high"]]).all()


def test_every_group_gets_its_own_row() -> None:
    values = {"rnn": ([1.0, 2.0, 3.0], [1.1, 1.9, 3.0]), "seq2seq": ([4.0, 5.0], [6.0, 7.5])}
    a, b = (
        [
            row
            for model, pair in values.items()
            for row in seeds(pair[i], "carried_bits", model=model)
        ]
        for i in (0, 1)
    )

    pairs = pair_accuracy(frame_of(a[::-1]), frame_of(b), score="carried_bits")
    table = score_differences(pairs.rows, "carried_bits").set_index("model")

    assert table["n"].to_dict() == {"rnn": 3, "seq2seq": 2}
    for model, (of_a, of_b) in values.items():
        assert table.loc[model, ["a", "b"]].tolist() == pytest.approx(
            [np.mean(of_a), np.mean(of_b)]
        )


def check_coverage_over_seeds(n: int) -> None:
    """The interval holds the true difference of 3 in 95 of 100 groups, whatever a seed adds."""
    groups = 3000
    random = np.random.default_rng(n)
    shape = (groups, n)
    of_seed = random.normal(50, 30, shape)
    pairs = pd.DataFrame(dict.fromkeys(ACCURACY_GROUP, "x"), index=range(groups * n))
    pairs["length"] = np.repeat(np.arange(groups), n)
    pairs["seed"] = np.tile(np.arange(n), groups)
    pairs["carried_bits_a"] = (of_seed + random.normal(0, 1, shape)).ravel()
    pairs["carried_bits_b"] = (of_seed + 3 + random.normal(0, 1, shape)).ravel()
    table = score_differences(pairs, "carried_bits")
    covered = ((table["low"] <= 3) & (table["high"] >= 3)).mean()
    assert abs(covered - 0.95) < 0.015


@pytest.mark.parametrize("n", [3, 5])
def test_interval_over_seeds_covers_as_often_as_it_says(n: int) -> None:
    check_coverage_over_seeds(n)


def test_coverage_check_rejects_the_interval_of_another_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def narrower(*arguments: Any) -> pd.DataFrame:
        result = mean_over_seeds(*arguments)
        half = (result["high"] - result["low"]) / 2
        return result.assign(low=result["mean"] - half / 2, high=result["mean"] + half / 2)

    monkeypatch.setattr(comparison, "mean_over_seeds", narrower)
    with pytest.raises(AssertionError):
        check_coverage_over_seeds(3)


def test_time_ratio_and_interval_by_hand() -> None:
    # Errors of the logs: 1.2533 / 1.349 * 0.1 / sqrt(7) = 0.0351 each, 0.0497 together;
    # t(0.975, 6) = 2.4469, so a factor of exp(0.1215) to either side.
    row = ratios(timing(0.2, iqr=0.02), timing(0.3, iqr=0.03))

    assert list(row) == [
        *THROUGHPUT_KEY, "measure", "a", "b", "ratio", "low", "high", "noisy", "verdict",
    ]  # fmt: skip
    assert (row["a"], row["b"], row["ratio"]) == pytest.approx((0.2, 0.3, 1.5))
    factor = np.exp(0.1215)
    assert (row["low"], row["high"]) == pytest.approx((1.5 / factor, 1.5 * factor), rel=1e-3)
    assert row["measure"] == "median_seconds"
    assert row["verdict"] == WORSE


@pytest.mark.parametrize(
    ("median", "verdict"), [(1.2, WORSE), (1 / 1.2, BETTER), (1.0, SAME), (1.06, SAME)]
)
def test_a_planted_change_of_speed_is_found(median: float, verdict: str) -> None:
    assert ratios(timing(1.0), timing(median, iqr=0.01 * median))["verdict"] == verdict


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.0, WORSE), (0.05, SAME), (0.2, SAME)])
def test_the_whole_interval_must_lie_beyond_the_tolerance(tolerance: float, verdict: str) -> None:
    row = ratios(timing(1.0), timing(1.06), tolerance=tolerance)

    assert 1.0 < row["low"] < 1.05 < row["ratio"]
    assert row["verdict"] == verdict


@pytest.mark.parametrize("factor", [1.05, 1.08, 1.2, 1.5])
def test_the_verdict_turns_round_with_the_folders(factor: float) -> None:
    a, b = timing(1.0, iqr=0.04), timing(factor, iqr=0.02)
    opposite = {BETTER: WORSE, WORSE: BETTER, SAME: SAME}

    there, back = ratios(a, b), ratios(b, a)

    assert there["verdict"] == opposite[back["verdict"]]
    assert (1 / there["low"], 1 / there["high"]) == pytest.approx((back["high"], back["low"]))


def test_the_ratio_to_the_matrix_product_cancels_a_slow_machine() -> None:
    a = timing(1.0, reference_ratio=50.0, reference_ratio_iqr=0.5)
    b = timing(2.0, reference_ratio=50.5, reference_ratio_iqr=0.5)

    row = ratios(a, b)

    assert row["measure"] == "reference_ratio"
    assert (row["a"], row["b"], row["verdict"]) == (50.0, 50.5, SAME)


@pytest.mark.parametrize("missing", ["reference_ratio", "reference_ratio_iqr"])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_seconds_are_compared_where_one_side_has_no_such_ratio(
    missing: str, is_swapped: bool
) -> None:
    whole = timing(1.0, reference_ratio=50.0, reference_ratio_iqr=0.5)
    pair = [whole, dataclasses.replace(whole, **{missing: None}, median_seconds=1.0)]

    row = ratios(*(pair[::-1] if is_swapped else pair))

    assert (row["measure"], row["a"], row["b"]) == ("median_seconds", 1.0, 1.0)


@pytest.mark.parametrize(
    "changes", [{"rounds": 1}, {"rounds": None}, {"iqr_seconds": None}], ids=str
)
def test_a_timing_without_a_spread_has_no_verdict(changes: dict[str, Any]) -> None:
    a, b = timing(1.0), dataclasses.replace(timing(3.0), **changes)

    for row in (ratios(a, b), ratios(b, a)):
        assert row["verdict"] == NO_SPREAD
        assert np.isnan([row["low"], row["high"]]).all()


def test_timings_that_never_vary_have_no_verdict() -> None:
    assert ratios(timing(1.0, iqr=0.0), timing(3.0, iqr=0.0))["verdict"] == NO_SPREAD


@pytest.mark.parametrize(
    ("of_a", "of_b", "noisy"),
    [
        ("steady", "steady", ""),
        ("noisy", "steady", "A"),
        (None, "noisy", "B"),
        ("noisy", "noisy", "A and B"),
    ],
)
def test_a_noisy_row_is_marked(of_a: str | None, of_b: str, noisy: str) -> None:
    assert ratios(timing(1.0, noise=of_a), timing(1.0, noise=of_b))["noisy"] == noisy


def check_coverage_over_rounds() -> None:
    """The interval holds the true ratio of 1.1 in 95 of 100 pairs of measurements."""
    groups = 4000
    random = np.random.default_rng(1)
    pairs = pd.DataFrame(dict.fromkeys(THROUGHPUT_KEY, "x"), index=range(groups))
    for side, median in (("a", 1.0), ("b", 1.1)):
        rounds = random.normal(median, 0.05 * median, (groups, ROUNDS))
        lower, middle, upper = np.quantile(rounds, [0.25, 0.5, 0.75], axis=1)
        pairs[f"median_seconds_{side}"], pairs[f"iqr_seconds_{side}"] = middle, upper - lower
        pairs[f"rounds_{side}"] = pd.Series(ROUNDS, index=pairs.index, dtype="Int64")
        pairs[f"noise_{side}"] = pd.Series(pd.NA, index=pairs.index, dtype="string")
        for name in ("reference_ratio", "reference_ratio_iqr"):
            pairs[f"{name}_{side}"] = np.nan
    table = time_ratios(pairs, tolerance=0.05)
    covered = ((table["low"] <= 1.1) & (table["high"] >= 1.1)).mean()
    assert abs(covered - 0.95) < 0.015


def test_interval_over_rounds_covers_as_often_as_it_says() -> None:
    check_coverage_over_rounds()


def test_coverage_check_rejects_a_normal_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats.t, "ppf", lambda q, freedom: stats.norm.ppf(q) + 0 * freedom)
    with pytest.raises(AssertionError):
        check_coverage_over_rounds()


def test_chance_counts_the_rows_that_have_an_interval() -> None:
    assert expected_by_chance(pd.DataFrame({"low": [0.1] * 40 + [np.nan] * 7})) == pytest.approx(2)
