"""Differences between two results folders, B against A, with intervals and verdicts."""

from typing import Any

import numpy as np
import pandas as pd

from results.schema.rows import NOISY, OK
from results.stats.intervals import CONFIDENCE, t_quantile
from results.stats.over_seeds import mean_over_seeds
from results.stats.pairs import ACCURACY_GROUP, THROUGHPUT_KEY

BETTER, WORSE, SAME = "better", "worse", "no difference seen"
ONE_SEED, NO_SPREAD = "no verdict, one seed", "no verdict, no spread"
LOWER_IS_BETTER = ("cross_entropy_bits",)

_ROUNDING = 1e-9
# For normal times the standard deviation is IQR / 1.349, and that of the median of n rounds
# 1.2533 / sqrt(n) times as large.
_MEDIAN_ERROR_PER_IQR = 1.2533 / 1.349


def score_differences(pairs: pd.DataFrame, score: str) -> pd.DataFrame:
    """Average B - A of a score over paired seeds.

    Args:
        pairs: Rows of `pair_accuracy`.

    Returns:
        Per task, model, protocol, train_length and length: a and b, the means of the seeds paired;
        difference; low and high, its 95 % t-interval; n, the seeds; verdict. The interval is empty
        below two seeds, and where all seeds differ by the same: then their spread says nothing.
    """
    table = pairs[[*ACCURACY_GROUP, "seed"]].assign(
        status=OK,
        a=pairs[f"{score}_a"],
        b=pairs[f"{score}_b"],
        difference=pairs[f"{score}_b"] - pairs[f"{score}_a"],
    )
    result = mean_over_seeds(table, "difference", ACCURACY_GROUP).drop(columns="failed")
    groups = table.groupby(ACCURACY_GROUP)
    for position, name in enumerate(("a", "b"), start=len(ACCURACY_GROUP)):
        result.insert(position, name, groups[name].mean().to_numpy())
    result = result.rename(columns={"mean": "difference"})
    spread = groups["difference"].max() - groups["difference"].min()
    is_constant = spread.to_numpy() < _ROUNDING
    result.loc[is_constant, ["low", "high"]] = np.nan
    gains = (result["low"], result["high"])
    if score in LOWER_IS_BETTER:
        gains = (-result["high"], -result["low"])
    result["verdict"] = np.select(
        [result["n"] < 2, is_constant & (result["difference"].abs() < _ROUNDING), is_constant],
        [ONE_SEED, SAME, NO_SPREAD],
        _verdicts(*gains),
    )
    return result


def time_ratios(pairs: pd.DataFrame, *, tolerance: float) -> pd.DataFrame:
    """Divide the times of B by those of A.

    Args:
        pairs: Rows of `pair_throughput`.
        tolerance: Share by which a time must have changed, with its whole interval, for a verdict.

    Returns:
        Per model, phase and length: measure, `reference_ratio` where both have it with its spread,
        else `median_seconds`; a and b, its values; ratio; low and high, its 95 % interval, which
        sees how rounds differ and not how runs do; noisy, the sides that are; verdict.
    """
    names = ["reference_ratio", "reference_ratio_iqr"]
    has_ratio = pairs[[f"{name}_{side}" for name in names for side in "ab"]].notna().all(axis=1)
    table = pairs[THROUGHPUT_KEY].assign(
        measure=np.where(has_ratio, "reference_ratio", "median_seconds")
    )
    rounds, errors, is_noisy = {}, {}, {}
    for side in "ab":
        table[side] = pairs[f"reference_ratio_{side}"].where(
            has_ratio, pairs[f"median_seconds_{side}"]
        )
        iqr = pairs[f"reference_ratio_iqr_{side}"].where(has_ratio, pairs[f"iqr_seconds_{side}"])
        rounds[side] = pairs[f"rounds_{side}"].to_numpy(dtype="float64", na_value=np.nan)
        errors[side] = _MEDIAN_ERROR_PER_IQR * iqr / table[side] / np.sqrt(rounds[side])
        is_noisy[side] = (pairs[f"noise_{side}"].fillna("") == NOISY).to_numpy(dtype=bool)
    # Student's quantile, because the spread is estimated: the normal one covers 89 % at 7 rounds.
    quantile = t_quantile(np.minimum(rounds["a"], rounds["b"]) - 1)
    half = quantile * np.hypot(errors["a"], errors["b"])
    half = half.where(half.between(0, np.inf, inclusive="neither"))
    log_ratio = np.log(table["b"]) - np.log(table["a"])
    low, high = log_ratio - half, log_ratio + half
    table["ratio"], table["low"], table["high"] = np.exp(log_ratio), np.exp(low), np.exp(high)
    table["noisy"] = np.select(
        [is_noisy["a"] & is_noisy["b"], is_noisy["a"], is_noisy["b"]], ["A and B", "A", "B"], ""
    )
    verdicts = _verdicts(-high, -low, margin=float(np.log1p(tolerance)))
    table["verdict"] = np.where(half.isna(), NO_SPREAD, verdicts)
    return table.reset_index(drop=True)


def expected_by_chance(table: pd.DataFrame) -> float:
    """Return how many intervals would exclude no difference if nothing differed."""
    return float((1 - CONFIDENCE) * table["low"].notna().sum())


def _verdicts(low: Any, high: Any, *, margin: float = 0.0) -> Any:
    """Return a verdict per interval of a gain, which is positive where B is better."""
    return np.select([low > margin, high < -margin], [BETTER, WORSE], SAME)
