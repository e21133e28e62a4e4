"""Lay out what passes through channels of known capacity, and where half is lost by budget."""

import pandas as pd

from reports.selection.channel import (
    FULL_LOAD,
    Channel,
    efficiency,
    half_lengths,
    with_budgets,
)
from results.errors import ResultsError
from results.stats.intervals import mean_interval
from results.stats.threshold_length import AT

NOTHING = "–"


def channel_table(channel: Channel) -> str:
    """Lay out as Markdown the share of its capacity that each channel carries at full load.

    Raises:
        ResultsError: No target has so many bits.
    """
    found = efficiency(channel)
    if found.empty:
        raise ResultsError(f"no target has {FULL_LOAD:g} times the bits of its channel")
    seeds = sorted({int(count) for count in found["n"]})
    ways = found[["build", "budget_updates"]].drop_duplicates()
    ways = ways.sort_values(["budget_updates", "build"])
    titles = [f"{way['build']}, {way['budget_updates']:,} updates" for _, way in ways.iterrows()]
    lines = [
        f"Share of the capacity that is carried where the target has {FULL_LOAD:g} times its bits "
        f"or more; mean (95 % t-interval) of {' or '.join(map(str, seeds))} seeds.",
        "",
        f"| capacity | {' | '.join(titles)} |",
        f"|---:|{'---:|' * len(titles)}",
    ]
    cells = {
        (row["capacity"], row["build"], row["budget_updates"]): _cell(row)
        for _, row in found.iterrows()
    }
    for capacity in sorted(found["capacity"].unique()):
        keys = [(capacity, way["build"], way["budget_updates"]) for _, way in ways.iterrows()]
        texts = [cells.get(key, NOTHING) for key in keys]
        lines.append(f"| {capacity:g} bits | {' | '.join(texts)} |")
    return "\n".join(lines)


def _cell(row: "pd.Series[float]") -> str:
    share = f"{row['share']:.2f}"
    # One seed has no interval.
    return share if pd.isna(row["low"]) else f"{share} ({row['low']:.2f}–{row['high']:.2f})"


def budget_table(own: pd.DataFrame) -> str:
    """Lay out as Markdown at which length half of the accuracy is lost, by budget.

    Raises:
        ResultsError: No model was trained in several budgets.
    """
    found = half_lengths(with_budgets(own))
    if found.empty:
        raise ResultsError("no model was trained in several budgets")
    lines = ["| task | model | updates at length 10 | half lost at | seeds |"]
    lines.append("|---|---|---:|---:|---:|")
    for (task, model, budget), each in found.groupby(["task", "model", "budget_updates"]):
        mean, low, high = mean_interval(each.loc[each["kind"] == AT, "length"].to_numpy(float))
        where = NOTHING if (each["kind"] != AT).any() else f"{mean:.0f} ({low:.0f}–{high:.0f})"
        where = where.replace(" (nan–nan)", "")
        lines.append(f"| {task} | {model} | {budget:,} | {where} | {len(each)} |")
    return "\n".join(lines)
