"""Records: one evaluated stage, its row and its samples, as one sealed JSON document each."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass

from results.errors import ResultsError
from results.schema.columns import from_json, to_json
from results.schema.layout import columns_of
from results.schema.rows import OK, AccuracyRow, SampleRow
from results.store.checked_json import seal, unseal

SHARED_COLUMNS = ("task", "model", "protocol", "seed", "train_length", "length", "config_id")
SAMPLE_COLUMNS = ("sample", "source", "target", "answer")
_stage = operator.attrgetter(*SHARED_COLUMNS)


@dataclass(frozen=True)
class Record:
    """A row of accuracy.csv and the samples that belong to it."""

    row: AccuracyRow
    samples: tuple[SampleRow, ...] = ()

    def __post_init__(self) -> None:
        if self.samples and self.row.status != OK:
            raise ResultsError(f"samples: none are allowed where status is {self.row.status}")
        stage = _stage(self.row)
        for index, sample in enumerate(self.samples):
            if _stage(sample) != stage:
                raise ResultsError(
                    f"samples: sample {index} is of {_stage(sample)}, its row is of {stage}"
                )


def render_record(record: Record) -> bytes:
    """Return the bytes of the record's file; samples do not repeat what their row says."""
    samples = [
        {name: getattr(sample, name) for name in SAMPLE_COLUMNS} for sample in record.samples
    ]
    return seal({"row": to_json(record.row), "samples": samples})


def parse_record(content: bytes, *, record_id: str) -> Record:
    """Turn the bytes of a record's file back into the record.

    Raises:
        ResultsError: The file is damaged, of another schema version, or holds another record.
    """
    body = unseal(content)
    if not isinstance(body, dict) or set(body) != {"row", "samples"}:
        raise ResultsError("it does not hold a row and samples")
    if not isinstance(body["samples"], list):
        raise ResultsError("its samples are not a list")
    row = from_json(AccuracyRow, body["row"])
    if row.record_id != record_id:
        raise ResultsError(f"it holds record {row.record_id}, not the one in its name")
    return Record(row, tuple(_sample(row, values) for values in body["samples"]))


def _sample(row: AccuracyRow, values: object) -> SampleRow:
    if not isinstance(values, dict) or values.keys() != set(SAMPLE_COLUMNS):
        raise ResultsError(f"a sample does not hold {', '.join(SAMPLE_COLUMNS)}")
    return from_json(SampleRow, dict(zip(SHARED_COLUMNS, _stage(row), strict=True)) | values)


def render_plan(rows: Sequence[AccuracyRow]) -> bytes:
    """Return the bytes of plan.json; empty columns are left out."""
    stated = [
        {name: value for name, value in to_json(row).items() if value is not None} for row in rows
    ]
    return seal({"rows": stated})


def parse_plan(content: bytes) -> tuple[AccuracyRow, ...]:
    """Turn the bytes of plan.json back into its rows.

    Raises:
        ResultsError: The file is damaged or of another schema version.
    """
    body = unseal(content)
    if not isinstance(body, dict) or not isinstance(body.get("rows"), list):
        raise ResultsError("it does not hold a list of rows")
    empty = {item.name: None for item in columns_of(AccuracyRow) if item.is_optional}
    rows = []
    for values in body["rows"]:
        if not isinstance(values, dict):
            raise ResultsError("it holds a row that is not an object")
        rows.append(from_json(AccuracyRow, empty | values))
    return tuple(rows)
