"""The rows of two results folders, A and B, that may be compared: one to one, same settings."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.errors import ResultsError
from results.schema.rows import OK, SETTING_COLUMNS, VERSION_COLUMNS

ABSENT, NO_VALUE = "absent", "without a value"
ACCURACY_GROUP = ["task", "model", "protocol", "train_length", "length"]
THROUGHPUT_KEY = ["model", "phase", "length"]
# What tells the curves of a folder apart, one that holds several sizes included.
CURVE = ["task", "model", "protocol", "encoder", "hidden", "symbols"]
BUDGET = "budget_updates"
# The versions of model and recipe may differ: what they changed is what is compared.
ACCURACY_SETTINGS = (
    *SETTING_COLUMNS,
    "task_version",
    "sampler_version",
    "evaluator_version",
    "curriculum_rung",
)
BUDGET_SETTINGS = (
    *(name for name in SETTING_COLUMNS if name not in (*CURVE, BUDGET)),
    *VERSION_COLUMNS,
    "curriculum_rung",
)
THROUGHPUT_SETTINGS = (
    "batch_size",
    "symbols",
    "cell",
    "hidden",
    "embedding",
    "encoder",
    "device",
    "device_name",
    "threads",
    "processors",
)


@dataclass(frozen=True)
class Pairs:
    """Rows of A beside rows of B.

    Attributes:
        rows: Those ok in both; the columns of A end in _a, those of B in _b.
        only_a: Number of rows ok in A alone, by what B has instead: a status or `absent`.
        only_b: The same for rows ok in B alone.
    """

    rows: pd.DataFrame
    only_a: dict[str, int]
    only_b: dict[str, int]


def pair_accuracy(
    a: pd.DataFrame, b: pd.DataFrame, *, score: str, lengths: Collection[int] | None = None
) -> Pairs:
    """Pair rows of accuracy.csv by seed.

    Args:
        score: Column that both must have.
        lengths: Test lengths to keep; all where None.

    Raises:
        ResultsError: A setting differs, or a row stands there twice.
    """
    return _pair(
        _with_rung(a, ["task", "model", "protocol"]),
        _with_rung(b, ["task", "model", "protocol"]),
        key=[*ACCURACY_GROUP, "seed"],
        value=score,
        settings=ACCURACY_SETTINGS,
        lengths=lengths,
    )


def pair_budgets(reference: pd.DataFrame, control: pd.DataFrame) -> Pairs:
    """Pair rows of accuracy.csv by curve and seed with those of another budget.

    Raises:
        ResultsError: A setting other than the budget differs, or a row stands there twice.
    """
    return _pair(
        _with_rung(reference, CURVE),
        _with_rung(control, CURVE),
        key=[*CURVE, "train_length", "length", "seed"],
        value="carried_bits",
        settings=BUDGET_SETTINGS,
        sides=("the reference", "the control"),
    )


def pair_throughput(
    a: pd.DataFrame, b: pd.DataFrame, *, lengths: Collection[int] | None = None
) -> Pairs:
    """Pair rows of throughput.csv.

    Args:
        lengths: Lengths to keep; all where None.

    Raises:
        ResultsError: A setting differs, or a row stands there twice.
    """
    return _pair(
        a,
        b,
        key=THROUGHPUT_KEY,
        value="median_seconds",
        settings=THROUGHPUT_SETTINGS,
        lengths=lengths,
    )


def _with_rung(frame: pd.DataFrame, curve: Sequence[str]) -> pd.DataFrame:
    """Add the place of a stage on its ladder: what a curriculum trained on before is a setting."""
    runs = frame.groupby([*curve, "seed"])
    rung = runs["train_length"].rank(method="dense").astype("Int64")
    return frame.assign(curriculum_rung=rung.where(frame["protocol"] == "curriculum"))


def _pair(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    key: Sequence[str],
    value: str,
    settings: Sequence[str],
    lengths: Collection[int] | None = None,
    sides: tuple[str, str] = ("A", "B"),
) -> Pairs:
    rows = _only_with_value_ok(a, value).merge(
        _only_with_value_ok(b, value), how="outer", on=list(key), suffixes=("_a", "_b")
    )
    if lengths is not None:
        rows = rows[rows["length"].isin(list(lengths))]
    status_a, status_b = rows["status_a"].fillna(ABSENT), rows["status_b"].fillna(ABSENT)
    is_ok_a, is_ok_b = status_a == OK, status_b == OK
    both = rows[is_ok_a & is_ok_b]
    for name in settings:
        _require_same(both, name, key, sides=sides)
    repeated = both.duplicated(list(key))
    if repeated.any():
        raise ResultsError(f"several rows of one measurement: {_place(both[repeated], key)}")
    return Pairs(
        rows=both,
        only_a=dict(Counter(status_b[is_ok_a & ~is_ok_b])),
        only_b=dict(Counter(status_a[is_ok_b & ~is_ok_a])),
    )


def _only_with_value_ok(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    is_empty = (frame["status"] == OK) & frame[value].isna()
    return frame.assign(status=frame["status"].mask(is_empty, NO_VALUE))


def _require_same(
    pairs: pd.DataFrame, name: str, key: Sequence[str], *, sides: tuple[str, str]
) -> None:
    a, b = (_texts(pairs[f"{name}_{side}"]) for side in "ab")
    differs = a != b
    if differs.any():
        raise ResultsError(
            f"{name}: must be the same to be compared, got {a[differs].iloc[0]} in {sides[0]} and "
            f"{b[differs].iloc[0]} in {sides[1]} ({_place(pairs[differs], key)})"
        )


def _texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.astype("string").fillna("nothing")


def _place(rows: pd.DataFrame, key: Sequence[str]) -> str:
    return ", ".join(f"{name} {rows[name].iloc[0]}" for name in key)
