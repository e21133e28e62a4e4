import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from results.errors import ResultsError
from results.schema.columns import from_json, to_json
from results.schema.rows import OK, AccuracyRow
from results.store import checked_json as sealed
from results.store.folder import open_store
from results.store.records import Record, parse_record, render_record
from tests.rows import accuracy_row, example_record, failed, filled_store, sample_of

Parse = Callable[..., Any]


def cut_everywhere(content: bytes) -> Iterable[bytes]:
    return (content[:end] for end in range(len(content)))


def with_flipped_bits(content: bytes) -> Iterable[bytes]:
    chance = random.Random(20)
    for _ in range(200):
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)


def resealed(**changes: Any) -> bytes:
    """Return a record with a right checksum over a changed row."""
    row = to_json(accuracy_row()) | changes
    return sealed.seal({"row": row, "samples": []})


def foreign(content: bytes) -> Iterable[bytes]:
    body = json.loads(content)["body"]
    sample = body["samples"][0]
    yield b""
    yield b"\n"
    yield b"[" * 100_000
    yield b'{"schema_version":1,"checksum":"' + b"0" * 64 + b'","body":{}}\n'
    yield from (json.dumps(value).encode() for value in (None, 3, [], {}, {"a": 1}, body))
    yield json.dumps(json.loads(content)).encode()
    yield json.dumps(json.loads(content) | {"schema_version": 2}).encode()
    yield content.replace(b'"schema_version":1', b'"schema_version":2', 1)
    yield content.replace(b'"schema_version":1', b'"schema_version":01', 1)
    yield content + b"\n"
    yield content + content
    yield content.replace(b"\n", b"\r\n")
    yield from map(sealed.seal, (None, [], {}, {"row": body["row"]}, {**body, "more": 1}))
    yield sealed.seal({**body, "samples": {}})
    yield sealed.seal({**body, "samples": [{**sample, "task": "sort"}]})
    yield sealed.seal({**body, "samples": [{"sample": 0}]})
    yield sealed.seal({**body, "row": []})
    yield resealed(token_accuracy=5.0)
    yield resealed(token_accuracy="0.5")
    yield resealed(schema_version=2)
    yield resealed(host="x")
    yield resealed(record_id="record1")
    yield render_record(Record(failed(accuracy_row())))


DAMAGES = {"cut": cut_everywhere, "flipped": with_flipped_bits, "foreign": foreign}


def check_detects_all(parse: Parse, damage: Callable[[bytes], Iterable[bytes]]) -> int:
    """Return how many damages were refused, in one line each."""
    count = 0
    for content in damage(render_record(example_record())):
        count += 1
        with pytest.raises(ResultsError) as caught:
            _refuse_failures(parse(content, record_id="record0"))
        assert len(str(caught.value).splitlines()) == 1
    return count


def _refuse_failures(record: Record) -> None:
    # A failing row is a whole record in the wrong folder: the store refuses it, not the parser.
    if record.row.status != OK:
        raise ResultsError("not among the records")


@pytest.mark.fault("F6")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_detected(damage: str, reached: Callable[..., None]) -> None:
    count = check_detects_all(parse_record, DAMAGES[damage])
    reached(injected=count, text=f"record {damage}: {count} of {count} refused")


def without_checksum(content: bytes, *, record_id: str) -> Any:
    try:
        row = json.loads(content.rstrip(b"\n"))["body"]["row"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ResultsError("no record") from None
    return Record(from_json(AccuracyRow, row))


def without_file_name(content: bytes, *, record_id: str) -> Any:
    return parse_record(content, record_id="record1" if b'"record1"' in content else record_id)


@pytest.mark.fault("F6", is_twin=True)
@pytest.mark.parametrize(
    ("broken", "damage"),
    [
        (without_checksum, "cut"),
        (without_checksum, "flipped"),
        (without_checksum, "foreign"),
        (without_file_name, "foreign"),
    ],
)
def test_detection_check_rejects_a_lenient_reader(broken: Parse, damage: str) -> None:
    with pytest.raises(pytest.fail.Exception):
        check_detects_all(broken, DAMAGES[damage])


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_records_are_set_aside(tmp_path: Path, damage: str) -> None:
    store = filled_store(tmp_path, [accuracy_row()])
    path = tmp_path / "records" / "record0.json"
    whole = path.read_bytes()
    for content in DAMAGES[damage](whole):
        path.write_bytes(content)
        store = open_store(tmp_path, create=True)
        assert store.read_record("record0") is None
        assert store.statuses() == {"record0": "left"}
        (notice,) = store.take_notices()
        assert str(path) in notice
        assert "record0.json.rejected" in notice
        assert not path.exists()
        aside = path.with_name("record0.json.rejected")
        assert aside.read_bytes() == content
        aside.unlink()
    store.write_record(accuracy_row())
    assert store.statuses() == {"record0": OK}


def test_rejected_files_are_all_kept(tmp_path: Path) -> None:
    store = filled_store(tmp_path, [accuracy_row()])
    for content in (b"1", b"2", b"3"):
        (tmp_path / "records" / "record0.json").write_bytes(content)
        assert store.read_record("record0") is None
    names = sorted(path.name for path in (tmp_path / "records").iterdir())
    assert names == [
        "record0.json.2.rejected",
        "record0.json.3.rejected",
        "record0.json.rejected",
    ]


def test_record_comes_back(tmp_path: Path) -> None:
    record = example_record()
    store = open_store(tmp_path, create=True)
    store.write_record(record.row, record.samples)
    assert store.read_record("record0") == record
    assert open_store(tmp_path, create=False).read_record("record0") == record
    document = json.loads((tmp_path / "records" / "record0.json").read_bytes())
    assert list(document) == ["schema_version", "checksum", "body"]
    assert set(document["body"]) == {"row", "samples"}


def test_samples_must_belong_to_the_row() -> None:
    row = accuracy_row()
    with pytest.raises(ResultsError, match="samples: sample 0 is of"):
        Record(row, (sample_of(accuracy_row(seed=1), 0),))
    with pytest.raises(ResultsError, match="samples: none are allowed"):
        Record(failed(row), (sample_of(row, 0),))
