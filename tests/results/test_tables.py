"""The CSVs come as tables with the types of the schema, from the folder that is meant."""

from pathlib import Path

import pandas as pd
import pytest

from results.errors import ResultsError
from results.schema.columns import LARGEST_INTEGER, columns_of
from results.store.csv_files import ACCURACY, POSITIONS, ROW_TYPES, SAMPLES, THROUGHPUT
from results.store.folder import open_store
from results.tables import (
    locate_results,
    parse_ids,
    read_accuracy,
    read_columns,
    read_samples,
    read_throughput,
)
from tests.rows import failed, results_folder, run_rows, throughput_row

READERS = {ACCURACY: read_accuracy, SAMPLES: read_samples, THROUGHPUT: read_throughput}


@pytest.fixture
def folder(tmp_path):
    *done, last = run_rows("a", lengths=(10, 20, 30))
    return results_folder(tmp_path, *done, failed(last), timings=[throughput_row()])


@pytest.mark.parametrize("name", READERS)
def test_tables_have_the_types_of_the_schema_with_rows_or_none(folder, tmp_path, name):
    columns = columns_of(ROW_TYPES[name])
    wanted = {str: "string", int: "Int64", float: "float64"}
    empty = open_store(tmp_path / "empty", create=True)
    empty.compile()
    empty.write_throughput([])
    for path, rows in (
        (folder, {ACCURACY: 3, SAMPLES: 4, THROUGHPUT: 1}[name]),
        (tmp_path / "empty", 0),
    ):
        frame = READERS[name](path)
        assert list(frame.columns) == [item.name for item in columns]
        assert [str(kind) for kind in frame.dtypes] == [wanted[item.kind] for item in columns]
        assert len(frame) == rows


def test_tables_have_the_values(folder):
    frame = read_accuracy(folder)
    assert frame["token_accuracy"].tolist()[:2] == [1 / 10, 1 / 20]
    assert frame["token_accuracy"].isna().tolist() == [False, False, True]
    assert frame["threads"].isna().all()
    assert frame["error"].isna().tolist() == [True, True, False]
    assert frame["distinct_sources"].tolist() == [LARGEST_INTEGER] * 3
    assert frame["status"].tolist() == ["ok", "ok", "diverged"]
    assert [parse_ids(text) for text in read_samples(folder)["source"]] == [(3, 1, 2)] * 4
    with pytest.raises(ResultsError, match=r"samples\.csv: 'x' is not a symbol id"):
        parse_ids("3 x")


def test_some_columns_are_read_quickly_and_alike(folder, tmp_path):
    """Held to their checksum; a column of a later version is empty, an absent table too."""
    names = ["model", "length", "token_accuracy", "error"]
    whole = read_accuracy(folder)
    pd.testing.assert_frame_equal(read_columns(folder, ACCURACY, names), whole[names])
    assert read_columns(folder, POSITIONS, ["task"]).empty
    path = folder / SAMPLES
    path.write_text(path.read_text().replace("3 1 2", "3 1 3"))
    with pytest.raises(ResultsError, match=r"samples\.csv: truncated or edited"):
        read_columns(folder, SAMPLES, ["answer"])
    named = results_folder(tmp_path / "named", *run_rows("NA", lengths=(10,)))
    assert read_columns(named, ACCURACY, ["model"])["model"].tolist() == ["NA"]


def test_results_are_located(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reference = tmp_path / "reference"
    (tmp_path / "results").mkdir()
    for given in (None, Path("results"), Path("elsewhere")):
        with pytest.raises(ResultsError, match=r"no results.*: run python -m bench\.run"):
            locate_results(given, reference=reference)
    reference.mkdir()
    (reference / ACCURACY).touch()
    (tmp_path / "results" / THROUGHPUT).touch()
    assert locate_results(reference=reference) == reference
    assert locate_results(Path("results"), reference=reference) == Path("results")
    (tmp_path / "results" / ACCURACY).touch()
    assert locate_results(reference=reference) == Path("results")
