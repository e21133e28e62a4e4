"""The small table at the end of a run. Imports no pandas, so that a resume stays quick."""

from collections.abc import Sequence
from statistics import fmean

from results.schema import AccuracyRow

_MOST_COLUMNS = 5


def summary_table(rows: Sequence[AccuracyRow]) -> str:
    """Return free-running token accuracy per task and model at a few lengths, mean over seeds.

    Only a stage tested at a length that it trained for counts: its longest, or any of `mixed`.
    """
    rows = [
        row
        for row in rows
        if row.token_accuracy is not None
        and (row.length == row.train_length or row.protocol == "mixed")
    ]
    if not rows:
        return "No record yet."
    lengths = _few(sorted({row.length for row in rows}))
    width = max(len(f"{row.task} {row.model}") for row in rows)
    lines = ["token accuracy".ljust(width) + "".join(f"{length:>8}" for length in lengths)]
    for task, model in dict.fromkeys((row.task, row.model) for row in rows):
        cells = []
        for length in lengths:
            scores = [
                row.token_accuracy
                for row in rows
                if (row.task, row.model, row.length) == (task, model, length)
                and row.token_accuracy is not None
            ]
            cells.append(f"{fmean(scores):8.3f}" if scores else "       -")
        lines.append(f"{task} {model}".ljust(width) + "".join(cells))
    return "\n".join(lines)


def _few(lengths: Sequence[int]) -> list[int]:
    """Return at most a handful of lengths, the shortest and the longest among them."""
    if len(lengths) <= _MOST_COLUMNS:
        return list(lengths)
    last = len(lengths) - 1
    return [lengths[round(i * last / (_MOST_COLUMNS - 1))] for i in range(_MOST_COLUMNS)]
