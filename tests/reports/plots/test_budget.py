from reports.plots.budget import budget_curves, half_lines
from reports.selection.channel import with_budgets
from tests.rows import curve, frame_of


def rows_of(budget, shares, **changes):
    return curve("seq2seq", shares, budget_updates=budget, config_id=f"b{budget}", **changes)


SHORT, LONG = rows_of(100, (1.0, 0.0)), rows_of(400, (1.0, 1.0))


def test_only_what_differs_in_nothing_but_the_budget_is_compared():
    kept = with_budgets(frame_of([*SHORT, *LONG, *rows_of(100, (1.0, 0.0), symbols=4)]))
    assert set(kept["symbols"]) == {16}
    assert set(kept["budget_updates"]) == {100, 400}
    assert with_budgets(frame_of([*SHORT, *rows_of(400, (1.0, 0.5), encoder="uni")])).empty


def test_half_is_lost_between_two_lengths_or_beyond_them():
    short, long = half_lines(frame_of([*SHORT, *LONG]))
    assert "budget 100: half lost at 14.1 (14.1)" in short
    assert "budget 400: half lost at no one length" in long


def test_a_curve_for_each_budget():
    table = budget_curves(frame_of([*SHORT, *LONG])).table
    assert table.groupby("line")["y"].count().to_dict() == {"100": 2, "400": 2}
