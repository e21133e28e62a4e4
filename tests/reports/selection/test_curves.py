import dataclasses

import pandas as pd
import pytest

from reports.selection.captions import budget_words, curves_caption
from reports.selection.curves import (
    curves_of,
    own_length_rows,
    protocols_of,
    require_one_configuration,
)
from results.errors import ResultsError
from results.wording import NEVER_IN_A_NAME
from tests.rows import curve_row, curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": (10, 20, 50)}
SCORES = {"token_accuracy": ("chance_accuracy", "causal_ceiling_accuracy"), "carried_bits": ()}


def curves(rows):
    return curves_of(frame_of(rows), SCORES)


def test_every_row_is_a_point_and_every_baseline_a_line():
    rows = curve_rows(**FEW)
    table = curves(rows).table
    for score in SCORES:
        here = table[table["row"] == score].dropna(subset="seed")
        found = here.set_index(["column", "line", "seed", "length"])["y"].to_dict()
        assert found == {
            (row.task, row.model, row.seed, row.length): getattr(row, score) for row in rows
        }
    assert (table["x"] == table["length"]).all()
    baselines = table[table["seed"].isna()]
    assert set(baselines["line"]) == {f"{NEVER_IN_A_NAME}chance_accuracy"}
    levels = baselines.set_index(["column", "length"])["y"].to_dict()
    assert levels == {
        (task, length): 1 / symbols
        for task, symbols in (("copy", 16), ("sort", 128))
        for length in FEW["lengths"]
    }


def test_a_failure_is_a_point_without_a_value_and_leaves_others_incomplete():
    rows = curve_rows(**FEW)
    rows[4] = failed(rows[4])
    found = curves(rows)
    here = found.table.query("row == 'token_accuracy' and column == 'copy' and line == 'rnn'")
    assert here["y"].isna().sum() == 1
    assert set(here[~here["is_complete"]]["length"]) == {20}
    assert (found.facts.seeds, found.facts.rows, found.facts.unfinished) == (3, len(rows), 1)


def test_rows_tested_beyond_their_training_are_in_no_curve():
    beyond = [
        curve_row("copy", "rnn", 0, 400, train_length=50),
        curve_row("copy", "rnn", 0, 10, train_length=50),
    ]
    clean = curves(curve_rows(**FEW)).table
    pd.testing.assert_frame_equal(curves([*curve_rows(**FEW), *beyond]).table, clean)
    with pytest.raises(ResultsError, match="no row was tested at a length that it was trained for"):
        curves(beyond)


def test_a_mixed_model_is_tested_at_every_length_up_to_its_largest():
    rows = curve_rows(protocol="mixed", train_length=50, tasks=("copy",), lengths=(10, 50, 100))
    assert set(own_length_rows(frame_of(rows))["length"]) == {10, 50}


def test_protocols_and_ladders_are_never_mixed():
    rows = [*curve_rows(protocol="independent", **FEW), *curve_rows(**FEW)]
    assert protocols_of(frame_of(rows)) == ["curriculum", "independent"]
    with pytest.raises(ResultsError, match="one is needed, not curriculum, independent"):
        curves(rows)
    other = curve_row("copy", "rnn", 0, 50, record_id="another-path", stage_id="another-path")
    with pytest.raises(ResultsError, match="copy, rnn, seed 0, length 50: two rows, reached over"):
        curves([*curve_rows(**FEW), other])


WIDE, WIDTHS = {"hidden": 128, "config_id": "wide"}, "hidden differs .*=64.*wide .*hidden=128"
FEW_SYMBOLS = {"symbols": 4, "config_id": "few"}


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("rnn", WIDE, "choose one with --config ID: .*wide"),
        ("new", WIDE, f"all tasks, curriculum: {WIDTHS}"),
        ("new", FEW_SYMBOLS, "copy, curriculum: symbols differs .*symbols=16.*few .*symbols=4"),
    ],
)
def test_mixed_settings_are_refused(model, changes, message):
    require_one_configuration(frame_of(curve_rows(**FEW)))
    rows = [*curve_rows(**FEW), curve_row("copy", model, 0, 100, **changes)]
    with pytest.raises(ResultsError, match=message):
        require_one_configuration(frame_of(rows))


def test_a_line_that_is_in_the_legend_alone_is_named():
    aligned = curve_rows(**FEW | {"models": ("rnn-aligned",)})
    empty = [
        dataclasses.replace(row, token_accuracy=None) if row.task == "sort" else row
        for row in aligned
    ]
    rows = curve_rows(**FEW)
    caption = curves_caption(curves([*rows, *empty]))
    assert caption.endswith("RNN, answers at once has no value on sort.")
    assert "no value" not in curves_caption(curves([*rows, *aligned]))


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (7000, "up to 7,000 updates a length, the published budget"),
        (1800, "up to 1,800 updates a length, a quarter of the published budget"),
        (3500, "up to 3,500 updates a length, half the published budget"),
        (28000, "up to 28,000 updates a length, four times the published budget"),
        (112000, "up to 112,000 updates a length, 16 times the published budget"),
        (20, "up to 20 updates a length, 0.0029 of the published budget"),
    ],
)
def test_a_budget_is_named_beside_the_published_one(budget, words):
    assert budget_words(budget) == words
    assert budget_words(budget, protocol="mixed") == words.replace(" a length", "")


def test_cell_and_encoder_are_said_of_the_models_that_have_them():
    def said(*models):
        return curves_caption(curves(curve_rows(models=models, lengths=(10,))))

    assert "budget; LSTM of 64 units, two-way encoder; 16" in said("rnn", "seq2seq+uniform")
    assert "budget; RNN and Seq2Seq: LSTM of 64 units, two-way" in said("seq2seq", "my.gla:build")
    assert "LSTM" not in said("my.gla:build")


def test_the_caption_counts_seeds_and_rows():
    rows = curve_rows(**FEW)
    full = curves_caption(curves(rows), explanation="What it is.")
    assert full == (
        "What it is. Bold: mean of 3 seeds; thin: each. Curriculum, up to 1,500 updates a "
        "length, 0.21 of the published budget; LSTM of 64 units, two-way encoder; 16 or 128 "
        "symbols."
    )
    many = curves_caption(curves(curve_rows(**FEW, seeds=range(5))))
    assert many.startswith("Bold: mean of 5 seeds; thin: each; band: 95 % t-interval. ")
    both = curves(rows)
    both = dataclasses.replace(both, facts=dataclasses.replace(both.facts, budgets=(1_500, 7_000)))
    assert ". Curriculum, up to 1,500, 7,000 updates a length, 7,000 published; LSTM" in (
        curves_caption(both)
    )
    partial = curves_caption(curves([failed(rows[0]), *rows[1:]]))
    assert partial.endswith("1 of 36 rows did not finish.")
    assert "n = 1 seed, so no interval." in curves_caption(curves(curve_rows(**FEW, seeds=(7,))))
    lost = curves_caption(curves([failed(row) for row in rows]))
    assert "n = 0 of 3 seeds: no row finished." in lost
