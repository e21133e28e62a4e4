"""What probes found comes back exactly, is set aside where damaged, and becomes the CSVs."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.errors import ResultsError
from results.schema.columns import columns_of
from results.schema.probe_rows import CONTEXT, MAP_MEASURES, MapRow, ProbeRow
from results.schema.rows import AccuracyRow
from results.store.checked_json import seal, unseal
from results.store.csv_files import ERRORS, INFLUENCE, MAPS, PROBE_TABLES, SAMPLES, read_rows
from results.store.probes import PROBES, ProbeRecord, ProbeStore
from results.store.records import SHARED_COLUMNS, stage_columns
from results.tables import read_probes
from tests.results.store.harm import files_in, full_disk, times_in
from tests.rows import accuracy_row, error_row, influence_row, rows_of, sample_of

VERSION = 3


def tables_of(row: AccuracyRow) -> dict[str, tuple[ProbeRow, ...]]:
    influence = influence_row(row, CONTEXT, 1, -0.25)
    aligned = replace(influence, measure="gradient", aligned_effect=12.5)
    place = stage_columns(row) | {"output_item": 2, "source_item": 1, "value": 1e-30}
    maps = [MapRow(**place, measure=measure) for measure in MAP_MEASURES]
    return {ERRORS: (error_row(row),), INFLUENCE: (influence, aligned), MAPS: tuple(maps)}


def record_of(row: AccuracyRow, *, version: int = VERSION) -> ProbeRecord:
    return ProbeRecord(row.record_id, version, tables_of(row))


def store_of(folder: Path, *rows: AccuracyRow, version: int = VERSION) -> ProbeStore:
    store = ProbeStore(folder, version=version)
    for row in rows:
        store.write(record_of(row, version=version))
    return store


def probe_file(folder: Path, record_id: str = "record0") -> Path:
    return folder / PROBES / f"{record_id}.json"


@pytest.mark.parametrize("name", PROBE_TABLES)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_any_row_comes_back(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("probes")
    record = ProbeRecord("record0", VERSION, {name: (data.draw(rows_of(PROBE_TABLES[name])),)})
    store_of(folder).write(record)
    assert repr(store_of(folder).read("record0")) == repr(record)
    store_of(folder).compile(["record0"])
    assert read_rows(folder, name) == record.tables[name]


def test_later_findings_replace_earlier_ones_and_another_version_is_absent(tmp_path):
    row = accuracy_row(config_id="a-long-name")
    store_of(tmp_path, row, version=2)
    store = store_of(tmp_path)
    assert store.read("record0") is None
    assert (store.version_of("record0"), store.version_of("record1")) == (2, None)
    store.compile(["record0"])
    assert (read_rows(tmp_path, ERRORS), store.notices) == ((), [])
    few = ProbeRecord("record0", VERSION, {ERRORS: tables_of(row)[ERRORS]})
    for record in (few, record_of(row)):
        store.write(record)
        assert store.read("record0") == record
    assert store.read("record1") is None
    # Rows do not repeat their stage.
    assert probe_file(tmp_path).read_bytes().count(b"a-long-name") == 1


NOT_HELD = "it does not hold record_id, stage, tables, version"
BAD_ROWS: list[Any] = [[], 3, [3], [[1.0, 2.0]], [["x", 0.0, 0.0, 0.0, 1]]]
BAD: list[tuple[Any, str]] = [
    (b"", "the file is empty"),
    *((content, "it is damaged, or was not written") for content in (b"{}", b"\0" * 50)),
    *((changes, NOT_HELD) for changes in (seal([]), {"more": 1})),
    ({"record_id": "record1"}, "it holds record record1, not the one in its name"),
    *(
        (changes, "it holds a row or a table that is not of a probe")
        for changes in (
            *({"stage": it} for it in (None, {}, {"task": "copy", "wrong_items": 3.0})),
            *({"tables": it} for it in ([], {SAMPLES: []})),
            *({"tables": {ERRORS: it}} for it in (*BAD_ROWS, [[0.0, 0.0, 0.0, 0.0, -1]])),
        )
    ),
]


def test_bad_file_is_named_and_set_aside(tmp_path):
    path = probe_file(tmp_path)
    for changes, message in BAD:
        store, content = store_of(tmp_path, accuracy_row()), changes
        if isinstance(changes, dict):
            content = seal(unseal(path.read_bytes()) | changes)
        path.write_bytes(content)
        viewed = ProbeStore(tmp_path, version=VERSION, is_read_only=True)
        for each in (viewed, viewed, store, store):
            assert each.read("record0") is None
            assert path.exists() == (each is viewed)
        aside = path.with_name("record0.json.rejected")
        assert aside.read_bytes() == content
        aside.unlink()
        for (notice,) in (viewed.notices, store.notices):
            assert notice.startswith(f"{path}: not used: {message}")


def test_records_of_two_stages_or_other_tables_are_refused():
    row = accuracy_row()
    for name in SHARED_COLUMNS:
        value = getattr(row, name)
        other = replace(row, **{name: "other" if isinstance(value, str) else value + 1})
        for mixed in (
            {**tables_of(row), MAPS: tables_of(other)[MAPS]},
            {ERRORS: (error_row(row), error_row(other))},
        ):
            with pytest.raises(ResultsError, match="rows of one stage are needed, not of 2"):
                ProbeRecord("record0", VERSION, mixed)
    foreign: Any = {SAMPLES: (sample_of(row, 0),), **tables_of(row)}
    with pytest.raises(ResultsError, match=r"tables: samples\.csv: not the table of a probe"):
        ProbeRecord("record0", VERSION, foreign)


def test_tables_are_compiled_in_the_order_of_the_records(tmp_path):
    rows = [accuracy_row(record_id=name, seed=seed) for seed, name in enumerate("bcad")]
    for name, row_type in PROBE_TABLES.items():
        frame = read_probes(tmp_path, name)
        assert (len(frame), [*frame.columns]) == (0, [item.name for item in columns_of(row_type)])
    store = store_of(tmp_path, *rows)
    probe_file(tmp_path, "d").write_bytes(b"{")
    store.compile([*"bcad", "absent"])
    for name in tables_of(rows[0]):
        found = tuple(found for row in rows[:3] for found in tables_of(row)[name])
        assert read_rows(tmp_path, name) == found
        assert len(read_probes(tmp_path, name)) == len(found)
    assert read_probes(tmp_path, ERRORS)["wrong_items"].tolist() == [1 / 3] * 3
    assert read_probes(tmp_path, INFLUENCE)["aligned_effect"].isna().tolist() == [True, False] * 3
    states = times_in(tmp_path)
    store_of(tmp_path).compile("bca")
    assert times_in(tmp_path) == states
    # What is no longer planned is not compiled.
    store.compile("b")
    assert len(read_rows(tmp_path, MAPS)) == len(MAP_MEASURES)


def test_what_cannot_be_written_is_named_and_leaves_the_old_files(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    store = store_of(folder, accuracy_row())
    store.compile(["record0"])
    before = files_in(folder)
    writes = (lambda: store.write(record_of(accuracy_row(seed=5))), lambda: store.compile([]))
    for write in writes:
        with full_disk(), pytest.raises(ResultsError) as caught:
            write()
        assert str(caught.value) == f"{folder}: cannot be written: No space left on device"
    assert files_in(folder) == before
    shutil.rmtree(folder)
    for write in writes:
        with pytest.raises(ResultsError, match=r"results.*: cannot be .*: No such file"):
            write()
