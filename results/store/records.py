"""Records: one evaluated stage, its row and its samples; and the plan, as sealed documents."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results.errors import ResultsError
from results.schema.columns import columns_of, from_json, to_json
from results.schema.rows import OK, AccuracyRow, SampleRow, StageRow
from results.store.checked_json import seal, unseal

SHARED_COLUMNS = tuple(item.name for item in columns_of(StageRow))
SAMPLE_COLUMNS = ("sample", "source", "target", "answer")
_stage = operator.attrgetter(*SHARED_COLUMNS)


@dataclass(frozen=True)
class Record:
    """A row of accuracy.csv and the samples that belong to it."""

    row: AccuracyRow
    # None where the stage failed: there is no model to ask.
    samples: tuple[SampleRow, ...] = ()

    def __post_init__(self) -> None:
        if self.samples and self.row.status != OK:
            raise ResultsError(f"samples: none are allowed where status is {self.row.status}")
        for sample in self.samples:
            if _stage(sample) != _stage(self.row):
                raise ResultsError(
                    f"samples: one is of {_stage(sample)}, its row is of {_stage(self.row)}"
                )


def stage_columns(row: AccuracyRow | StageRow) -> dict[str, Any]:
    """Pick the columns that every row of a finer table shares with its row of accuracy.csv."""
    return dict(zip(SHARED_COLUMNS, _stage(row), strict=True))


def render_record(record: Record) -> bytes:
    """Write a record as a document."""
    # Samples do not repeat what their row says, which would be most of the file.
    samples = [
        {name: getattr(sample, name) for name in SAMPLE_COLUMNS} for sample in record.samples
    ]
    return seal({"row": to_json(record.row), "samples": samples})


def parse_record(content: bytes, *, record_id: str) -> Record:
    """Read a document as the record of this id; refuse one that is damaged or of another."""
    body = unseal(content)
    if not isinstance(body, dict) or set(body) != {"row", "samples"}:
        raise ResultsError("it does not hold a row and samples")
    try:
        row = from_json(AccuracyRow, body["row"])
        stage = stage_columns(row)
        samples = tuple(from_json(SampleRow, stage | values) for values in body["samples"])
    except TypeError:
        raise ResultsError("its samples are not objects") from None
    if row.record_id != record_id:
        raise ResultsError(f"it holds record {row.record_id}, not the one in its name")
    return Record(row, samples)


def render_plan(rows: Sequence[AccuracyRow]) -> bytes:
    """Write planned rows as a document."""
    # More than half of the columns of a planned row are empty, and are left out.
    stated = [
        {name: value for name, value in to_json(row).items() if value is not None} for row in rows
    ]
    return seal({"rows": stated})


def parse_plan(content: bytes) -> tuple[AccuracyRow, ...]:
    """Read a document as planned rows; refuse a damaged one."""
    body = unseal(content)
    try:
        return tuple(from_json(AccuracyRow, values) for values in body["rows"])
    except (KeyError, TypeError):
        raise ResultsError("it does not hold planned rows") from None
