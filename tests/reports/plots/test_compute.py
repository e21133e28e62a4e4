import dataclasses

import pytest

from reports.plots.compute import compute_of, training_operations
from results.schema.rows import AccuracyRow
from tests.rows import curve_row, curve_rows, failed, frame_of

FEW = {"tasks": ("copy", "sort"), "lengths": (10, 20, 30, 50)}
ONE = {"tasks": ("copy",), "models": ("rnn",), "seeds": (0,), "lengths": (10, 20, 30, 50)}
Rows = list[AccuracyRow]


@pytest.mark.parametrize("protocol", ["curriculum", "independent"])
def test_operations_add_up_along_the_ladder_alone(protocol):
    rows = curve_rows(**FEW, protocol=protocol)[::-1]
    for row, found in zip(rows, training_operations(frame_of(rows)), strict=True):
        assert found == sum(
            other.stage_updates * other.batch_size * 3 * other.forward_flops
            for other in rows
            if (other.task, other.model, other.seed) == (row.task, row.model, row.seed)
            and (
                other.length == row.length
                or (protocol == "curriculum" and other.length < row.length)
            )
        )


def test_a_sum_with_an_unknown_stage_is_unknown():
    first, second, *rest = curve_rows(**ONE)
    unknown = dataclasses.replace(second, forward_flops=None)
    for rows, known in (
        ([first, second, *rest], [True, True, True, True]),
        ([first, *rest], [True, False, False]),
        ([first, unknown, *rest], [True, False, False, False]),
    ):
        assert training_operations(frame_of(rows)).notna().tolist() == known


def test_what_is_unknown_is_in_no_curve_and_counted():
    rows = curve_rows(**ONE | {"seeds": (0, 1, 2)})
    rows[3] = failed(rows[3])
    rows[6] = dataclasses.replace(rows[6], forward_flops=None)
    compute = compute_of(frame_of([*rows, curve_row("copy", "rnn", 0, 400, train_length=50)]))
    table = compute.curves.table
    assert compute.uncounted == 2
    assert compute.curves.facts.unfinished == 1
    assert table.groupby("length")["y"].count().tolist() == [3, 3, 2, 1]
    assert table.groupby("length")["is_complete"].all().tolist() == [True, True, False, False]
    operations = training_operations(frame_of(rows))
    of_two = [operations[2], operations[10]]
    (x,) = table.query("length == 30")["x"].dropna().unique()
    assert x == pytest.approx(sum(of_two) / 2)


def test_baselines_have_their_span_over_the_lengths():
    baselines = compute_of(frame_of(curve_rows(**FEW))).baselines.set_index(["task", "baseline"])
    levels = [curve_row("sort", "rnn", 0, length).constant_accuracy for length in (10, 50)]
    assert baselines.loc[("sort", "constant_accuracy")].tolist() == levels
    assert baselines.loc[("copy", "constant_accuracy")].tolist() == [1 / 16, 1 / 16]
