import pytest

from reports.drawing.frame import rendered
from reports.plots.accuracy import (
    FIGURES,
    beyond_of,
    budget_curves,
    extrapolated,
    half_lines,
    length_curves,
    length_figure,
    trained_length,
)
from reports.selection.channel import with_budgets
from results.wording import NEVER_IN_A_NAME
from tests.rows import curve, curve_row, curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq+dot"), "lengths": (10, 20)}


def rows_beyond():
    return [
        curve_row("copy", model, seed, round(factor * length), train_length=length)
        for model in ("rnn", "seq2seq+dot")
        for seed in (0, 1)
        for length in (10, 20, 30)
        for factor in (0.5, 1, 1.5, 2)
    ]


def test_rows_beyond_the_longest_round_length_are_placed_by_how_many_times():
    only_at_its_own = curve_row("copy", "seq2seq", 0, 20)
    rows = extrapolated(frame_of([*rows_beyond(), only_at_its_own]))
    assert trained_length(rows) == 20
    assert trained_length(rows[rows["train_length"] == 30]) == 30
    beyond = beyond_of(rows, trained=20)
    assert set(beyond.table["column"]) == {"copy"}
    assert set(beyond.table["x"]) == {1.0, 1.5, 2.0}
    constant = f"{NEVER_IN_A_NAME}constant_accuracy"
    assert set(beyond.table["line"]) == {"rnn", "seq2seq+dot", constant}
    at = beyond.table.query("line == 'rnn' and seed == 1 and x == 1.5")
    assert at["y"].tolist() == [curve_row("copy", "rnn", 1, 30).token_accuracy]
    assert beyond.facts.seeds == 2


def test_nothing_is_beyond_where_no_test_was_longer_or_none_finished():
    assert extrapolated(frame_of(curve_rows(**FEW))).empty
    assert extrapolated(frame_of([failed(row) for row in rows_beyond()])).empty
    mixed = [curve_row("copy", "rnn", 0, 40, train_length=20, protocol="mixed")]
    assert extrapolated(frame_of(mixed)).empty


@pytest.mark.parametrize("lost", [(30,), (20, 30), (10,)])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_lengths_at_which_every_seed_failed_leave_the_panels_their_room(lost, seeds):
    """A line without points once had a place outside of its panel, and the panel none."""
    rows = curve_rows(tasks=("copy",), models=("rnn", "x" * 60), lengths=(10, 20, 30), seeds=seeds)
    frame = frame_of([failed(row) if row.length in lost else row for row in rows])
    drawn = next(iter(FIGURES.values()))
    figure = length_figure(length_curves(frame, drawn), drawn, title="A title")
    rendered(figure)  # Warnings are errors here: Matplotlib warns of a panel without room.
    assert all(axis.bbox.height > 100 for axis in figure.axes)


# By budget.


def trained_for(budget, shares, **changes):
    return curve("seq2seq", shares, budget_updates=budget, config_id=f"b{budget}", **changes)


SHORT, LONG = trained_for(100, (1.0, 0.0)), trained_for(400, (1.0, 1.0))


def test_only_what_differs_in_nothing_but_the_budget_is_compared():
    kept = with_budgets(frame_of([*SHORT, *LONG, *trained_for(100, (1.0, 0.0), symbols=4)]))
    assert set(kept["symbols"]) == {16}
    assert set(kept["budget_updates"]) == {100, 400}
    assert with_budgets(frame_of([*SHORT, *trained_for(400, (1.0, 0.5), encoder="uni")])).empty


def test_half_is_lost_between_two_lengths_or_beyond_them():
    short, long = half_lines(frame_of([*SHORT, *LONG]))
    assert "budget 100: half lost at 14.1 (14.1)" in short
    assert "budget 400: half lost at no one length" in long


def test_a_curve_for_each_budget():
    table = budget_curves(frame_of([*SHORT, *LONG])).table
    assert table.groupby("line")["y"].count().to_dict() == {"100": 2, "400": 2}
