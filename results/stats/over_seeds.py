"""Statistics over seeds: tables in, tables out, nothing drawn.

Seeds are the unit: every group must hold at most one row per seed.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from results.errors import ResultsError
from results.schema.rows import OK, SETTING_COLUMNS, VERSION_COLUMNS
from results.stats.intervals import t_half_width, wilson_interval


def one_configuration(frame: pd.DataFrame) -> None:
    """Refuse a table in which a model was run with different settings.

    Raises:
        ResultsError: Some (task, model, protocol) has several config_ids; names the settings that
            differ and how to choose.
    """
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

    Args:
        value: Column to average; rows that are ok but have no value count nowhere.
        by: Columns that name a group, such as task, model and length.

    Returns:
        The columns of `by`, then mean; low and high, the 95 % t-interval (NaN below two seeds; cut
        to [0, 1] where the column is a fraction, which normalised_accuracy is not); n, the rows
        averaged; failed, the rows that are not ok.

    Raises:
        ResultsError: A column is absent, or a group holds several rows of one seed.
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
    if value.endswith(("_accuracy", "_fraction")) and value != "normalised_accuracy":
        result[["low", "high"]] = result[["low", "high"]].clip(0.0, 1.0)
    return result[["mean", "low", "high", "n", "failed"]].reset_index()


def _values(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Add the value of the rows that are ok, and which are not."""
    is_ok = frame["status"] == OK
    return frame.assign(_value=frame[value].where(is_ok).astype("float64"), _failed=~is_ok)


def interquartile_means(frame: pd.DataFrame, value: str, by: Sequence[str]) -> pd.DataFrame:
    """Average a column over tasks and seeds together, without the lowest and highest quarter.

    It has no interval: that of a few seeds would promise too much.

    Args:
        value: Column to average; rows that are not ok, or have no value, count nowhere.
        by: Columns that name a group, such as model and length; without task and seed.

    Returns:
        The columns of `by`, then mean; n, the rows averaged over, those cut off included; failed,
        the rows that are not ok.

    Raises:
        ResultsError: A column is absent, or a task has several rows of one seed in a group.

    Source: Agarwal et al. 2021, arXiv:2108.13264.
    """
    check_groups(frame, value, [*by, "task"], unit="seed")
    result = (
        _values(frame, value)
        .groupby(list(by), dropna=False)
        .agg(
            mean=("_value", lambda values: interquartile_mean(values.dropna().to_numpy())),
            n=("_value", "count"),
            failed=("_failed", "sum"),
        )
    )
    return result.reset_index()


def interquartile_mean(values: Sequence[float] | np.ndarray) -> float:
    """Return the mean without the lowest and the highest quarter of the values; NaN without one.

    A quarter is rounded down to whole values, so three are averaged as they are.
    """
    return float(stats.trim_mean(values, 0.25)) if len(values) else math.nan


def solved_fraction(
    frame: pd.DataFrame, by: Sequence[str], *, threshold: float, value: str = "sequence_accuracy"
) -> pd.DataFrame:
    """Count the seeds that solved a task; a row that is not ok did not.

    Args:
        by: Columns that name a group, such as task, model and length.
        threshold: Smallest value that counts as solved.
        value: Column that is compared with the threshold.

    Returns:
        The columns of `by`, then fraction; low and high, its 95 % Wilson interval; solved; n.

    Raises:
        ResultsError: A column is absent, or a group holds several rows of one seed.
    """
    check_groups(frame, value, by, unit="seed")
    is_solved = (frame["status"] == OK) & (frame[value] >= threshold)
    groups = frame.assign(_solved=is_solved.astype("int64")).groupby(list(by), dropna=False)
    result = groups.agg(solved=("_solved", "sum"), n=("_solved", "size"))
    result["fraction"] = result["solved"] / result["n"]
    result["low"], result["high"] = wilson_interval(
        result["solved"].to_numpy(), result["n"].to_numpy()
    )
    return result[["fraction", "low", "high", "solved", "n"]].reset_index()


def check_groups(frame: pd.DataFrame, value: str, by: Sequence[str], *, unit: str) -> None:
    """Refuse a table whose groups do not hold one value for each unit.

    Args:
        value: Column of the value.
        by: Columns that name a group.
        unit: Column that tells the rows of a group apart.

    Raises:
        ResultsError: A column is absent, or a group holds several rows of one unit.
    """
    for name in (value, *by, unit, "status"):
        if name not in frame.columns:
            raise ResultsError(f"{name}: there is no such column")
    repeated = frame.duplicated([*by, unit])
    if repeated.any():
        row = frame[repeated].iloc[0]
        group = ", ".join(f"{name} {row[name]}" for name in (*by, unit))
        raise ResultsError(f"by: several rows of one {unit} in a group: {group}")
