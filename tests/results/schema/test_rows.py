"""The published columns, their declarations and DICTIONARY.md agree; what loads nothing heavy."""

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from results import dictionary
from results.schema.columns import columns_of
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


def test_columns_are_in_the_published_order_and_in_named_groups():
    names = [item.name for item in columns_of(AccuracyRow)]
    assert ", ".join(names[:13]) == (
        "task, model, protocol, seed, train_length, length, status, config_id, token_accuracy, "
        "sequence_accuracy, teacher_forced_token_accuracy, carried_bits, target_bits"
    )
    assert (names[-3:], len(names)) == (["run_id", "stage_id", "record_id"], 75)
    assert {*TIME_COLUMNS, *SETTING_COLUMNS, *VERSION_COLUMNS, *PROVENANCE_COLUMNS} <= {*names}
    assert {item.name for item in columns_of(ThroughputRow)} >= {*PROVENANCE_COLUMNS}
    assert set(STATUSES) == {OK, *FAILING_STATUSES, NOT_REACHED}
    assert ", ".join(SCORE_COLUMNS) == (
        "token_accuracy, sequence_accuracy, teacher_forced_token_accuracy, carried_bits, "
        "target_bits, teacher_forced_sequence_accuracy, correct_prefix_items, prefix_accuracy, "
        "cross_entropy_bits, normalised_accuracy"
    )
    assert ", ".join(MEASURED_COLUMNS) == (
        "rounds, median_seconds, iqr_seconds, tokens_per_second, reference_seconds, "
        "reference_ratio, reference_ratio_iqr, noise, flops_per_second, matrix_product_ratio, "
        "peak_memory_bytes, reserved_memory_bytes"
    )


def test_planned_keeps_identity_and_settings_only():
    row = planned(accuracy_row(seed=3, device_name="x", error="e"))
    assert (row.status, row.attempts) == (NOT_REACHED, 0)
    assert (row.seed, row.hidden, row.record_id) == (3, 64, "record0")
    assert all(getattr(row, i.name) is None for i in columns_of(AccuracyRow) if i.is_optional)
    with pytest.raises(FrozenInstanceError):
        row.task = "sort"  # type: ignore[misc]


def test_dictionary_has_every_column_with_unit_and_meaning():
    text = dictionary.DICTIONARY.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE))
    assert list(sections) == list(ROW_TYPES)
    for name, row_type in ROW_TYPES.items():
        lines = re.findall(r"^\| (\w+) \| (\w+)(\??) \| (.+?) \| (.+) \|$", sections[name], re.M)
        assert lines[0] == ("column", "type", "", "unit", "meaning")
        for line, item in zip(lines[1:], columns_of(row_type), strict=True):
            mark = "?" if item.is_optional else ""
            assert line[:4] == (item.name, item.kind.__name__, mark, item.unit)
            assert line[4].startswith(item.meaning)
            assert all(choice in line[4] for choice in item.choices)
            assert re.fullmatch(r"[^\n]*[^.]\.", item.meaning), item
            is_fraction = item.name.endswith(("_accuracy", "_fraction"))
            is_fraction = is_fraction and item.name != "normalised_accuracy"
            assert (item.unit == "fraction") == is_fraction, item


def test_stale_dictionary_is_found_and_written_anew(tmp_path, monkeypatch):
    assert dictionary.main(["--check"]) == 0
    path = tmp_path / "DICTIONARY.md"
    monkeypatch.setattr(dictionary, "DICTIONARY", path)
    assert dictionary.main(["--check"]) == 1
    path.write_text(dictionary.render_dictionary() + "\n", encoding="utf-8")
    assert dictionary.main(["--check"]) == 1
    assert dictionary.main([]) == 0
    assert dictionary.main(["--check"]) == 0


def test_only_tables_load_pandas_and_nothing_loads_torch():
    light = "results.store.merging, results.store.probes, results.dictionary"
    for modules, loaded in (
        (light, set()),
        ("results.tables, results.stats.over_seeds", {"pandas", "scipy", "numpy"}),
    ):
        heavy = ("torch", "pandas", "scipy", "numpy")
        code = f"import sys, {modules}; print(*(n for n in {heavy!r} if n in sys.modules))"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        assert set(done.stdout.split()) == loaded
