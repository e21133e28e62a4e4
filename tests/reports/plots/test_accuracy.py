from reports.plots.accuracy import beyond_of, extrapolated
from tests.rows import curve_row, curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq+dot"), "lengths": (10, 20)}


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
