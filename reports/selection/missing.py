"""What a table lacks: lengths that a curve does not have, and rows that did not finish."""

from functools import partial
from itertools import product

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import SEED_CURVE
from results.schema.rows import OK
from results.wording import spans, told_apart

LINES_AT_MOST = 12


def missing_lines(rows: pd.DataFrame) -> list[str]:
    """Say in lines of text which lengths others have and a curve has not; no line where none is.

    The lengths expected of each are the union over the table; so are tasks, models and seeds, so
    that a curve without any row is named too.
    """
    grid = sorted(set(rows["length"]))
    present = {key: set(curve["length"]) for key, curve in rows.groupby(SEED_CURVE)}
    every = product(*(sorted(rows[name].unique()) for name in SEED_CURVE))
    absent = {key: set(grid) - present.get(key, set()) for key in every}
    count = sum(map(len, absent.values()))
    if not count:
        return []
    texts = {key: spans(lengths, grid=grid) for key, lengths in absent.items() if lengths}
    heading = f"missing: {counted(count, 'point')} of {count + len(rows):,}"
    return [heading, *_lines(pd.Series(texts).rename_axis(SEED_CURVE), rows)]


def unfinished_lines(rows: pd.DataFrame) -> list[str]:
    """Say in lines of text which rows did not finish, and how; no line where all did."""
    grid = sorted(set(rows["length"]))
    unfinished = rows[rows["status"] != OK]
    if unfinished.empty:
        return []
    totals = unfinished["status"].value_counts().sort_index()
    heading = f"{len(unfinished):,} of {counted(len(rows), 'row')} did not finish: " + ", ".join(
        f"{count} {status}" for status, count in totals.items()
    )
    texts = unfinished.groupby([*SEED_CURVE, "status"])["length"].agg(partial(spans, grid=grid))
    by_status = texts.reset_index().assign(
        text=lambda table: table["status"] + " at " + table["length"]
    )
    return [heading, *_lines(by_status.groupby(SEED_CURVE)["text"].agg("; ".join), rows)]


def _lines(texts: "pd.Series[str]", rows: pd.DataFrame) -> list[str]:
    """Write a line per text; seeds that share it, then models, then tasks, stand together."""
    table = texts.rename("text").reset_index()
    for name in ("task", "model"):
        table[name] = table[name].map(told_apart(rows[name]))
    for name in reversed(SEED_CURVE):
        others = [column for column in table if column != name]
        together = partial(_together, name=name, every=rows[name].nunique())
        table = table.groupby(others, sort=False)[name].agg(together).reset_index()
    lines = [f"  {row.task}, {row.model}, {row.seed}: {row.text}" for row in table.itertuples()]
    if len(lines) <= LINES_AT_MOST:
        return lines
    return [*lines[:LINES_AT_MOST], f"  and {len(lines) - LINES_AT_MOST} more"]


def _together(values: "pd.Series[str]", *, name: str, every: int) -> str:
    if len(values) == every > 1:
        return f"every {name}"
    return f"{'seed ' if name == 'seed' else ''}{' and '.join(map(str, values))}"
