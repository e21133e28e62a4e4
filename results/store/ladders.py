"""Two trainings of one length, after other lengths before it, do not belong into one curve."""

from collections.abc import Iterable

from results.schema.rows import AccuracyRow

_Point = tuple[str, str, str, int, int, int]


def trained_otherwise(
    present: Iterable[AccuracyRow], wanted: Iterable[AccuracyRow]
) -> AccuracyRow | None:
    """Return the first wanted row whose length is present at the end of another path of lengths."""
    stages = {_point(row): row.stage_id for row in present}
    for row in wanted:
        if stages.get(_point(row), row.stage_id) != row.stage_id:
            return row
    return None


def _point(row: AccuracyRow) -> _Point:
    train_length = 0 if row.protocol == "mixed" else row.train_length
    return (row.task, row.model, row.config_id, row.seed, train_length, row.length)
