"""From rows of accuracy.csv to the curves of a figure: selection, statistics, facts; no drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from results.errors import ResultsError
from results.schema.rows import OK, SETTING_COLUMNS
from results.stats.over_seeds import mean_over_seeds, one_configuration

SCORES = (
    "token_accuracy",
    "teacher_forced_token_accuracy",
    "sequence_accuracy",
    "carried_bits",
)
BASELINES = (
    "chance_accuracy",
    "constant_accuracy",
    "repeat_accuracy",
    "causal_ceiling_accuracy",
    "target_bits",
)
DEFAULT_PROTOCOL = "curriculum"
MIXED_PROTOCOL = "mixed"
SERIES = ["task", "model", "seed"]


@dataclass(frozen=True)
class Facts:
    """What the caption of a figure states.

    Attributes:
        protocol: Training protocol.
        seeds: Number of seeds that have a row, finished or not.
        symbols: Alphabet size by task.
        cell: Recurrent cell.
        hidden: State size.
        encoder: `bi` or `uni`.
        test_sequences: Sizes of the test sets, rising.
        rows: Number of rows behind the curves.
        unfinished: How many of them did not finish.
        left_out: Rows tested at another length than they were trained for; in no curve.
    """

    protocol: str
    seeds: int
    symbols: dict[str, int]
    cell: str
    hidden: int
    encoder: str
    test_sequences: tuple[int, ...]
    rows: int
    unfinished: int
    left_out: int


@dataclass(frozen=True)
class Curves:
    """Everything that the accuracy figures of one protocol show.

    Attributes:
        seeds: task, model, seed, length, score, value; NaN where a row did not finish.
        means: task, model, length, score, mean, low, high, n, failed.
        baselines: task, length, baseline, value.
        facts: For the caption.
    """

    seeds: pd.DataFrame
    means: pd.DataFrame
    baselines: pd.DataFrame
    facts: Facts


def require_one_configuration(frame: pd.DataFrame) -> None:
    """Refuse rows that mix settings within one curve, or between curves of one figure.

    Raises:
        ResultsError: They do; names the setting and the config_ids to choose from.
    """
    one_configuration(frame)
    for protocol, rows in frame.groupby("protocol"):
        _require_same_settings(rows, protocol=str(protocol))


def _require_same_settings(rows: pd.DataFrame, *, protocol: str) -> None:
    for name in SETTING_COLUMNS:
        # Tasks have alphabets of their own; all else has to be the same in the whole figure.
        groups = rows.groupby("task") if name == "symbols" else [("all tasks", rows)]
        for label, group in groups:
            found = group.drop_duplicates(name)
            if len(found) > 1:
                choices = "; ".join(
                    f"{row.config_id} ({row.task}, {row.model}: {name}={getattr(row, name)})"
                    for row in found.itertuples()
                )
                raise ResultsError(
                    f"{label}, {protocol}: {name} differs between curves; "
                    f"choose one with --config ID: {choices}"
                )


def protocols_of(frame: pd.DataFrame) -> list[str]:
    """Return the protocols in the table, the default one first."""
    return sorted(frame["protocol"].unique(), key=lambda name: (name != DEFAULT_PROTOCOL, name))


def own_length_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows tested at a length that they were trained for: those that make a curve.

    A model climbing a ladder, or fresh for each length, is tested at the length of its stage. A
    model of mixed lengths is tested at each up to its largest. Longer tests are extrapolation,
    which is another question and another figure.
    """
    is_mixed = frame["protocol"] == MIXED_PROTOCOL
    is_own = frame["length"] == frame["train_length"]
    is_within = frame["length"] <= frame["train_length"]
    return frame[is_own | (is_mixed & is_within)]


def curves_of(frame: pd.DataFrame, *, scores: Sequence[str] = SCORES) -> Curves:
    """Turn the rows of one protocol and configuration into curves.

    Args:
        scores: The columns that become curves.

    Raises:
        ResultsError: The table is empty, holds several protocols, or two rows of one seed for one
            point.
    """
    protocols = protocols_of(frame)
    if len(protocols) != 1:
        raise ResultsError(f"protocol: one is needed, not {', '.join(protocols) or 'none'}")
    rows = own_length_rows(frame)
    _require_one_row_per_point(rows)
    values = rows[[*SERIES, "length", *scores]].melt(
        id_vars=[*SERIES, "length"], value_vars=list(scores), var_name="score"
    )
    means = pd.concat(
        [
            mean_over_seeds(rows, score, ["task", "model", "length"]).assign(score=score)
            for score in scores
        ],
        ignore_index=True,
    )
    return Curves(
        seeds=values.sort_values([*SERIES, "length"], kind="stable", ignore_index=True),
        means=means,
        baselines=_baselines(rows),
        facts=facts_of(rows, left_out=len(frame) - len(rows)),
    )


def _require_one_row_per_point(rows: pd.DataFrame) -> None:
    repeated = rows[rows.duplicated([*SERIES, "length"])]
    if len(repeated):
        row = repeated.iloc[0]
        raise ResultsError(
            f"{row['task']}, {row['model']}, seed {row['seed']}, length {row['length']}: two rows, "
            "reached over different lengths; give each set of --lengths a folder of its own (--out)"
        )


def _baselines(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.melt(
        id_vars=["task", "length"], value_vars=list(BASELINES), var_name="baseline"
    ).dropna(subset="value")
    return table.groupby(["task", "length", "baseline"])["value"].first().reset_index()


def facts_of(rows: pd.DataFrame, *, left_out: int) -> Facts:
    """Return what the rows of a figure have in common.

    Args:
        left_out: Number of rows that are not among them.

    Raises:
        ResultsError: There is no row.
    """
    if rows.empty:
        raise ResultsError("no row was tested at a length that it was trained for")
    first = rows.iloc[0]
    symbols = rows.groupby("task")["symbols"].first()
    sizes = rows["test_sequences"].dropna().unique()
    return Facts(
        protocol=str(first["protocol"]),
        seeds=int(rows["seed"].nunique()),
        symbols={str(task): int(size) for task, size in symbols.items()},
        cell=str(first["cell"]),
        hidden=int(first["hidden"]),
        encoder=str(first["encoder"]),
        test_sequences=tuple(sorted(int(size) for size in sizes)),
        rows=len(rows),
        unfinished=int((rows["status"] != OK).sum()),
        left_out=left_out,
    )
