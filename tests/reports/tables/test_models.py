"""The table of all models: its numbers, the published ones beside them, and how a model fails."""

import dataclasses

import pandas as pd
import pytest

from reports.tables.failing import HELPED, KEEPS, LEARNS_NOTHING, NOT_HELPED, loops
from reports.tables.models import HERE, PUBLISHED, Tables, model_table, model_text
from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from results.wording import columns_of
from tests.rows import cost_rows, curve_row, curve_rows, frame_of, sample_rows

MINE = "my_package.my_module:build"
LENGTHS = (10, 20, 30, 40, 50)


def rows_of(model, shares, *, given=None, **changes):
    """A seed of a model that gets these shares right, on copy."""
    return [
        dataclasses.replace(
            curve_row("copy", model, changes.get("seed", 1), length),
            **{"token_accuracy": share, "normalised_accuracy": share, "repeat_accuracy": 0.06}
            | {"teacher_forced_token_accuracy": given or share, "constant_accuracy": 0.06}
            | {"parameters": 48_018, "memory_numbers": 2_688}
            | changes,
        )
        for length, share in zip(LENGTHS, shares, strict=True)
    ]


def table_of(*rows: AccuracyRow, **tables):
    return model_table(Tables(frame_of(rows), **tables))


def test_a_line_has_the_numbers_of_a_model():
    rows = [
        row
        for seed, end in ((1, 0.2), (2, 0.4))
        for row in rows_of(MINE, (1.0, 0.9, 0.6, 0.4, end), seed=seed, carried_bits=120.4)
    ]
    timings = frame_of(cost_rows(models=(MINE,), lengths=(10, 40), tokens_per_second=9_000.0))
    (line,) = table_of(*rows, timings=timings).to_dict("records")
    assert (line["lengths"], line["half_lost"]) == ((10, 20, 40, 50), "35")
    assert line["rights"] == pytest.approx((1.0, 0.9, 0.4, 0.3))
    assert (line["bits"], line["parameters"], line["memory_numbers"]) == (120.4, 48_018, 2_688)
    # At 50 nothing was timed, so it is the rate at 40.
    assert (line["train_rate"], line["decode_rate"]) == (9_000, 9_000)
    assert (line["seeds"], line["is_yours"], line["origin"]) == (2, True, HERE)


@pytest.mark.parametrize(
    ("shares", "given", "half", "way"),
    [
        ((1.0, 1.0, 1.0, 1.0, 0.95), 0.99, ">50", KEEPS),
        ((1.0, 0.9, 0.7, 0.4, 0.2), 0.9, "36", HELPED),
        ((1.0, 0.9, 0.7, 0.4, 0.2), 0.3, "36", NOT_HELPED),
        ((0.4, 0.3, 0.2, 0.1, 0.1), 0.1, "<10", NOT_HELPED),
        ((0.06, 0.06, 0.05, 0.06, 0.06), 0.06, "-", LEARNS_NOTHING),
    ],
)
def test_where_half_is_lost_and_how(shares, given, half, way):
    (line,) = table_of(*rows_of(MINE, shares, given=given)).to_dict("records")
    assert (line["half_lost"], line["way"]) == (half, way)


def test_what_repeating_the_item_before_would_get_is_no_help():
    rows = rows_of(MINE, (0.9, 0.8, 0.7, 0.6, 0.5), given=0.9, repeat_accuracy=0.9)
    assert table_of(*rows)["way"].item() == NOT_HELPED


def test_a_stage_that_failed_is_named():
    rows = rows_of(MINE, (1.0, 0.9, 0.8, 0.7, 0.6))
    empty = dict.fromkeys(("token_accuracy", "sequence_accuracy", "carried_bits", "target_bits"))
    empty |= dict.fromkeys(("teacher_forced_token_accuracy", "normalised_accuracy"))
    rows[-1] = dataclasses.replace(rows[-1], status="out_of_memory", **empty)
    table = table_of(*rows)
    assert table["way"].item() == "out of memory"
    assert " - " in model_text(table)


@pytest.mark.parametrize(
    ("answer", "target", "is_loop"),
    [
        ("E36A8F56E7B9C2356E7B9C2356E7B9C", "E36A8F56E7B9C23F4A1D0B7788123AB", True),
        ("123333333333", "123456789ABC", True),
        ("ABABABABAB", "1234567890", True),
        ("001122333333", "001122333333", False),  # A sorted target ends so, too.
        ("0123456789AB", "0123456789BB", False),
        ("12341234", "56785678", False),  # Twice is a chance of one in 65,536, but it is short.
        ("", "", False),
    ],
)
def test_a_loop_is_a_block_that_repeats_where_the_target_does_not(answer, target, is_loop):
    assert loops([*map(ord, answer)], [*map(ord, target)]) is is_loop


def test_first_and_last_items_are_of_the_answers():
    rows = curve_rows(tasks=("copy",), models=(MINE,), seeds=(0,), lengths=(8,), token_accuracy=1.0)
    (sample,) = sample_rows(rows, samples=1)
    wrong = " ".join([*sample.target.split()[:6], "17", "18"])
    samples = frame_of([dataclasses.replace(sample, answer=wrong)])
    (line,) = model_table(Tables(frame_of(rows), samples=samples)).to_dict("records")
    assert (line["first"], line["last"], line["looping"], line["answers"]) == (1.0, 0.0, 0, 1)


def test_published_models_are_beside_those_of_the_same_settings_alone():
    own = Tables(frame_of(rows_of(MINE, (1.0, 0.9, 0.7, 0.4, 0.2), budget_updates=1800)))
    same = curve_rows(
        tasks=("copy", "sort"), models=("rnn", "seq2seq"), lengths=LENGTHS, budget_updates=7000
    )
    wide = curve_rows(
        tasks=("copy",), models=("rnn",), lengths=LENGTHS, hidden=128, config_id="wide"
    )
    table = model_table(own, Tables(frame_of([*same, *wide])))
    assert list(zip(table["origin"], table["model"], table["task"], strict=True)) == [
        (HERE, MINE, "copy"),
        (PUBLISHED, "rnn", "copy"),
        (PUBLISHED, "seq2seq", "copy"),
    ]
    text = model_text(table)
    assert "here, at most 1,800 updates a stage, 1 seed" in text
    assert "published, at most 7,000 updates a stage, 3 seeds" in text


def test_models_of_other_settings_have_another_block_and_other_rates_another_line():
    rows = [
        *rows_of("seq2seq", (1.0, 0.9, 0.7, 0.4, 0.2)),
        *rows_of("seq2seq", (1.0, 0.9, 0.7, 0.4, 0.3), learning_rate=0.002, config_id="slow"),
        *rows_of("seq2seq", (1.0, 0.9, 0.7, 0.4, 0.2), encoder="uni", config_id="uni"),
    ]
    text = model_text(table_of(*rows), columns=120)
    assert text.count("copy: ") == 2
    assert "seq2seq, learning_rate 0.002" in text


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_fits_the_screen(columns):
    models = ("rnn", "모델" * 9, MINE, "package.module_of_a_project:build_" + "model_" * 6)
    rows = curve_rows(models=models, lengths=(10, 400, 1000))
    text = model_text(model_table(Tables(frame_of(rows))), columns=columns)
    assert max(map(columns_of, text.splitlines())) <= columns
    assert text.count(f"\n> {MINE[:6]}") == 2 * 3


def test_two_versions_of_a_model_are_refused():
    rows = rows_of(MINE, (1.0, 0.9, 0.7, 0.4, 0.2), code_hash="abc")
    rows[-1] = dataclasses.replace(rows[-1], code_hash="def")
    with pytest.raises(ResultsError, match="2 versions of its code are mixed"):
        table_of(*rows)


def test_nothing_is_said_of_nothing():
    assert model_text(pd.DataFrame()) == "No model has finished a length yet."
