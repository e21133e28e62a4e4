import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from reports.drawing import style
from reports.plots import compute as compute_module
from reports.plots import operations
from reports.plots.compute import compute_caption, compute_figure, written_lengths
from reports.plots.operations import Compute, compute_of, training_operations
from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import bands_of, lines_of, texts_of
from tests.reports.synthetic import accuracy_row, accuracy_rows, failed, frame_of

LENGTHS = (10, 20, 30, 50)
TASKS = ("copy", "sort")


def rows_of(**changes: Any) -> list[AccuracyRow]:
    return accuracy_rows(**{"tasks": TASKS, "lengths": LENGTHS} | changes)


def partial() -> list[AccuracyRow]:
    """Return rows of which one failed, and one does not say its operations."""
    rows = rows_of(tasks=("copy",), models=("rnn", "seq2seq+dot"))
    rows[3] = failed(rows[3])
    rows[6] = dataclasses.replace(rows[6], forward_flops=None)
    return rows


def drawn(compute: Compute) -> Figure:
    with style.themed():
        return compute_figure(compute)


def check_operations(rows: list[AccuracyRow]) -> None:
    """Raise AssertionError unless every sum is what plain Python adds up."""
    sums = training_operations(frame_of(rows)).tolist()
    for row, found in zip(rows, sums, strict=True):
        is_ladder = row.protocol == "curriculum"
        of_run = [
            other
            for other in rows
            if (other.task, other.model, other.seed) == (row.task, row.model, row.seed)
        ]
        path = [
            other
            for other in of_run
            if other.length == row.length or (is_ladder and other.length < row.length)
        ]
        assert found == sum(
            other.stage_updates * other.batch_size * 3 * other.forward_flops  # type: ignore[operator]
            for other in path
        )


@pytest.mark.parametrize("protocol", ["curriculum", "independent"])
def test_operations_add_up_along_the_ladder_alone(protocol: str) -> None:
    rows = rows_of(protocol=protocol)
    check_operations(rows)
    check_operations(rows[::-1])


def test_sums_of_something_else_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "FORWARD_PASSES_PER_UPDATE", 1)
    with pytest.raises(AssertionError):
        check_operations(rows_of())
    monkeypatch.undo()
    monkeypatch.setattr(operations, "DEFAULT_PROTOCOL", "independent")
    for protocol in ("curriculum", "independent"):
        with pytest.raises(AssertionError):
            check_operations(rows_of(protocol=protocol))


@pytest.mark.parametrize(
    ("spoil", "known"),
    [
        (lambda rows: rows, [True, True, True, True]),
        (lambda rows: [rows[0], *rows[2:]], [True, False, False]),
        (lambda rows: [*rows[:2], failed(rows[2]), rows[3]], [True, True, False, False]),
        (
            lambda rows: [rows[0], dataclasses.replace(rows[1], forward_flops=None), *rows[2:]],
            [True, False, False, False],
        ),
    ],
)
def test_a_sum_with_an_unknown_stage_is_unknown(
    spoil: Callable[[list[AccuracyRow]], list[AccuracyRow]], known: list[bool]
) -> None:
    rows = rows_of(tasks=("copy",), models=("rnn",), seeds=(0,))
    assert training_operations(frame_of(spoil(rows))).notna().tolist() == known


def test_what_is_unknown_is_in_no_mean_and_counted() -> None:
    compute = compute_of(frame_of(partial()))
    assert compute.uncounted == 2
    assert compute.facts.unfinished == 1
    rnn = compute.means[compute.means["model"] == "rnn"].set_index("length")
    assert rnn["n"].tolist() == [3, 3, 2, 1]
    known = compute.seeds.dropna()
    for (model, length), rows in known.groupby(["model", "length"]):
        means = compute.means.set_index(["model", "length"]).loc[(model, length)]
        assert means["mean"] == pytest.approx(rows["token_accuracy"].mean())
        assert means["operations"] == pytest.approx(rows["operations"].mean())
    caption = compute_caption(compute)
    assert "Not shown: 2 rows whose operations are unknown" in caption
    assert "1 of 24 rows did not finish" in caption
    assert "Hollow marker: fewer than 3 seeds finished" in caption


def check_shows(figure: Figure, compute: Compute) -> None:
    """Raise AssertionError unless the artists hold these curves, all of them, and no other."""
    lines, bands = lines_of(figure), bands_of(figure)
    expected = {}
    for (task, model), means in compute.means.groupby(["task", "model"]):
        place = f"compute/{task}/{model}"
        is_complete = means["n"] == compute.facts.seeds
        is_written = means["length"].isin(written_lengths(sorted(means["length"])))
        expected[f"mean/{place}"] = expected[f"stages/{place}"] = along(means, "mean")
        expected[f"hollow/{place}"] = along(means[~is_complete], "mean")
        expected[f"points/{place}"] = along(means[is_complete & is_written], "mean")
        corners = {(x, round(y, 9)) for end in ("low", "high") for x, y in along(means, end).T}
        assert {corner for corner in corners if corner[1] == corner[1]} <= bands.pop(
            f"band/{place}", set()
        )
    for (task, model, seed), rows in compute.seeds.groupby(["task", "model", "seed"]):
        expected[f"seed/compute/{task}/{model}/{seed}"] = along(rows, "token_accuracy")
    for (task, length), rows in compute.means.dropna(subset="mean").groupby(["task", "length"]):
        if length in (10, 20, 50):
            expected[f"length/compute/{task}/{length}"] = along(rows, "mean", by="mean")
    found = {name: line for name, line in lines.items() if not name.startswith("baseline")}
    assert set(found) == set(expected)
    for name, line in expected.items():
        np.testing.assert_array_equal(found[name], line, err_msg=name)
    heights = {
        (name.split("/", 2)[2], float(line[1][0]))
        for name, line in lines_with_repeats(figure)
        if name.startswith("baseline")
    }
    assert heights == {
        (f"{row['task']}/{row['baseline']}", row[end])
        for row in compute.baselines.to_dict("records")
        for end in ("lowest", "highest")
    }
    assert not bands


def lines_with_repeats(figure: Figure) -> list[tuple[str, np.ndarray]]:
    return [
        (str(line.get_gid()), np.array(line.get_data(), dtype=float))
        for axis in figure.axes
        for line in axis.lines
    ]


def along(rows: Any, value: str, *, by: str = "length") -> np.ndarray:
    rows = rows.sort_values(by)
    return np.array([rows["operations"], rows[value]], dtype=float)


@pytest.mark.parametrize("rows", [rows_of(), partial(), rows_of(protocol="independent")])
def test_the_figure_shows_its_curves_and_nothing_else(rows: list[AccuracyRow]) -> None:
    compute = compute_of(frame_of(rows))
    figure = drawn(compute)
    check_shows(figure, compute)
    assert {(axis.get_xscale(), axis.get_ylim()[0]) for axis in figure.axes} == {("log", 0.0)}
    assert compute_caption(compute) in texts_of(figure)
    for axis in figure.axes:
        assert [text.get_text() for text in axis.texts] == ["10", "20", "50"]


def check_lengths(figure: Figure, compute: Compute) -> None:
    """Raise AssertionError unless lengths stand above all curves, led to points of one model."""
    for axis, (_, means) in zip(figure.axes, compute.means.groupby("task"), strict=True):
        best = means.groupby("model")["mean"].mean().idxmax()
        rows = means[means["model"] == best].set_index("length")
        low, high = axis.get_ylim()
        for text in axis.texts:
            assert isinstance(text, Annotation)
            row = rows.loc[int(text.get_text())]
            assert text.xy == (row["operations"], row["mean"])
            assert low + text.xyann[1] * (high - low) > 1.05
    check_legible(figure)


def crowded() -> Compute:
    """Return curves whose lengths all took about the same operations."""
    compute = compute_of(frame_of(rows_of()))
    seeds, means = (
        table.assign(operations=1e9 * (1 + table["length"] / 1e4))
        for table in (compute.seeds, compute.means)
    )
    return dataclasses.replace(compute, seeds=seeds, means=means)


def test_lengths_stand_apart_and_above_all_curves() -> None:
    for compute in (compute_of(frame_of(rows_of())), crowded()):
        check_lengths(drawn(compute), compute)


def test_lengths_right_above_their_points_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_module, "places_apart", lambda wanted, widths, **options: wanted)
    with pytest.raises(AssertionError, match="'20', '10'"):
        check_lengths(drawn(crowded()), crowded())
    monkeypatch.undo()
    monkeypatch.setattr(compute_module, "ROW_OF_LENGTHS", 0.9)
    with pytest.raises(AssertionError):
        check_lengths(drawn(crowded()), crowded())


def test_only_prefixes_that_stand_at_a_tick_are_explained() -> None:
    figure = drawn(crowded())
    ticks = "".join(tick.get_text() for tick in figure.axes[0].get_xticklabels())
    (label,) = [text.get_text() for text in figure.texts if text.get_gid() == "xlabel"]
    assert [sign for sign in "kMGTPE" if sign in ticks] == [
        sign for sign in "kMGTPE" if f"{sign} = 10" in label
    ]
    assert "G = 10⁹" in label
    assert "P" not in label


def test_the_caption_says_what_grey_lines_do() -> None:
    joins, leads = "Grey lines join the models", "Grey lines lead to the point of the length"
    several = compute_caption(compute_of(frame_of(rows_of())))
    alone = compute_caption(compute_of(frame_of(rows_of(models=("seq2seq",)))))
    assert (joins in several, leads in several) == (True, False)
    assert (joins in alone, leads in alone) == (False, True)


def without_a_seed(compute: Compute) -> Compute:
    return dataclasses.replace(compute, seeds=compute.seeds[compute.seeds["seed"] != 2])


def without_a_length(compute: Compute) -> Compute:
    return dataclasses.replace(compute, means=compute.means[compute.means["length"] != 20])


def with_all_seeds_claimed(compute: Compute) -> Compute:
    return dataclasses.replace(compute, means=compute.means.assign(n=compute.facts.seeds))


def with_more_operations(compute: Compute) -> Compute:
    return dataclasses.replace(
        compute, means=compute.means.assign(operations=3 * compute.means["operations"])
    )


def without_interval(compute: Compute) -> Compute:
    return dataclasses.replace(compute, means=compute.means.assign(low=float("nan")))


def with_other_baselines(compute: Compute) -> Compute:
    return dataclasses.replace(compute, baselines=compute.baselines.assign(lowest=0.5))


@pytest.mark.parametrize(
    "twin",
    [
        without_a_seed,
        without_a_length,
        with_all_seeds_claimed,
        with_more_operations,
        without_interval,
        with_other_baselines,
    ],
)
def test_a_figure_of_edited_sums_is_rejected(twin: Callable[[Compute], Compute]) -> None:
    compute = compute_of(frame_of(partial()))
    with pytest.raises(AssertionError):
        check_shows(drawn(twin(compute)), compute)


def test_drawing_leaves_its_tables_as_they_were() -> None:
    compute = compute_of(frame_of(rows_of()))
    before = {name: getattr(compute, name).copy() for name in ("seeds", "means", "baselines")}
    drawn(compute)
    for name, table in before.items():
        pd.testing.assert_frame_equal(getattr(compute, name), table)


def test_a_task_without_a_finished_row_says_so() -> None:
    rows = [failed(row) if row.task == "sort" else row for row in rows_of()]
    assert texts_of(drawn(compute_of(frame_of(rows)))).count("no finished row") == 1


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        ("curriculum", "They add up over the stages, so further right is also longer."),
        ("independent", "Those of the model trained at this length alone."),
    ],
)
def test_the_caption_says_what_is_counted(protocol: str, sentence: str) -> None:
    caption = compute_caption(compute_of(frame_of(rows_of(protocol=protocol))))
    assert caption.startswith("Operations: updates × sequences × 3 × those of a teacher-forced")
    assert sentence in caption
    assert "n = 3 seeds" in caption
    assert "A baseline that depends on the length has a line at its lowest and highest." in caption
    alone = compute_caption(compute_of(frame_of(rows_of(tasks=("copy",)))))
    assert "A baseline that depends" not in alone


def test_rows_tested_elsewhere_are_left_out() -> None:
    longer = accuracy_row("copy", "rnn", 0, 400, train_length=50)
    compute = compute_of(frame_of([*rows_of(), longer]))
    assert 400 not in set(compute.seeds["length"])
    assert compute.facts.left_out == 1


def test_a_protocol_without_a_sum_for_each_length_is_refused() -> None:
    with pytest.raises(ResultsError, match="curriculum or independent, not mixed"):
        compute_of(frame_of(rows_of(protocol="mixed")))


@pytest.mark.parametrize(
    ("lengths", "written"),
    [
        (range(10, 201, 10), [10, 20, 50, 100, 200]),
        ([7, 13, 31], [7, 31]),
        ([7], [7, 7]),
    ],
)
def test_a_few_lengths_are_written(lengths: Any, written: list[int]) -> None:
    assert written_lengths(list(lengths)) == written
