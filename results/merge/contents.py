"""What results folders hold, joined: the same in whatever order, grouping or repetition.

Of two that share an id the content alone decides which is kept, never whose folder came first.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from results.schema.columns import to_json
from results.schema.layout import columns_of
from results.schema.rows import (
    OK,
    PROVENANCE_COLUMNS,
    STEADY,
    TIME_COLUMNS,
    AccuracyRow,
    ThroughputRow,
)
from results.store.checked_json import seal
from results.store.outcomes import csv_order
from results.store.probes import ProbeRecord, render_probes
from results.store.records import Record, render_record

# The same training says the same again, but for when, where and at which attempt it was done.
MAY_DIFFER = (*TIME_COLUMNS, *PROVENANCE_COLUMNS, "attempts")
_NOTHING = "nothing"

Kept = TypeVar("Kept")
Order = tuple[Any, ...]


@dataclass(frozen=True)
class Contents:
    """What a results folder holds of its plan.

    Attributes:
        plan: Planned rows by record_id.
        records: Evaluated stages by record_id.
        failures: Failed rows that no record supersedes, by record_id.
        probes: What probes found, by record_id.
        timings: Rows of throughput.csv by THROUGHPUT_KEY.
    """

    plan: Mapping[str, AccuracyRow] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    failures: Mapping[str, AccuracyRow] = field(default_factory=dict)
    probes: Mapping[str, ProbeRecord] = field(default_factory=dict)
    timings: Mapping[Order, ThroughputRow] = field(default_factory=dict)


def joined(contents: Iterable[Contents]) -> Contents:
    """Return what several folders hold together; of two that are the same, the first one's."""
    parts = tuple(contents)
    records = _first(record_order, (part.records for part in parts))
    failures = _first(_failure_order, (part.failures for part in parts))
    return Contents(
        plan=_first(_row_order, (part.plan for part in parts)),
        records=records,
        failures={name: row for name, row in failures.items() if name not in records},
        probes=_first(_probe_order, (part.probes for part in parts)),
        timings=_first(_timing_order, (part.timings for part in parts)),
    )


def joined_plan(present: Iterable[AccuracyRow], more: Iterable[AccuracyRow]) -> list[AccuracyRow]:
    """Return the rows of two plans, each id once, in the order of accuracy.csv."""
    plans = ({row.record_id: row for row in rows} for rows in (present, more))
    return sorted(_first(_row_order, plans).values(), key=csv_order)


def _first(
    order: Callable[[Kept], Order], mappings: Iterable[Mapping[Any, Kept]]
) -> dict[Any, Kept]:
    """Return the values of several mappings, of those with one key the first in an order."""
    found: dict[Any, list[Kept]] = {}
    for name, value in itertools.chain.from_iterable(mapping.items() for mapping in mappings):
        found.setdefault(name, []).append(value)
    # Rendering is what takes time: most ids have one value.
    return {
        name: values[0] if len(values) == 1 else min(values, key=order)
        for name, values in found.items()
    }


# Every order ends with the sealed bytes, so that only the same content is equal in it. They begin
# with a checksum, which is as good as chance: no order may prefer a score.


def record_order(record: Record) -> Order:
    """Return the key by which the record to keep comes first.

    Provenance first, so that where two machines disagree one of them has the whole curve.
    """
    return (_provenance(record.row), render_record(record))


def _failure_order(row: AccuracyRow) -> Order:
    return (-row.attempts, _row_order(row))


def _row_order(row: AccuracyRow) -> Order:
    return (seal(to_json(row)),)


def _probe_order(record: ProbeRecord) -> Order:
    return (-len(record.tables), render_probes(record))


def _timing_order(row: ThroughputRow) -> Order:
    # Timings are for comparing models: they come from one machine as far as they can.
    return (row.status != OK, _provenance(row), row.noise != STEADY, seal(to_json(row)))


def _provenance(row: AccuracyRow | ThroughputRow) -> tuple[str, ...]:
    return tuple(str(getattr(row, name) or "") for name in PROVENANCE_COLUMNS)


@dataclass(frozen=True)
class Dispute:
    """A record that differs from the one kept in more than when, where and how often.

    Attributes:
        kept: The record kept.
        other: The record that is not.
    """

    kept: Record
    other: Record

    def differences(self) -> Iterator[tuple[str, str, str]]:
        """Yield the name of each column that differs, and what both have there."""
        for item in columns_of(AccuracyRow):
            values = [getattr(record.row, item.name) for record in (self.kept, self.other)]
            if item.name not in MAY_DIFFER and values[0] != values[1]:
                kept, other = (_NOTHING if value is None else str(value) for value in values)
                yield item.name, kept, other
        if self.kept.samples != self.other.samples:
            yield "samples", "these", "others"

    def describe(self, *, kept_in: str, other_in: str) -> str:
        """Say in one line which record it is, what differs, and whose is kept."""
        row = self.kept.row
        (name, kept, other), *more = self.differences()
        rest = f"; {1 + len(more)} columns differ" if more else ""
        return (
            f"{row.task}, {row.model}, seed {row.seed}, length {row.length}: {name}: "
            f"{kept} in {kept_in}, which is kept, {other} in {other_in}{rest}"
        )


def disputes(part: Contents, kept: Mapping[str, Record]) -> dict[str, Dispute]:
    """Return the records of a folder that say something else than those kept, by record_id."""
    found = {
        name: Dispute(kept[name], record)
        for name, record in part.records.items()
        if record is not kept[name]
    }
    return {name: dispute for name, dispute in found.items() if any(dispute.differences())}
