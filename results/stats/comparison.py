"""Hold results B against results A: pairs of rows, differences, intervals, verdicts."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results.errors import ResultsError
from results.schema.rows import NOISY, OK, SETTING_COLUMNS
from results.stats.intervals import t_half_width, t_quantile

BETTER, WORSE, SAME = "better", "worse", "no difference seen"
ONE_SEED, NO_SPREAD = "no verdict, one seed", "no verdict, no spread"
ABSENT, NO_VALUE = "absent", "without a value"
LOWER_IS_BETTER = ("cross_entropy_bits",)
SCORED_BY = ["task", "model", "protocol", "train_length", "length"]
TIMED_BY = ["model", "phase", "length"]
# The versions of model and recipe may differ: a comparison is made to see what they changed.
ACCURACY_SETTINGS = (
    *SETTING_COLUMNS,
    "task_version",
    "sampler_version",
    "evaluator_version",
    "curriculum_rung",
)
# Two models of one folder: each family has its own learning rate, and a channel its own numbers.
MODELS_PAIRED_BY = tuple(
    name
    for name in SETTING_COLUMNS
    if name not in ("learning_rate", "channel_numbers", "channel_snr")
)
MODELS_AGREE_IN = (
    "task_version",
    "sampler_version",
    "recipe_version",
    "evaluator_version",
    "curriculum_rung",
)
TIMING_SETTINGS = (
    "batch_size",
    "symbols",
    "cell",
    "hidden",
    "embedding",
    "encoder",
    "layers",
    "device",
    "device_name",
    "threads",
    "processors",
)

# A value and its spread: relative to the matrix product timed beside it, and in seconds.
_RATIO = ("reference_ratio", "reference_ratio_iqr")
_SECONDS = ("median_seconds", "iqr_seconds")
_ROUNDING = 1e-9
# For normal times the standard deviation is IQR / 1.349, and that of the median of n rounds
# 1.2533 / sqrt(n) times as large.
_MEDIAN_ERROR_PER_IQR = 1.2533 / 1.349


@dataclass(frozen=True)
class Comparison:
    """What rows of A and B that are ok in both show, and how many are ok in one alone."""

    table: pd.DataFrame
    only_a: dict[str, int]  # Rows by the status that B has instead, which may be `absent`.
    only_b: dict[str, int]


def score_differences(
    a: pd.DataFrame, b: pd.DataFrame, *, score: str, lengths: Collection[int] | None = None
) -> Comparison:
    """Average B - A of a score over paired seeds.

    Args:
        a: accuracy.csv of A, and `b` that of B.
        lengths: Test lengths to keep; all if None.

    Returns:
        A table with the columns of `SCORED_BY`, then a and b, the means of the seeds paired;
        difference; low and high, its 95 % t-interval; n, the seeds; verdict. The interval is empty
        below two seeds, and where all seeds differ by the same.

    Raises:
        ResultsError: A setting differs, or a row occurs twice.
    """
    key = [*SCORED_BY, "seed"]
    frames = _with_rung(a), _with_rung(b)
    pairs, *others = _pair(*frames, key, value=score, settings=ACCURACY_SETTINGS, lengths=lengths)
    return Comparison(_averaged(pairs, SCORED_BY, score=score), *others)


def model_differences(
    frame: pd.DataFrame,
    a: str,
    b: str,
    *,
    score: str,
    lengths: Collection[int] | None = None,
) -> Comparison:
    """Average the score of model `b` less that of model `a` over the seeds that both have.

    Args:
        frame: accuracy.csv of one folder.
        lengths: Test lengths to keep; all if None.

    Returns:
        A table as that of `score_differences`, without the model; with those settings of
        `MODELS_PAIRED_BY` in which the rows differ.

    Raises:
        ResultsError: A version differs, or a model has two rows of one measurement.
    """
    settings = ["task", "protocol", "train_length", "length", *MODELS_PAIRED_BY]
    frames = [_with_rung(frame[frame["model"] == name]).drop(columns="model") for name in (a, b)]
    pairs, *others = _pair(
        frames[0],
        frames[1],
        [*settings, "seed"],
        value=score,
        settings=MODELS_AGREE_IN,
        lengths=lengths,
    )
    table = _averaged(pairs, settings, score=score)
    # Tasks have alphabets of their own.
    of_task = table.groupby("task")[list(MODELS_PAIRED_BY)].nunique(dropna=False)
    alike = [name for name in MODELS_PAIRED_BY if not (of_task[name] > 1).any()]
    return Comparison(table.drop(columns=alike), *others)


def _averaged(pairs: pd.DataFrame, by: Sequence[str], *, score: str) -> pd.DataFrame:
    """Average the differences of paired seeds, with their interval and a verdict."""
    scores_a, scores_b = pairs[f"{score}_a"], pairs[f"{score}_b"]
    table = pairs[list(by)].assign(a=scores_a, b=scores_b, difference=scores_b - scores_a)
    # Settings that not every model reads are empty.
    groups = table.groupby(list(by), dropna=False)
    result = groups[["a", "b", "difference"]].mean()
    difference, n = result["difference"], groups.size()
    # Equal differences are equal up to rounding only, which would pass for a tiny spread.
    spread = groups["difference"].max() - groups["difference"].min()
    is_constant = spread < _ROUNDING
    half = t_half_width(groups["difference"].std(), n).where(~is_constant)
    result["low"], result["high"], result["n"] = difference - half, difference + half, n
    gain = (result["low"], result["high"])
    if score in LOWER_IS_BETTER:
        gain = (-result["high"], -result["low"])
    result["verdict"] = np.select(
        [n < 2, is_constant & (difference.abs() < _ROUNDING), is_constant],
        [ONE_SEED, SAME, NO_SPREAD],
        _verdicts(*gain),
    )
    return result.reset_index()


def time_ratios(
    a: pd.DataFrame, b: pd.DataFrame, *, tolerance: float, lengths: Collection[int] | None = None
) -> Comparison:
    """Divide the times of B by those of A.

    Args:
        a: throughput.csv of A, and `b` that of B.
        tolerance: Share by which a time must have changed, with its whole interval, for a verdict.

    Returns:
        A table with the columns of `TIMED_BY`, then measure, which is `reference_ratio` if both
        have it with its spread, else `median_seconds`; a and b, its values; ratio; low and high,
        its 95 % interval, from how rounds differ and not how runs do; noisy, the sides that are;
        verdict.
    """
    pairs, *others = _pair(
        a, b, TIMED_BY, value=_SECONDS[0], settings=TIMING_SETTINGS, lengths=lengths
    )
    columns = [f"{name}_{side}" for name in _RATIO for side in "ab"]
    has_ratio = pairs[columns].notna().all(axis=1)
    table = pairs[TIMED_BY].assign(measure=np.where(has_ratio, _RATIO[0], _SECONDS[0]))
    rounds, errors, is_noisy = {}, {}, {}
    for side in "ab":
        table[side], iqr = (
            pairs[f"{ratio}_{side}"].where(has_ratio, pairs[f"{seconds}_{side}"])
            for ratio, seconds in zip(_RATIO, _SECONDS, strict=True)
        )
        rounds[side] = pairs[f"rounds_{side}"].to_numpy(dtype="float64", na_value=np.nan)
        errors[side] = _MEDIAN_ERROR_PER_IQR * iqr / table[side] / np.sqrt(rounds[side])
        is_noisy[side] = (pairs[f"noise_{side}"].fillna("") == NOISY).to_numpy(dtype=bool)
    # Student's quantile, because the spread is estimated: the normal one covers 89 % at 7 rounds.
    quantile = t_quantile(np.minimum(rounds["a"], rounds["b"]) - 1)
    half = quantile * np.hypot(errors["a"], errors["b"])
    half = half.where(half.between(0, np.inf, inclusive="neither"))
    # In logarithms, so that the verdict turns round when the folders do.
    ratio = np.log(table["b"]) - np.log(table["a"])
    low, high = ratio - half, ratio + half
    table["ratio"], table["low"], table["high"] = np.exp(ratio), np.exp(low), np.exp(high)
    table["noisy"] = np.select(
        [is_noisy["a"] & is_noisy["b"], is_noisy["a"], is_noisy["b"]], ["A and B", "A", "B"], ""
    )
    verdicts = _verdicts(-high, -low, margin=float(np.log1p(tolerance)))
    table["verdict"] = np.where(half.isna(), NO_SPREAD, verdicts)
    return Comparison(table.reset_index(drop=True), *others)


def _verdicts(low: Any, high: Any, *, margin: float = 0.0) -> Any:
    """Judge the interval of a gain, which is positive where B is better."""
    return np.select([low > margin, high < -margin], [BETTER, WORSE], SAME)


def _with_rung(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the place of a stage on its ladder: what a curriculum trained on before is a setting."""
    runs = frame.groupby(["task", "model", "protocol", "seed"])
    rung = runs["train_length"].rank(method="dense").astype("Int64")
    return frame.assign(curriculum_rung=rung.where(frame["protocol"] == "curriculum"))


def _pair(
    a: pd.DataFrame,
    b: pd.DataFrame,
    key: Sequence[str],
    *,
    value: str,
    settings: Sequence[str],
    lengths: Collection[int] | None,
) -> tuple[pd.DataFrame, dict[str, int], dict[str, int]]:
    """Put rows ok in both side by side; count those ok in A alone, and in B alone."""
    a, b = _mark_empty(a, value), _mark_empty(b, value)
    rows = a.merge(b, how="outer", on=list(key), suffixes=("_a", "_b"))
    if lengths is not None:
        rows = rows[rows["length"].isin(list(lengths))]
    status_a, status_b = rows["status_a"].fillna(ABSENT), rows["status_b"].fillna(ABSENT)
    is_ok_a, is_ok_b = status_a == OK, status_b == OK
    both = rows[is_ok_a & is_ok_b]
    # Settings first: a folder that mixes two of them has two rows for one key.
    for name in settings:
        _require_same(both, name, key)
    repeated = both.duplicated(list(key))
    if repeated.any():
        raise ResultsError(f"several rows of one measurement: {_place(both[repeated], key)}")
    only_a, only_b = Counter(status_b[is_ok_a & ~is_ok_b]), Counter(status_a[is_ok_b & ~is_ok_a])
    return both, dict(only_a), dict(only_b)


def _mark_empty(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Give rows that are ok but have no value a status that says so."""
    is_empty = (frame["status"] == OK) & frame[value].isna()
    return frame.assign(status=frame["status"].mask(is_empty, NO_VALUE))


def _require_same(pairs: pd.DataFrame, name: str, key: Sequence[str]) -> None:
    a, b = (pairs[f"{name}_{side}"].astype("string").fillna("nothing") for side in "ab")
    differs = a != b
    if differs.any():
        raise ResultsError(
            f"{name}: must be the same to be compared, got {a[differs].iloc[0]} in A and "
            f"{b[differs].iloc[0]} in B ({_place(pairs[differs], key)})"
        )


def _place(rows: pd.DataFrame, key: Sequence[str]) -> str:
    return ", ".join(f"{name} {rows[name].iloc[0]}" for name in key)
