"""How a model fails at one length: if true items help, if it loops, and at which items."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports.selection.curves import own_length_rows
from results.schema.rows import OK
from results.tables import parse_ids

KEEPS, HELPED, NOT_HELPED, LEARNS_NOTHING = "keeps", "helped", "not helped", "learns nothing"
KEPT = 0.9  # Of the way from the best constant answer to all right.
LEARNED = 0.1
# Of items drawn from 16 symbols, six repeat those before by chance once in 16 million answers.
LEAST_REPEATED = 6
LINE = ("task", "protocol", "model", "config_id")


def way_of_failing(
    rows: pd.DataFrame, length: int, *, samples: pd.DataFrame, positions: pd.DataFrame
) -> dict[str, Any]:
    """Describe how one model of one configuration fails at a length, as the mean over seeds.

    Args:
        rows: Its rows of accuracy.csv, at every length.
        samples: samples.csv, and `positions` positions.csv; either may be empty.

    Returns:
        way, a word; alone and given, the items right free-running and teacher-forced; first and
        last, those right alone in the first and the last quarter; looping, of so many answers.
    """
    own = rows[rows["length"] == length]
    finished = own[own["status"] == OK]
    line = rows.iloc[0]
    answers = _of_line(samples, line, length)
    pairs = [
        (parse_ids(answer), parse_ids(target))
        for answer, target in zip(answers.get("answer", ()), answers.get("target", ()), strict=True)
    ]
    first, last = _ends_of_positions(_of_line(positions, line, length))
    if pd.isna(first):
        first, last = _ends_of_answers(pairs)
    return {
        "way": _way(rows, own, finished),
        "alone": finished["token_accuracy"].mean(),
        "given": finished["teacher_forced_token_accuracy"].mean(),
        "first": first,
        "last": last,
        "looping": sum(loops(answer, target) for answer, target in pairs),
        "answers": len(pairs),
    }


def _way(rows: pd.DataFrame, own: pd.DataFrame, finished: pd.DataFrame) -> str:
    if finished.empty:
        return "-" if own.empty else str(own["status"].iloc[0]).replace("_", " ")
    kept = finished["normalised_accuracy"].mean()
    if kept >= KEPT:
        return KEEPS
    alone = finished["token_accuracy"].mean()
    given = finished["teacher_forced_token_accuracy"].mean()
    # On sort the item before is itself a good guess, which a true item gives away.
    guess = finished[["constant_accuracy", "repeat_accuracy"]].mean().max()
    best = rows.loc[rows["status"] == OK, "normalised_accuracy"].max()
    if best < LEARNED and not given > guess + LEARNED:
        return LEARNS_NOTHING
    is_half_regained = given - alone >= (1 - alone) / 2
    return HELPED if is_half_regained and not given <= guess else NOT_HELPED


def _of_line(table: pd.DataFrame, line: Any, length: int) -> pd.DataFrame:
    if table.empty:
        return table
    is_its = table["length"] == length
    for name in LINE:
        is_its &= table[name] == line[name]
    return own_length_rows(table[is_its])


def _ends_of_positions(rows: pd.DataFrame) -> tuple[float, float]:
    if rows.empty:
        return float("nan"), float("nan")
    items = rows.groupby("output_item")["token_accuracy"].mean()
    quarter = max(1, len(items) // 4)
    return float(items.iloc[:quarter].mean()), float(items.iloc[-quarter:].mean())


def _ends_of_answers(
    pairs: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> tuple[float, float]:
    ends: tuple[list[bool], list[bool]] = ([], [])
    for answer, target in pairs:
        right = [one == other for one, other in zip(answer, target, strict=False)]
        quarter = max(1, len(right) // 4)
        ends[0].extend(right[:quarter])
        ends[1].extend(right[-quarter:])
    if not ends[0]:
        return float("nan"), float("nan")
    return sum(ends[0]) / len(ends[0]), sum(ends[1]) / len(ends[1])


def loops(answer: Sequence[int], target: Sequence[int]) -> bool:
    """Tell if an answer ends with a block at least twice in a row, and is mostly wrong there."""
    for period in range(1, len(answer) // 2 + 1):
        repeated = 0
        while (
            repeated + period < len(answer)
            and answer[-1 - repeated] == answer[-1 - repeated - period]
        ):
            repeated += 1
        tail = repeated + period
        # A sorted answer may well end with a symbol many times.
        wrong = sum(a != b for a, b in zip(answer[-tail:], target[-tail:], strict=False))
        if repeated >= max(period, LEAST_REPEATED) and 2 * wrong > tail:
            return True
    return False
