"""What a results folder shows of each planned row."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from results.schema.rows import AccuracyRow
from results.store.records import Record


def outcomes(
    plan: Iterable[AccuracyRow],
    *,
    read_record: Callable[[str], Record | None],
    failures: Mapping[str, AccuracyRow],
) -> Iterator[tuple[str, AccuracyRow | None]]:
    """Yield the record_id and the row to show of each planned row; None where nothing is known.

    A row without record or failure of its own is shown as planned, not_reached, where its model
    run has failed at its train_length or a smaller one.

    Args:
        read_record: Gives the record of an id, or None.
        failures: Failed rows that no record supersedes, by record_id.
    """
    failed_at = _first_failures(failures.values())
    for row in plan:
        record = read_record(row.record_id)
        if record is not None:
            yield row.record_id, record.row
        elif row.record_id in failures:
            yield row.record_id, failures[row.record_id]
        elif row.run_id in failed_at and failed_at[row.run_id] <= row.train_length:
            yield row.record_id, row
        else:
            yield row.record_id, None


def _first_failures(failures: Iterable[AccuracyRow]) -> dict[str, int]:
    """Return the smallest train_length that failed, by run_id."""
    first: dict[str, int] = {}
    for row in failures:
        first[row.run_id] = min(row.train_length, first.get(row.run_id, row.train_length))
    return first


def csv_order(row: AccuracyRow) -> tuple[str, str, str, str, int, int, int, str]:
    """Return the key by which accuracy.csv is sorted."""
    return (
        row.task,
        row.model,
        row.protocol,
        row.config_id,
        row.seed,
        row.train_length,
        row.length,
        row.record_id,
    )
