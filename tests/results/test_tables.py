import io
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from results.errors import ResultsError
from results.schema.columns import LARGEST_INTEGER
from results.schema.layout import columns_of
from results.schema.rows import planned
from results.store import checked_json as sealed
from results.store import checksums
from results.store.checksums import CHECKSUMS, READ_ATTEMPTS, checksum
from results.store.csv_files import ACCURACY, ROW_TYPES, SAMPLES, THROUGHPUT
from results.store.folder import open_store
from results.tables import locate_results, read_accuracy, read_samples, read_throughput
from tests.rows import failed, filled_store, run_rows, throughput_row

READERS = {ACCURACY: read_accuracy, SAMPLES: read_samples, THROUGHPUT: read_throughput}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = run_rows("a", lengths=(10, 20, 30))
    store = filled_store(tmp_path, rows[:2])
    store.extend_plan(map(planned, rows))
    store.write_failure(failed(rows[2]))
    store.write_throughput([throughput_row()])
    store.compile()
    return tmp_path


def write_blessed(folder: Path, name: str, content: bytes, *, rows: int | None = None) -> None:
    """Write a CSV that checksums.json knows."""
    count = content.count(b"\n") - 1 if rows is None else rows
    (folder / name).write_bytes(content)
    (folder / CHECKSUMS).write_bytes(sealed.seal({name: {checksum(content): count}}))


@pytest.mark.parametrize("name", READERS)
def test_tables_have_the_types_of_the_schema(folder: Path, name: str) -> None:
    frame = READERS[name](folder)
    columns = columns_of(ROW_TYPES[name])
    assert list(frame.columns) == [item.name for item in columns]
    wanted = {str: "string", int: "Int64", float: "float64"}
    assert [str(kind) for kind in frame.dtypes] == [wanted[item.kind] for item in columns]
    assert len(frame) > 0


def test_tables_hold_the_values(folder: Path) -> None:
    frame = read_accuracy(folder)
    assert frame["token_accuracy"].tolist()[:2] == [1 / 10, 1 / 20]
    assert frame["token_accuracy"].isna().tolist() == [False, False, True]
    assert frame["threads"].isna().all()
    assert frame["error"].isna().tolist() == [True, True, False]
    assert frame["distinct_sources"].tolist() == [LARGEST_INTEGER] * 3
    assert frame["status"].tolist() == ["ok", "ok", "diverged"]
    assert read_samples(folder)["source"].tolist() == ["3 1 2"] * 4


def test_empty_tables_keep_their_types(tmp_path: Path) -> None:
    open_store(tmp_path, create=True).compile()
    frame = read_accuracy(tmp_path)
    assert len(frame) == 0
    assert {str(kind) for kind in frame.dtypes} == {"string", "Int64", "float64"}


def damaged(content: bytes) -> Iterable[bytes]:
    boundary = content.rstrip(b"\n").rindex(b"\n") + 1
    yield content[:-9]
    yield content[:boundary]
    yield b""
    yield content + content[boundary:]
    yield content.replace(b",0.1,", b",0.9,")
    chance = random.Random(4)
    yield from (content[: chance.randrange(len(content))] for _ in range(50))
    for _ in range(50):
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)


def check_refuses_damage(read: Callable[[Path], Any], folder: Path) -> None:
    content = (folder / ACCURACY).read_bytes()
    for bad in damaged(content):
        assert bad != content
        (folder / ACCURACY).write_bytes(bad)
        with pytest.raises(ResultsError, match=r"accuracy\.csv: truncated .*; repeat the command"):
            read(folder)
    (folder / ACCURACY).write_bytes(content)
    read(folder)


def test_damaged_csv_is_refused(folder: Path) -> None:
    check_refuses_damage(read_accuracy, folder)


def test_damage_check_rejects_pandas_alone(folder: Path) -> None:
    with pytest.raises(pytest.fail.Exception):
        check_refuses_damage(lambda path: pd.read_csv(path / ACCURACY), folder)


def test_number_of_rows_is_verified(folder: Path) -> None:
    write_blessed(folder, ACCURACY, (folder / ACCURACY).read_bytes(), rows=4)
    with pytest.raises(ResultsError, match=r"accuracy\.csv: 3 rows, not 4; repeat the command"):
        read_accuracy(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("length,status,config_id,", "length,config_id,", "columns: missing status"),
        ("task,model", "job,model", "columns: missing task; unknown job"),
        (",0.1,", ",1.1,", "line 2: token_accuracy: a fraction from 0 to 1 is needed, not 1.1"),
        (",0.1,", ",none,", "line 2: token_accuracy: 'none' is not a finite number"),
        (",ok,", ",fine,", "line 2: status: one of ok"),
        (",ok,", ",", "line 2: 67 cells, not 68"),
        ("copy", '"copy', "not a CSV"),
        ("copy", "cop\udcff", "not a CSV"),
    ],
)
def test_schema_is_checked(folder: Path, old: str, new: str, message: str) -> None:
    text = (folder / ACCURACY).read_text(encoding="utf-8")
    changed = text.replace(old, new, 1).encode("utf-8", "surrogateescape")
    write_blessed(folder, ACCURACY, changed)
    with pytest.raises(ResultsError) as caught:
        read_accuracy(folder)
    assert f"{folder / ACCURACY}: {message}" in str(caught.value)
    assert str(caught.value).endswith("; repeat the command that wrote it")


def test_another_schema_version_is_refused(folder: Path) -> None:
    frame = pd.read_csv(folder / ACCURACY, dtype=str).assign(schema_version="2", new_column="x")
    text = io.StringIO()
    frame.to_csv(text, index=False)
    write_blessed(folder, ACCURACY, text.getvalue().encode())
    with pytest.raises(ResultsError, match=r"accuracy\.csv: of schema version 2, not 1"):
        read_accuracy(folder)
    bad = (folder / CHECKSUMS).read_bytes().replace(b'version":1', b'version":2', 1)
    (folder / CHECKSUMS).write_bytes(bad)
    with pytest.raises(ResultsError, match="of another schema version"):
        read_accuracy(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be verified, checksums.json cannot be read: No such file"),
        (b"", "cannot be verified, checksums.json: the file is empty"),
        (b"{}", "cannot be verified, checksums.json: it is damaged"),
        (sealed.seal([]), "cannot be verified, checksums.json: it does not hold"),
        (sealed.seal({"accuracy.csv": 3}), "cannot be verified, checksums.json: it does not hold"),
        (sealed.seal({}), "truncated or edited"),
    ],
)
def test_checksums_are_needed(folder: Path, content: bytes | None, message: str) -> None:
    if content is None:
        (folder / CHECKSUMS).unlink()
    else:
        (folder / CHECKSUMS).write_bytes(content)
    with pytest.raises(ResultsError) as caught:
        read_accuracy(folder)
    assert f"accuracy.csv: {message}" in str(caught.value)


def test_absent_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"accuracy\.csv: cannot be read: No such file"):
        read_accuracy(tmp_path)


def test_reading_tries_again_while_files_are_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = checksums.load_versions(folder)
    answers = iter([*[{}] * (READ_ATTEMPTS - 1), versions, *[{}] * READ_ATTEMPTS])
    monkeypatch.setattr(checksums, "load_versions", lambda folder: next(answers))
    assert len(read_accuracy(folder)) == 3
    with pytest.raises(ResultsError, match="truncated or edited"):
        read_accuracy(folder)


def test_results_are_located(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reference = tmp_path / "reference"
    (tmp_path / "results").mkdir()
    for given in (None, Path("results"), Path("elsewhere")):
        with pytest.raises(ResultsError, match=r"no results.*: run python -m bench\.run"):
            locate_results(given, reference=reference)
    reference.mkdir()
    (reference / ACCURACY).touch()
    assert locate_results(reference=reference) == reference
    (tmp_path / "results" / THROUGHPUT).touch()
    assert locate_results(reference=reference) == reference
    assert locate_results(Path("results"), reference=reference) == Path("results")
    (tmp_path / "results" / ACCURACY).touch()
    assert locate_results(reference=reference) == Path("results")


def test_rows_of_another_table_are_refused(folder: Path) -> None:
    content = (folder / SAMPLES).read_bytes()
    write_blessed(folder, ACCURACY, content)
    with pytest.raises(ResultsError, match="columns: missing status"):
        read_accuracy(folder)
