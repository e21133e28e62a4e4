"""Records come back exactly, and every damage to one is detected, named and kept."""

import json
import random
from collections.abc import Iterable

import pytest

from results.errors import ResultsError
from results.schema.columns import to_json
from results.schema.rows import OK
from results.store.checked_json import seal
from results.store.folder import open_store
from results.store.records import Record, parse_record, render_record
from tests.rows import accuracy_row, failed, filled_store, sample_of

ROW = accuracy_row()
EXAMPLE = Record(ROW, (sample_of(ROW, 0), sample_of(ROW, 1)))
WHOLE = render_record(EXAMPLE)


DAMAGED, NOT_OURS = "it is damaged: the checksum does not match", "it is damaged, or was not"
VERSION = "it is of schema version 2, not 1"


def cut_or_flipped() -> Iterable[bytes]:
    yield from (WHOLE[:end] for end in range(len(WHOLE)))
    draw = random.Random(20)
    for _ in range(200):
        flipped = bytearray(WHOLE)
        flipped[draw.randrange(len(WHOLE))] ^= 1 << draw.randrange(8)
        yield bytes(flipped)


def foreign() -> Iterable[tuple[bytes, str]]:
    """Files that no store wrote, some of them with a right checksum, and why each is refused."""
    body = json.loads(WHOLE)["body"]
    (sample, _), row = body["samples"], body["row"]
    yield b"", "the file is empty"
    yield b"[" * 100_000, NOT_OURS
    yield b'{"schema_version":1,"checksum":"' + b"0" * 64 + b'","body":{}}\n', DAMAGED
    yield json.dumps(json.loads(WHOLE)).encode(), NOT_OURS
    yield WHOLE.replace(b'"schema_version":1', b'"schema_version":2', 1), VERSION
    yield WHOLE + b"\n", NOT_OURS
    yield WHOLE + WHOLE, DAMAGED
    yield WHOLE.replace(b"\n", b"\r\n"), NOT_OURS
    for other in (None, [], {}, {"row": row}, {**body, "more": 1}):
        yield seal(other), "it does not hold a row and samples"
    for samples in (3, [3]):
        yield seal({**body, "samples": samples}), "its samples are not objects"
    yield seal({**body, "samples": [{"sample": 0}]}), "columns: not those of the schema: answer, "
    yield seal({**body, "samples": [{**sample, "task": "sort"}]}), "samples: one is of ('sort', "
    yield seal({**body, "row": []}), "a row must be an object, not list"
    for changes, message in (
        ({"token_accuracy": 5.0}, "token_accuracy: a fraction from 0 to 1"),
        ({"schema_version": 2}, "schema_version: 1 is needed, not 2"),
        ({"host": "x"}, "columns: not those of the schema: host"),
        ({"record_id": "record1"}, "it holds record record1, not the one in its name"),
    ):
        yield seal({"row": row | changes, "samples": []}), message
    yield render_record(Record(failed(accuracy_row()))), "a row with status diverged does not"


@pytest.mark.fault("F6")
def test_damage_is_detected(tmp_path, reached):
    damages = [*((content, "") for content in cut_or_flipped()), *foreign()]
    filled_store(tmp_path, [accuracy_row()])
    path = tmp_path / "records" / "record0.json"
    for content, message in damages:
        path.write_bytes(content)
        store = open_store(tmp_path, create=True)
        assert store.read_record("record0") is None
        (notice,) = store.take_notices()
        assert notice.startswith(f"{path}: not used: {message}")
        assert notice.endswith("; set aside as record0.json.rejected")
        assert len(notice.splitlines()) == 1
        assert store.statuses() == {"record0": "left"}
        aside = path.with_name("record0.json.rejected")
        assert aside.read_bytes() == content
        aside.unlink()
    store.write_record(accuracy_row())
    assert store.statuses() == {"record0": OK}
    text = f"record cut, flipped, foreign: {len(damages)} of {len(damages)} refused"
    reached(injected=len(damages), text=text)


def test_rejected_files_are_all_kept(tmp_path):
    store = filled_store(tmp_path, [accuracy_row()])
    folder, names = tmp_path / "records", ("", ".2", ".3")
    for name in names:
        (folder / "record0.json").write_bytes(name.encode())
        assert store.read_record("record0") is None
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        f"record0.json{name}.rejected": name.encode() for name in names
    }


def test_a_record_put_there_meanwhile_is_not_set_aside(tmp_path, monkeypatch):
    """Two commands read a bad file; one has set it aside and written a good one."""
    store = filled_store(tmp_path, [accuracy_row()])
    path = tmp_path / "records" / "record0.json"
    good = path.read_bytes()
    path.write_bytes(b"{}")

    def parse(content: bytes, *, record_id: str) -> Record:
        path.unlink()
        path.write_bytes(good)
        return parse_record(content, record_id=record_id)

    with monkeypatch.context() as patch:
        patch.setattr("results.store.folder.parse_record", parse)
        assert store.read_record("record0") is None
    assert (path.read_bytes(), store.take_notices()) == (good, ())
    assert store.read_record("record0") is not None


def test_record_comes_back(tmp_path):
    store = open_store(tmp_path, create=True)
    store.write_record(ROW, EXAMPLE.samples)
    assert store.read_record("record0") == EXAMPLE
    assert open_store(tmp_path, create=False).read_record("record0") == EXAMPLE
    content = (tmp_path / "records" / "record0.json").read_bytes()
    assert content == WHOLE
    document = json.loads(content)
    assert list(document) == ["schema_version", "checksum", "body"]
    assert document["body"]["row"] == to_json(ROW)
    texts = {"source": "3 1 2", "target": "3 1 2", "answer": "3 1 1"}
    assert document["body"]["samples"][1] == {"sample": 1} | texts


def test_samples_must_belong_to_the_row():
    row = accuracy_row()
    with pytest.raises(ResultsError, match=r"samples: one is of .*, its row is of "):
        Record(row, (sample_of(row, 0), sample_of(accuracy_row(seed=1), 1)))
    with pytest.raises(ResultsError, match="samples: none are allowed where status is diverged"):
        Record(failed(row), (sample_of(row, 0),))
