"""Statistics over seeds: tables in, tables out, nothing drawn.

Seeds are the unit: every group has at most one row per seed. `by` names the columns of a group,
such as task, model and length; `value` names the column to average.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy import stats

from results.errors import ResultsError
from results.schema.rows import OK, SETTING_COLUMNS, VERSION_COLUMNS
from results.stats.intervals import CONFIDENCE, t_half_width


def one_version(frame: pd.DataFrame) -> None:
    """Refuse a table in which a model was run with two versions of its author's code."""
    for (task, model), group in frame.groupby(["task", "model"]):
        codes = [*group["code_hash"].drop_duplicates().fillna("none")]
        if len(codes) > 1:
            raise ResultsError(
                f"{task}, {model}: rows of {len(codes)} versions of its code are mixed "
                f"(code_hash {', '.join(codes)}); give each version a folder of its own"
            )


def one_configuration(frame: pd.DataFrame) -> None:
    """Refuse a table in which a model was run with different settings or code; name them."""
    one_version(frame)
    for (task, model, protocol), group in frame.groupby(["task", "model", "protocol"]):
        if group["config_id"].nunique() > 1:
            first_rows = group.drop_duplicates("config_id")
            differing = [
                name
                for name in (*SETTING_COLUMNS, *VERSION_COLUMNS)
                if first_rows[name].nunique(dropna=False) > 1
            ]
            choices = "; ".join(_describe(row, differing) for _, row in first_rows.iterrows())
            raise ResultsError(
                f"{task}, {model}, {protocol}: {len(first_rows)} configurations are mixed; "
                f"choose one with --config ID: {choices}"
            )


def _describe(row: "pd.Series[Any]", names: Sequence[str]) -> str:
    settings = ", ".join(f"{name}={row[name]}" for name in names) or "no recorded setting differs"
    return f"{row['config_id']} ({settings})"


def mean_over_seeds(frame: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    """Average a column over seeds, with a t-interval.

    Returns:
        The columns of `by`, then mean; low and high, the 95 % t-interval, NaN below two seeds and
        cut to [0, 1] for a fraction; n, the rows with a value; failed, the rows that are not ok.
    """
    check_groups(frame, value, by, unit="seed")
    groups = _values(frame, value).groupby(list(by), dropna=False)
    result = groups.agg(
        mean=("_value", "mean"),
        spread=("_value", "std"),
        n=("_value", "count"),
        failed=("_failed", "sum"),
    )
    half = t_half_width(result["spread"], result["n"])
    result["low"], result["high"] = result["mean"] - half, result["mean"] + half
    # normalised_accuracy is below 0 for a model that is worse than the best constant answer.
    if value.endswith(("_accuracy", "_fraction")) and value != "normalised_accuracy":
        result[["low", "high"]] = result[["low", "high"]].clip(0.0, 1.0)
    return result[["mean", "low", "high", "n", "failed"]].reset_index()


def _values(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Add the value of the rows that are ok, and which are not."""
    is_ok = frame["status"] == OK
    return frame.assign(_value=frame[value].where(is_ok).astype("float64"), _failed=~is_ok)


def solved_fraction(frame: pd.DataFrame, by: Sequence[str], *, threshold: float) -> pd.DataFrame:
    """Count the seeds whose sequence_accuracy reaches a threshold; rows not ok do not.

    Returns:
        The columns of `by`, then fraction; low and high, its 95 % Wilson interval; solved; n.

    Source: Wilson 1927; method 3 of Newcombe 1998, Statistics in Medicine 17, 857-872.
    """
    check_groups(frame, "sequence_accuracy", by, unit="seed")
    is_solved = (frame["status"] == OK) & (frame["sequence_accuracy"] >= threshold)
    groups = frame.assign(_solved=is_solved.astype("int64")).groupby(list(by), dropna=False)
    result = groups.agg(solved=("_solved", "sum"), n=("_solved", "size"))
    result["fraction"] = result["solved"] / result["n"]
    tests = [stats.binomtest(*counts) for counts in zip(result["solved"], result["n"], strict=True)]
    ends = [test.proportion_ci(CONFIDENCE, method="wilson") for test in tests]
    result["low"], result["high"] = [end.low for end in ends], [end.high for end in ends]
    return result[["fraction", "low", "high", "solved", "n"]].reset_index()


def check_groups(frame: pd.DataFrame, value: str, by: Sequence[str], *, unit: str) -> None:
    """Refuse a table that lacks a column, or has several rows of one unit in a group."""
    for name in (value, *by, unit, "status"):
        if name not in frame.columns:
            raise ResultsError(f"{name}: there is no such column")
    repeated = frame.duplicated([*by, unit])
    if repeated.any():
        row = frame[repeated].iloc[0]
        group = ", ".join(f"{name} {row[name]}" for name in (*by, unit))
        raise ResultsError(f"by: several rows of one {unit} in a group: {group}")
