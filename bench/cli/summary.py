"""What a command says at its end, in few lines. No pandas: it takes a second to import."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import Any

from results.errors import ResultsError
from results.schema.columns import one_line
from results.schema.rows import (
    FAILING_STATUSES,
    NOISY,
    OK,
    PHASES,
    SETTING_COLUMNS,
    AccuracyRow,
    ThroughputRow,
)
from results.wording import columns_of, escaped, shown_command, spans, told_apart

_MOST_COLUMNS = 5
_MOST_LINES = 12
_SECONDS_TO_REPORT = 60.0  # It takes two. A folder on a slow disk may take more.
_SUITE = Path(__file__).parents[2]
_curve = attrgetter("task", "model", "protocol", *SETTING_COLUMNS)


def summary_table(rows: Sequence[AccuracyRow]) -> str:
    """Show mean token accuracy over seeds, per task and model, at a few lengths."""
    # A stage tested at further lengths extrapolates there, which is another question.
    rows = [row for row in rows if row.length == row.train_length or row.protocol == "mixed"]
    labels = _labels(rows, gap=" ")
    scores: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if row.token_accuracy is not None:
            by_length = scores.setdefault(labels[_curve(row)], {})
            by_length.setdefault(row.length, []).append(row.token_accuracy)
    if not scores:
        return "No record yet."
    means = {
        label: {length: f"{fmean(values):.3f}" for length, values in by_length.items()}
        for label, by_length in scores.items()
    }
    return "\n".join(_table("token accuracy", means))


def report_of(command: str, folder: Path) -> str:
    """Return what a command of `reports` prints of a folder; a child does, as `bench` may not.

    Raises:
        ResultsError: The child failed, or took too long.
    """
    path = os.pathsep.join(filter(None, [str(_SUITE), os.environ.get("PYTHONPATH")]))
    environment = {
        "PYTHONPATH": path,
        "PYTHONIOENCODING": "utf-8",
        # Its output is a pipe, which has no width.
        "COLUMNS": str(shutil.get_terminal_size().columns),
    }
    try:
        done = subprocess.run(
            # -P: a folder `reports` of the user's own is not the suite's.
            [sys.executable, "-P", "-m", command, f"--results={folder}"],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=_SECONDS_TO_REPORT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        why = f"no end after {_SECONDS_TO_REPORT:.0f} seconds"
    except OSError as error:
        why = str(error.strerror or error)
    else:
        if done.returncode == 0:
            return done.stdout.rstrip("\n")
        said = done.stderr.strip().splitlines()
        why = one_line(said[-1]) if said else f"exit status {done.returncode}"
    again = shown_command(command, "--results", folder)
    raise ResultsError(f"{command} failed: {why}; try {again}")


def missing_lines(
    planned: Collection[AccuracyRow],
    records: Collection[str],
    failures: Mapping[str, AccuracyRow],
) -> list[str]:
    """Count and name planned rows without a record: how some failed, and the others grouped.

    Args:
        planned: All rows of the plan.
        records: The record_ids that there is a record of.
        failures: How rows failed, by record_id.
    """
    labels = _labels(planned, gap=", ")
    missing = [row for row in planned if row.record_id not in records]
    if not missing:
        return []
    lengths: dict[tuple[str, int], set[int]] = {}
    for row in missing:
        if row.record_id not in failures:
            lengths.setdefault((labels[_curve(row)], row.seed), set()).add(row.train_length)
    seeds: dict[tuple[str, frozenset[int]], list[int]] = {}
    for (label, seed), of_seed in lengths.items():
        seeds.setdefault((label, frozenset(of_seed)), []).append(seed)
    every_seed, every_length = (
        sorted({*values})
        for values in ((row.seed for row in planned), (row.train_length for row in planned))
    )
    return [
        f"{len(missing)} of {len(planned)} records are missing:",
        *few_lines(
            f"{labels[_curve(row)]}, seed {row.seed}, length {row.length}: "
            f"{failures[row.record_id].status}: {escaped(failures[row.record_id].error or '')}"
            for row in missing
            if row.record_id in failures
        ),
        *few_lines(
            f"{label}, seed {spans(of_label, grid=every_seed)}: "
            f"length {spans(of_seeds, grid=every_length)}"
            for (label, of_seeds), of_label in sorted(seeds.items(), key=lambda each: each[0][0])
        ),
    ]


def few_lines(texts: Iterable[str]) -> list[str]:
    """Indent the first lines, and count the others."""
    lines = [f"  {text}" for text in texts]
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], f"  and {len(lines) - _MOST_LINES} more"]


def _labels(rows: Collection[AccuracyRow], *, gap: str) -> dict[tuple[Any, ...], str]:
    """Name the curves by task, model and the settings that vary, else seeds would hide them."""
    first = {_curve(row): row for row in rows}
    settings: dict[tuple[str, str], list[AccuracyRow]] = {}
    for row in first.values():
        settings.setdefault((row.task, row.model), []).append(row)
    tasks, models = (
        told_apart(getattr(row, name) for row in first.values()) for name in ("task", "model")
    )
    labels = {}
    for curve, row in first.items():
        varying = [
            f"{name} {getattr(row, name)}"
            for name in ("protocol", *SETTING_COLUMNS)
            if len({getattr(each, name) for each in settings[row.task, row.model]}) > 1
        ]
        labels[curve] = ", ".join([f"{tasks[row.task]}{gap}{models[row.model]}", *varying])
    return labels


def failure_lines(rows: Iterable[ThroughputRow]) -> list[str]:
    """Name the rows that could not be measured, and say why."""
    return [
        f"{row.model}, {row.phase}, length {row.length}: {row.status}: {escaped(row.error or '')}"
        for row in rows
        if row.status in FAILING_STATUSES
    ]


def throughput_table(rows: Sequence[ThroughputRow]) -> str:
    """Show items per second and peak memory, per phase and model, at a few lengths."""
    rows = [row for row in rows if row.status == OK]
    if not rows:
        return "Nothing measured."
    models = told_apart(row.model for row in rows)
    lines = []
    for phase in PHASES:
        for title, text in (("tokens per second", _rate), ("peak MiB", _mebibytes)):
            cells: dict[str, dict[int, str]] = {}
            for row in rows:
                if row.phase == phase:
                    cells.setdefault(models[row.model], {})[row.length] = text(row)
            lines += [*_table(f"{phase}, {title}", cells), ""]
    noisy = sum(row.noise == NOISY for row in rows)
    return "\n".join([*lines, f"{noisy} of {len(rows)} rows are noisy"])


def _rate(row: ThroughputRow) -> str:
    return "-" if row.tokens_per_second is None else f"{row.tokens_per_second:,.0f}"


def _mebibytes(row: ThroughputRow) -> str:
    return "-" if row.peak_memory_bytes is None else f"{row.peak_memory_bytes / 2**20:,.0f}"


def _table(title: str, lines: Mapping[str, Mapping[int, str]]) -> list[str]:
    """Align a line for each name, a column for each of a few lengths."""
    lengths = _few(sorted({length for by_length in lines.values() for length in by_length}))
    width = max(map(columns_of, (title, *lines)))
    cells = [(title, {length: str(length) for length in lengths}), *lines.items()]
    return [
        name
        + " " * (width - columns_of(name))
        + "".join(f"{by_length.get(length, '-'):>9}" for length in lengths)
        for name, by_length in cells
    ]


def _few(lengths: Sequence[int]) -> list[int]:
    """Pick evenly spread lengths, the shortest and the longest among them."""
    last = len(lengths) - 1
    columns = min(_MOST_COLUMNS, len(lengths))
    return [lengths[round(i * last / max(1, columns - 1))] for i in range(columns)]
