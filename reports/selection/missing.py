"""What a table lacks: lengths that a series does not have, and rows that did not finish."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import DEFAULT_PROTOCOL, SERIES
from results.schema.probe_rows import ATTENTION, GRADIENT, OCCLUSION
from results.schema.rows import OK
from results.store.csv_files import ALIGNMENT, ERRORS, INFLUENCE, MAPS, POSITIONS, PROBE_TABLES

LINES_AT_MOST = 12
# The figures of what probes found: the table of each, and of which measure, where it is of one.
PROBE_FIGURES = {
    "errors": (ERRORS, None),
    "positions": (POSITIONS, None),
    "alignment": (ALIGNMENT, None),
    "influence": (INFLUENCE, None),
    **{f"map_{measure}": (MAPS, measure) for measure in (ATTENTION, OCCLUSION, GRADIENT)},
}
OF_ATTENTION = "only models with attention have any"
OF_SOME_LENGTHS = "python -m bench.probe writes them for the lengths of its --lengths"
WHERE_ROWS_COME_FROM = {
    "alignment": OF_ATTENTION,
    "map_attention": OF_ATTENTION,
    "influence": OF_SOME_LENGTHS,
    "map_occlusion": OF_SOME_LENGTHS,
    "map_gradient": OF_SOME_LENGTHS,
}
Series = tuple[str, str, int]


def missing_lengths(rows: pd.DataFrame) -> dict[Series, tuple[int, ...]]:
    """Return the lengths that others have and a series has not, by task, model and seed.

    The lengths expected of each are the union over the table; so are tasks, models and seeds, so
    that a series without any row is named too.
    """
    grid = set(rows["length"])
    present = {key: set(series["length"]) for key, series in rows.groupby(SERIES)}
    expected = product(*(sorted(rows[name].unique()) for name in SERIES))
    missing = {key: tuple(sorted(grid - present.get(key, set()))) for key in expected}
    return {key: lengths for key, lengths in missing.items() if lengths}


def missing_lines(rows: pd.DataFrame) -> list[str]:
    """Say in lines of text which lengths are missing where; no line where none is."""
    grid = sorted(set(rows["length"]))
    missing = missing_lengths(rows)
    count = sum(map(len, missing.values()))
    if not count:
        return []
    texts = {key: spans(lengths, grid=grid) for key, lengths in missing.items()}
    return [f"missing: {counted(count, 'point')} of {count + len(rows):,}", *_lines(texts, rows)]


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
    texts = {
        key: "; ".join(
            f"{status} at {spans(group['length'], grid=grid)}"
            for status, group in series.groupby("status")
        )
        for key, series in unfinished.groupby(SERIES)
    }
    return [heading, *_lines(texts, rows)]


def _lines(texts: Mapping[Any, str], rows: pd.DataFrame) -> list[str]:
    """Return one line per text; seeds that share it, then models, then tasks, stand together."""
    groups: dict[tuple[tuple[Any, ...], ...], str] = {
        tuple((part,) for part in key): text for key, text in texts.items()
    }
    for position in (2, 1, 0):
        merged: dict[Any, list[Any]] = {}
        for key, text in groups.items():
            rest = (key[:position], key[position + 1 :], text)
            merged.setdefault(rest, []).extend(key[position])
        groups = {
            (*before, tuple(parts), *after): text for (before, after, text), parts in merged.items()
        }
    lines = []
    for key, text in groups.items():
        names = [
            f"every {name}"
            if len(parts) == rows[name].nunique() > 1
            else f"{'seed ' if name == 'seed' else ''}{' and '.join(map(str, parts))}"
            for name, parts in zip(SERIES, key, strict=True)
        ]
        lines.append(f"  {', '.join(names)}: {text}")
    return shortened(lines)


def spans(lengths: Iterable[int], *, grid: Sequence[int]) -> str:
    """Return lengths as text, neighbours of the grid joined: `10, 40..60`."""
    places = sorted(grid.index(length) for length in set(lengths))
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    texts = []
    for run in runs:
        texts += (
            [f"{grid[run[0]]}..{grid[run[-1]]}"] if len(run) > 2 else [str(grid[at]) for at in run]
        )
    return ", ".join(texts)


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the first lines, and how many more there are."""
    if len(lines) <= LINES_AT_MOST:
        return list(lines)
    return [*lines[:LINES_AT_MOST], f"  and {len(lines) - LINES_AT_MOST} more"]


def unprobed_lines(found: Mapping[str, pd.DataFrame], *, suffix: str = "") -> list[str]:
    """Say which figures of what probes found are left out, and why; no line where none is.

    Args:
        found: The tables of probes, each with the rows to draw.
        suffix: What the names of the figures end in.
    """
    if all(found[name].empty for name in PROBE_TABLES):
        return [
            f"no {', '.join(f'{name}{suffix}' for name in PROBE_FIGURES)} figures: the tables of "
            f"probes have no rows of these models with {DEFAULT_PROTOCOL}; "
            "python -m bench.probe writes them"
        ]
    lines = []
    for name, (table, measure) in PROBE_FIGURES.items():
        rows = found[table]
        if measure and len(rows):
            rows = rows[rows["measure"] == measure]
        if rows.empty:
            reason = f"{table} has no rows of {f'{measure} of ' if measure else ''}these models"
            source = WHERE_ROWS_COME_FROM.get(name)
            lines.append(f"no {name}{suffix} figure: {reason}{f'; {source}' if source else ''}")
    return lines
