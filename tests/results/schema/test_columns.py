import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from results.errors import ResultsError
from results.schema.columns import check_names, from_cells, from_json, one_line, to_json
from results.schema.layout import columns_of
from results.schema.rows import AccuracyRow
from results.store.csv_files import ROW_TYPES, Rendered, render_csv
from tests.rows import accuracy_row, rows_of, throughput_row

ROWS = settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)


def through_json(row: Any) -> Any:
    return from_json(type(row), json.loads(json.dumps(to_json(row), allow_nan=False)))


def through_csv(row: Any, render: Callable[[str, Any], Rendered] = render_csv) -> Any:
    name = next(name for name, row_type in ROW_TYPES.items() if row_type is type(row))
    text = render(name, [row]).content.decode("utf-8")
    names, cells = csv.reader(io.StringIO(text, newline=""), strict=True)
    return from_cells(type(row), dict(zip(names, cells, strict=True)))


def check_round_trip(row: Any, carry: Callable[[Any], Any]) -> None:
    assert repr(carry(row)) == repr(row)


@ROWS
@given(row=st.one_of(*map(rows_of, ROW_TYPES.values())))
def test_rows_come_back_exactly(row: Any) -> None:
    check_round_trip(row, through_json)
    check_round_trip(row, through_csv)


def six_digits(name: str, rows: Any) -> Rendered:
    rendered = render_csv(name, rows)
    return Rendered(rendered.content.replace(b"0.3333333333333333", b"0.333333"), rendered.rows)


def none_as_zero(row: AccuracyRow) -> AccuracyRow:
    return from_json(AccuracyRow, to_json(row) | {"threads": row.threads or 0})


@pytest.mark.parametrize("broken", [lambda row: through_csv(row, six_digits), none_as_zero])
def test_round_trip_check_rejects_loss(broken: Callable[[Any], Any]) -> None:
    with pytest.raises(AssertionError):
        check_round_trip(accuracy_row(), broken)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("token_accuracy", 1.0000001, "a fraction from 0 to 1"),
        ("leak_fraction", -0.1, "a fraction from 0 to 1"),
        ("token_accuracy", float("nan"), "a finite number"),
        ("learning_rate", float("inf"), "a finite number"),
        ("clip_norm", 10**400, "a finite number"),
        ("token_accuracy", "0.5", "float is needed"),
        ("token_accuracy", True, "float is needed"),
        ("seed", True, "int is needed"),
        ("seed", 1.0, "int is needed"),
        ("seed", np.int64(1), "int is needed"),
        ("seed", -1, "an integer from 0"),
        ("distinct_sources", 2**63, "an integer from 0"),
        ("seed", None, "int is needed"),
        ("model", 3, "str is needed"),
        ("model", "", "text that is not empty"),
        ("commit", "", "text that is not empty"),
        ("status", "fine", "one of ok, failed"),
        ("stopped_because", "bored", "one of solved, plateau, budget"),
        ("record_id", "../plan", "letters, digits"),
        ("run_id", ".hidden", "letters, digits"),
        ("platform", "two\nlines", "one line"),
        ("platform", "line\n", "one line"),
        ("platform", "a\0b", "one line"),
        ("platform", "\ud800", "one line"),
        ("schema_version", 2, "1 is needed"),
    ],
)
def test_wrong_values_are_named(name: str, value: Any, rule: str) -> None:
    with pytest.raises(ResultsError) as caught:
        accuracy_row(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert rule in message
    assert repr(value) in message
    assert len(message.splitlines()) == 1


def test_normalised_accuracy_and_bits_have_no_range() -> None:
    row = accuracy_row(normalised_accuracy=-3.0, carried_bits=-12.0)
    assert (row.normalised_accuracy, row.carried_bits) == (-3.0, -12.0)


def test_scores_are_empty_unless_ok() -> None:
    with pytest.raises(ResultsError, match="token_accuracy: must be empty where status is killed"):
        accuracy_row(status="killed", token_accuracy=0.0)
    with pytest.raises(ResultsError, match="rounds: must be empty where status is timed_out"):
        throughput_row(status="timed_out")


def test_subclasses_become_plain() -> None:
    class Version(str):
        def __str__(self) -> str:
            return str.__str__(self)

    row = accuracy_row(token_accuracy=np.float64(0.1), clip_norm=1, torch_version=Version("2.1"))
    assert [type(v) for v in (row.token_accuracy, row.clip_norm, row.torch_version)] == [
        float,
        float,
        str,
    ]
    check_round_trip(row, through_csv)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("seed", "1.0"),
        ("seed", "+1"),
        ("seed", "１"),
        ("seed", "-1"),
        ("seed", ""),
        ("model", ""),
        ("token_accuracy", "nan"),
        ("token_accuracy", "0,5"),
        ("token_accuracy", "1_0"),
        ("token_accuracy", " 0.5"),
        ("token_accuracy", "1e999"),
        ("status", "OK"),
    ],
)
def test_wrong_cells_are_named(name: str, cell: str) -> None:
    cells = {key: "" if v is None else str(v) for key, v in to_json(accuracy_row()).items()}
    assert from_cells(AccuracyRow, cells) == accuracy_row()
    with pytest.raises(ResultsError, match=f"^{name}: "):
        from_cells(AccuracyRow, cells | {name: cell})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda names: names[1:], "missing task"),
        (lambda names: [*names, "host"], "unknown host"),
        (lambda names: [*names, "task"], "stands twice"),
        (lambda names: ["host", *names[1:]], "missing task; unknown host"),
    ],
)
def test_names_of_columns_are_checked(
    change: Callable[[list[str]], list[str]], message: str
) -> None:
    names = [item.name for item in columns_of(AccuracyRow)]
    check_names(AccuracyRow, names[::-1])
    with pytest.raises(ResultsError, match=message):
        check_names(AccuracyRow, change(names))


@pytest.mark.parametrize("values", [None, [], "row", {}, {"task": "copy"}])
def test_what_is_no_row_is_refused(values: object) -> None:
    with pytest.raises(ResultsError):
        from_json(AccuracyRow, values)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters()))
def test_one_line_fits_a_text_column(text: str) -> None:
    line = one_line(text)
    assert accuracy_row(error=line).error == line
    assert one_line(line) == line


def test_one_line_keeps_plain_text() -> None:
    assert one_line("out of memory: 긴 줄\nat step 3") == "out of memory: 긴 줄 at step 3"
    assert one_line("") == "?"
