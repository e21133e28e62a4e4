import re
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from results import dictionary
from results.schema.layout import columns_of
from results.schema.rows import (
    FAILING_STATUSES,
    MEASURED_COLUMNS,
    NOT_REACHED,
    OK,
    PROVENANCE_COLUMNS,
    SCORE_COLUMNS,
    SETTING_COLUMNS,
    STATUSES,
    TIME_COLUMNS,
    VERSION_COLUMNS,
    AccuracyRow,
    ThroughputRow,
    planned,
)
from results.store.csv_files import ROW_TYPES
from tests import ROOT
from tests.rows import accuracy_row

HEAVY = ("torch", "pandas", "scipy", "numpy")


def test_first_columns_are_in_the_published_order() -> None:
    names = [item.name for item in columns_of(AccuracyRow)]
    assert ", ".join(names[:13]) == (
        "task, model, protocol, seed, train_length, length, status, config_id, token_accuracy, "
        "sequence_accuracy, teacher_forced_token_accuracy, carried_bits, target_bits"
    )
    assert names[-3:] == ["run_id", "stage_id", "record_id"]
    assert len(names) == 68


def test_named_groups_of_columns_exist() -> None:
    names = {item.name for item in columns_of(AccuracyRow)}
    assert names.issuperset((*TIME_COLUMNS, *SCORE_COLUMNS, *SETTING_COLUMNS, *VERSION_COLUMNS))
    assert names.issuperset(PROVENANCE_COLUMNS)
    timed = {item.name for item in columns_of(ThroughputRow)}
    assert timed.issuperset((*MEASURED_COLUMNS, *PROVENANCE_COLUMNS))
    assert len(set(STATUSES)) == len(STATUSES)
    assert set(STATUSES) == {OK, *FAILING_STATUSES, NOT_REACHED}


@pytest.mark.parametrize("row_type", ROW_TYPES.values())
def test_columns_declare_unit_and_meaning(row_type: type) -> None:
    for item in columns_of(row_type):
        assert item.unit
        assert re.fullmatch(r"[^\n]*[^.]\.", item.meaning), item
        is_fraction = item.name.endswith(("_accuracy", "_fraction"))
        is_fraction = is_fraction and item.name != "normalised_accuracy"
        assert (item.unit == "fraction") == is_fraction, item


def test_rows_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        accuracy_row().task = "sort"  # type: ignore[misc]


def test_planned_keeps_identity_and_settings_only() -> None:
    row = planned(accuracy_row(seed=3, device_name="x", error="e"))
    assert row.status == NOT_REACHED
    assert row.attempts == 0
    assert (row.seed, row.hidden, row.record_id) == (3, 64, "record0")
    assert all(getattr(row, i.name) is None for i in columns_of(AccuracyRow) if i.is_optional)
    assert planned(row) == row


def check_dictionary(text: str) -> None:
    """Hold the text against the schema, column by column."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert list(sections) == list(ROW_TYPES)
    for name, row_type in ROW_TYPES.items():
        lines = re.findall(r"^\| (\w+) \| (\w+)(\??) \| (.+?) \| (.+) \|$", sections[name], re.M)
        assert lines[0] == ("column", "type", "", "unit", "meaning")
        for line, item in zip(lines[1:], columns_of(row_type), strict=True):
            assert line[:2] == (item.name, item.kind.__name__)
            assert (line[2] == "?") == item.is_optional
            assert line[3] == item.unit
            assert line[4].startswith(item.meaning)
            assert all(choice in line[4] for choice in item.choices)


def test_dictionary_file_agrees_with_the_schema() -> None:
    check_dictionary(dictionary.DICTIONARY.read_text(encoding="utf-8"))
    assert dictionary.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| seed | int |", "| seed | float |"),
        ("| threads | int? |", "| threads | int |"),
        ("| carried_bits | float? | bits per sequence |", "| carried_bits | float? | nats |"),
        (", killed, not_reached.", "."),
        ("## samples.csv", "## sample.csv"),
    ],
)
def test_stale_dictionary_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    text = dictionary.render_dictionary()
    stale = text.replace(old, new, 1)
    assert stale != text
    with pytest.raises(AssertionError):
        check_dictionary(stale)
    path = tmp_path / "DICTIONARY.md"
    monkeypatch.setattr(dictionary, "DICTIONARY", path)
    assert dictionary.main(["--check"]) == 1
    path.write_text(stale, encoding="utf-8")
    assert dictionary.main(["--check"]) == 1
    assert dictionary.main([]) == 0
    assert dictionary.main(["--check"]) == 0
    assert path.read_text(encoding="utf-8") == text


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def check_light(*modules: str) -> None:
    assert loaded_by(", ".join(modules)) == set()


def test_store_and_schema_load_nothing_heavy() -> None:
    check_light("results", "results.schema.rows", "results.store.folder", "results.dictionary")


def test_light_check_rejects_a_module_that_loads_pandas() -> None:
    with pytest.raises(AssertionError):
        check_light("results.tables")


def test_tables_and_summary_load_no_torch() -> None:
    assert "torch" not in loaded_by("results.tables, results.stats.over_seeds")
