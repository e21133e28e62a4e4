"""Every value of a row obeys its column, and comes back from JSON and CSV exactly."""

import csv
import io
import json
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.errors import ResultsError
from results.schema.columns import (
    check_names,
    columns_of,
    error_in_words,
    from_json,
    from_texts,
    one_line,
    to_json,
)
from results.schema.rows import AccuracyRow
from results.store.csv_files import ROW_TYPES, render_csv
from tests.rows import accuracy_row, rows_of, throughput_row


def through_json(row: Any) -> Any:
    return from_json(type(row), json.loads(json.dumps(to_json(row), allow_nan=False)))


def through_csv(row: Any) -> Any:
    (name,) = (name for name, row_type in ROW_TYPES.items() if row_type is type(row))
    text = render_csv(name, [row]).decode("utf-8")
    names, texts = csv.reader(io.StringIO(text, newline=""), strict=True)
    return from_texts(type(row), dict(zip(names, texts, strict=True)))


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(row=st.one_of(*map(rows_of, ROW_TYPES.values())))
def test_rows_come_back_exactly(row):
    assert repr(through_json(row)) == repr(through_csv(row)) == repr(row)


FRACTION = "a fraction from 0 to 1 is needed"
FINITE = "a finite number is needed"
INTEGER = "an integer from 0 to 2**63-1 is needed"
LINE = "one line of plain text is needed"
NAME = "a name of letters, digits and ._+- is needed"


STATUS = "one of ok, failed, diverged, timed_out, out_of_memory, killed, not_reached is needed"
WRONG: dict[str, list[tuple[str, Any]]] = {
    FRACTION: [("token_accuracy", 1.0000001), ("leak_fraction", -0.1)],
    FINITE: [("token_accuracy", float("nan")), ("learning_rate", float("inf"))],
    INTEGER: [("seed", -1), ("distinct_sources", 2**63)],
    "float is needed": [("token_accuracy", "0.5"), ("token_accuracy", True)],
    "int is needed": [("seed", value) for value in (True, 1.0, np.int64(1), None)],
    "str is needed": [("model", 3)],
    LINE: [("model", ""), *(("platform", text) for text in ("line\n", "a\0b", "\ud800"))],
    STATUS: [("status", "fine")],
    NAME: [("record_id", "../plan"), ("run_id", ".hidden"), ("run_id", "x" * 129)],
    "1 is needed": [("schema_version", 2)],
}


@pytest.mark.parametrize("rule", WRONG)
def test_wrong_values_are_named(rule):
    for name, value in WRONG[rule]:
        with pytest.raises(ResultsError) as caught:
            accuracy_row(**{name: value})
        assert str(caught.value) == f"{name}: {rule}, not {value!r}"


def test_largest_values_are_accepted_and_measured_columns_are_empty_unless_ok():
    row = accuracy_row(normalised_accuracy=-3.0, carried_bits=-12.0, run_id="x" * 128, seed=0)
    assert (row.normalised_accuracy, row.carried_bits) == (-3.0, -12.0)
    assert accuracy_row(token_accuracy=0.0).token_accuracy == 0.0
    assert accuracy_row(distinct_sources=2**63 - 1, platform="긴\u3000줄").platform == "긴\u3000줄"
    with pytest.raises(ResultsError, match="token_accuracy: must be empty where status is killed"):
        accuracy_row(status="killed", token_accuracy=0.0)
    with pytest.raises(ResultsError, match="rounds: must be empty where status is timed_out"):
        throughput_row(status="timed_out")


def test_subclasses_become_plain():
    class Version(str):
        def __str__(self) -> str:
            return str.__str__(self)

    row = accuracy_row(token_accuracy=np.float64(0.1), clip_norm=1, torch_version=Version("2.1"))
    values = (row.token_accuracy, row.clip_norm, row.torch_version)
    assert values == (0.1, 1.0, "2.1")
    assert [type(value) for value in values] == [float, float, str]
    assert repr(through_csv(row)) == repr(row)


def test_wrong_texts_are_named():
    texts = {key: "" if v is None else str(v) for key, v in to_json(accuracy_row()).items()}
    assert from_texts(AccuracyRow, texts) == accuracy_row()
    for name, text, message in (
        *(("seed", text, f"{text!r} is not a whole number") for text in ("1.0", "+1", "１", "-1")),
        *(
            (name, "", f"{kind} is needed, not None")
            for name, kind in (("seed", "int"), ("model", "str"))
        ),
        *(
            ("token_accuracy", text, f"{text!r} is not a finite number")
            for text in ("nan", "0,5", "1_0", " 0.5")
        ),
        ("token_accuracy", "1e999", "a finite number is needed, not inf"),
    ):
        with pytest.raises(ResultsError) as caught:
            from_texts(AccuracyRow, texts | {name: text})
        assert str(caught.value) == f"{name}: {message}"


def test_names_of_columns_are_checked():
    names = [item.name for item in columns_of(AccuracyRow)]
    check_names(AccuracyRow, names[::-1])
    # As in a folder of an older version.
    check_names(AccuracyRow, [name for name in names if name != "code_hash"])
    for wrong, message in (
        (names[1:], "task"),
        ([*names, "host"], "host"),
        ([*names, "task"], "a name twice"),
        (["host", *names[2:]], "host, model, task"),
    ):
        with pytest.raises(ResultsError) as caught:
            check_names(AccuracyRow, wrong)
        assert str(caught.value) == f"columns: not those of the schema: {message}"
    for values in (None, [], "row"):
        with pytest.raises(ResultsError, match="a row must be an object, not "):
            from_json(AccuracyRow, values)
    with pytest.raises(ResultsError, match="columns: not those of the schema: attempts, "):
        from_json(AccuracyRow, {"task": "copy"})


@given(text=st.text(st.characters()))
def test_one_line_fits_a_text_column_and_keeps_plain_text(text):
    line = one_line(text)
    assert accuracy_row(error=line).error == line
    assert one_line(line) == line
    assert not any(unicodedata.category(character).startswith("C") for character in line)
    assert one_line("out of memory: 긴 줄\nat step 3") == "out of memory: 긴 줄 at step 3"
    assert one_line("긴\u3000줄") == "긴\u3000줄"
    assert one_line("") == "?"


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\0b", r"a\x00b"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\udcff", r"\udcff"),
        ("\u202egnp.exe\u200b", r"\u202egnp.exe\u200b"),
        ("a\tb\x85c\u2028d\r\ne", r"a\tb c d e"),
    ],
)
def test_what_a_terminal_obeys_is_shown_as_an_escape(text, shown):
    assert one_line(text) == shown


def test_words_of_an_error_are_its_type_its_first_line_and_its_notes():
    class Text(str):
        def splitlines(self, keepends=False):
            raise KeyboardInterrupt

    class Broken(Exception):
        def __str__(self):
            return Text("b")

    noted = ValueError("\n  \nno luck\nat all")
    noted.add_note("in a batch of length 3")
    assert error_in_words(noted) == "ValueError: no luck (in a batch of length 3)"
    assert error_in_words(KeyError()) == "KeyError"
    assert error_in_words(Broken()) == "Broken: its text raises KeyboardInterrupt"
    long = error_in_words(ValueError("first " + "x" * 10**6 + " last"))
    assert len(long) <= 1000
    assert long.startswith("ValueError: first")
    assert long.endswith("x last")


def test_rows_of_earlier_versions_may_have_what_is_escaped_today():
    row = accuracy_row(status="failed", error="\x1b[31mred\u202e\ta")
    assert through_json(row) == through_csv(row) == row
