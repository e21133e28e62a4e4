"""From rows of accuracy.csv to accuracy against training operations: sums and means, no drawing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.selection.curves import DEFAULT_PROTOCOL, SERIES, Facts, facts_of, own_length_rows
from results.errors import ResultsError
from results.schema.rows import FORWARD_PASSES_PER_UPDATE, OK
from results.stats.over_seeds import mean_over_seeds

# A mixed run trains on all lengths together: no sum belongs to one of them.
COMPUTE_PROTOCOLS = (DEFAULT_PROTOCOL, "independent")
BASELINES = ("chance_accuracy", "constant_accuracy", "causal_ceiling_accuracy")
POINT = ["task", "model", "length"]


@dataclass(frozen=True)
class Compute:
    """Everything that the figure of accuracy against training operations shows.

    Attributes:
        seeds: task, model, seed, length, operations, token_accuracy; both NaN where the operations
            are unknown.
        means: task, model, length, mean, low, high, n, failed; operations, their mean.
        baselines: task, baseline, lowest, highest: over the lengths.
        facts: For the caption.
        uncounted: Finished rows whose operations cannot be summed; in no curve.
    """

    seeds: pd.DataFrame
    means: pd.DataFrame
    baselines: pd.DataFrame
    facts: Facts
    uncounted: int


def training_operations(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the operations spent on a model up to the end of each row's stage.

    A stage takes stage_updates x batch_size x 3 x forward_flops: a backward pass counts as two
    forward passes. In a curriculum the stages before it are added; a model of its own has none.

    Args:
        rows: Rows of one protocol, tested at the length of their stage.

    Returns:
        The sum by row; NaN where a stage before it is missing or has no forward_flops.
    """
    ordered = rows.sort_values([*SERIES, "length"])
    updates = ordered["stage_updates"].astype("float64")
    passes = FORWARD_PASSES_PER_UPDATE * ordered["forward_flops"].astype("float64")
    stages = pd.DataFrame(
        {"operations": updates * ordered["batch_size"] * passes, "updates": updates}
    )
    is_ladder = (ordered["protocol"] == DEFAULT_PROTOCOL).all()
    run = [ordered[name] for name in (SERIES if is_ladder else [*SERIES, "length"])]
    # Unlike pandas' own, numpy's sum stays unknown after the first unknown stage.
    sums = stages.groupby(run).transform(lambda column: np.cumsum(column.to_numpy()))
    is_whole = sums["updates"] == ordered["total_updates"].astype("float64")
    return sums["operations"].where(is_whole).reindex(rows.index)


def compute_of(frame: pd.DataFrame) -> Compute:
    """Turn the rows of one protocol and configuration into accuracy against operations.

    Raises:
        ResultsError: The protocol is not one of COMPUTE_PROTOCOLS.
    """
    for protocol in frame["protocol"].unique():
        if protocol not in COMPUTE_PROTOCOLS:
            raise ResultsError(f"protocol: {' or '.join(COMPUTE_PROTOCOLS)}, not {protocol}")
    rows = own_length_rows(frame)
    is_ok = rows["status"] == OK
    operations = training_operations(rows).where(is_ok)
    accuracy = rows["token_accuracy"]
    known = rows.assign(
        operations=operations.where(accuracy.notna()),
        token_accuracy=accuracy.where(operations.notna()),
    )
    means = mean_over_seeds(known, "token_accuracy", POINT)
    means["operations"] = mean_over_seeds(known, "operations", POINT)["mean"]
    seeds = known[[*SERIES, "length", "operations", "token_accuracy"]]
    return Compute(
        seeds=seeds.sort_values([*SERIES, "length"], ignore_index=True),
        means=means,
        baselines=_baselines(rows),
        facts=facts_of(rows, left_out=len(frame) - len(rows)),
        uncounted=int((is_ok & operations.isna()).sum()),
    )


def _baselines(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.melt(id_vars="task", value_vars=list(BASELINES), var_name="baseline")
    groups = table.dropna(subset="value").groupby(["task", "baseline"])["value"]
    return groups.agg(lowest="min", highest="max").reset_index()
