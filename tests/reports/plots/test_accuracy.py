import pytest

from reports.plots.accuracy import FIGURES, beyond_of, extrapolated, length_curves
from tests.rows import curve_row, curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq+dot"), "lengths": (10, 20)}


@pytest.mark.parametrize("name", FIGURES)
def test_every_score_and_baseline_of_a_figure_is_in_its_table(name):
    rows = curve_rows(**FEW)
    table = length_curves(frame_of(rows), FIGURES[name]).table
    for panel, baselines in FIGURES[name].panels.items():
        here = table[table["row"] == panel.name]
        present = {each for each in baselines if getattr(rows[0], each) is not None}
        assert set(here["line"]) == {"rnn", "seq2seq+dot"} | present
        row = curve_row("sort", "rnn", 2, 20)
        of_row = here.query("column == 'sort' and length == 20")
        (found,) = of_row.query("line == 'rnn' and seed == 2")["y"]
        assert found == getattr(row, panel.name)
        for each in present:
            assert of_row.query("line == @each")["y"].tolist() == [getattr(row, each)]


def rows_beyond():
    return [
        curve_row("copy", model, seed, round(factor * length), train_length=length)
        for model in ("rnn", "seq2seq+dot")
        for seed in (0, 1)
        for length in (10, 20, 30)
        for factor in (0.5, 1, 1.5, 2)
    ]


def test_rows_beyond_the_trained_length_are_placed_by_how_many_times():
    rows = rows_beyond()
    beyond = beyond_of(extrapolated(frame_of(rows)))
    # Round lengths alone, from the length trained on.
    assert set(beyond.table["column"]) == {10, 20}
    assert set(beyond.table["x"]) == {1.0, 1.5, 2.0}
    assert set(beyond.table["line"]) == {"rnn", "seq2seq+dot", "constant_accuracy"}
    at = beyond.table.query("line == 'rnn' and seed == 1 and column == 20 and x == 1.5")
    assert at["y"].tolist() == [curve_row("copy", "rnn", 1, 30).token_accuracy]
    assert beyond.facts.seeds == 2


def test_nothing_is_beyond_where_no_test_was_longer_or_none_finished():
    assert extrapolated(frame_of(curve_rows(**FEW))).empty
    assert extrapolated(frame_of([failed(row) for row in rows_beyond()])).empty
    mixed = [curve_row("copy", "rnn", 0, 40, train_length=20, protocol="mixed")]
    assert extrapolated(frame_of(mixed)).empty
