import dataclasses
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.drawing import style
from reports.figures import rendered
from reports.plots.extrapolation import Beyond, beyond_figure, beyond_of, factor_ticks
from results.schema.rows import AccuracyRow
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import lines_of, texts_of
from tests.reports.synthetic import accuracy_row, frame_of

PAIRS = tuple(
    (trained, round(factor * trained))
    for trained in (10, 20, 30, 50)
    for factor in (0.5, 1, 1.5, 2)
)
TRAINED = (10, 20, 50)
MODELS = ("seq2seq", "seq2seq+dot")
SEEDS = (0, 1, 2)


def rows_of(
    *,
    tasks: Sequence[str] = ("copy", "sort"),
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = SEEDS,
    pairs: Sequence[tuple[int, int]] = PAIRS,
) -> list[AccuracyRow]:
    """Return rows that are less right the further the test is, and the larger the seed."""
    return [
        accuracy_row(
            task,
            model,
            seed,
            length,
            train_length=trained,
            token_accuracy=0.9 * trained / length / (1 + seed) if length > trained else 0.9,
        )
        for task in tasks
        for model in models
        for seed in seeds
        for trained, length in pairs
    ]


def full() -> Beyond:
    return beyond_of(frame_of(rows_of()))


def drawn(beyond: Beyond) -> Figure:
    with style.themed():
        return beyond_figure(beyond)


def check_shows(figure: Figure, rows: Sequence[AccuracyRow], *, trained: Sequence[int]) -> None:
    """Raise AssertionError unless the curves are these rows from the trained length on."""
    lines = lines_of(figure)
    expected = {}
    for task, model in {(row.task, row.model) for row in rows}:
        for length in trained:
            scores: dict[float, dict[int, float]] = {}
            for row in rows:
                if (row.task, row.model, row.train_length) == (task, model, length):
                    scores.setdefault(row.length / length, {})[row.seed] = row.token_accuracy or 0.0
            factors = sorted(factor for factor in scores if factor >= 1)
            place = f"beyond/{task}/{length}/{model}"
            means = [fmean(scores[factor].values()) for factor in factors]
            expected[f"mean/{place}"] = [factors, means]
            for seed in {row.seed for row in rows}:
                values = [scores[factor][seed] for factor in factors if seed in scores[factor]]
                expected[f"seed/{place}/{seed}"] = [factors, values]
    shown = {name: line for name, line in lines.items() if name.split("/")[0] in ("mean", "seed")}
    assert set(shown) == set(expected)
    for name, line in expected.items():
        np.testing.assert_allclose(shown[name], line, err_msg=name)


def test_the_curves_are_the_rows_from_the_trained_length_on() -> None:
    frame = frame_of(rows_of())
    before = frame.copy()
    figure = drawn(beyond_of(frame))
    pd.testing.assert_frame_equal(frame, before)
    check_shows(figure, rows_of(), trained=TRAINED)


def test_the_best_constant_answer_at_the_length_tested_is_beside_them() -> None:
    lines = lines_of(drawn(full()))
    rows = {row.length: row for row in rows_of(tasks=("sort",)) if row.train_length == 20}
    expected = [rows[length].constant_accuracy for length in (20, 30, 40)]
    assert len(set(expected)) == 3
    np.testing.assert_allclose(lines["baseline/beyond/sort/20"], [[1, 1.5, 2], expected])


def without_a_seed(beyond: Beyond) -> Beyond:
    return beyond_of(frame_of(rows_of(seeds=SEEDS[1:])))


def by_length(beyond: Beyond) -> Beyond:
    return dataclasses.replace(beyond, means=beyond.means.assign(factor=beyond.means["length"]))


def of_another_length(beyond: Beyond) -> Beyond:
    other = beyond.means.assign(train_length=beyond.means["train_length"].replace({50: 30}))
    return dataclasses.replace(beyond, means=other)


def better(beyond: Beyond) -> Beyond:
    return dataclasses.replace(beyond, seeds=beyond.seeds.assign(token_accuracy=0.9))


@pytest.mark.parametrize("twin", [without_a_seed, by_length, of_another_length, better])
def test_a_figure_of_other_rows_is_rejected(twin: Callable[[Beyond], Beyond]) -> None:
    with pytest.raises(AssertionError):
        check_shows(drawn(twin(full())), rows_of(), trained=TRAINED)


def test_lengths_without_a_longer_test_have_no_column() -> None:
    pairs = [pair for pair in PAIRS if pair[0] != 20 or pair[1] <= 20]
    beyond = beyond_of(frame_of(rows_of(pairs=pairs)))
    assert sorted(beyond.means["train_length"].unique()) == [10, 50]
    titles = [axis.get_title() for axis in drawn(beyond).axes[:2]]
    assert titles == ["trained up to 10", "trained up to 50"]


def test_a_seed_that_is_missing_leaves_a_hollow_point() -> None:
    rows = [
        row
        for row in rows_of()
        if (row.task, row.model, row.seed, row.train_length, row.length)
        != ("copy", "seq2seq", 2, 20, 40)
    ]
    figure = drawn(beyond_of(frame_of(rows)))
    lines = lines_of(figure)
    assert list(lines["hollow/beyond/copy/20/seq2seq"][0]) == [2.0]
    assert lines["hollow/beyond/copy/10/seq2seq"].size == 0
    assert "Hollow marker: fewer than 3 seeds finished." in texts_of(figure)


def test_a_panel_without_rows_says_so() -> None:
    rows = [row for row in rows_of() if (row.task, row.train_length) != ("sort", 20)]
    assert texts_of(drawn(beyond_of(frame_of(rows)))).count("no finished row") == 1


def test_what_is_shown_is_said() -> None:
    text = texts_of(drawn(full()))
    for part in (
        "tested at so many times the length trained for",
        "without training on them; the leftmost point is the length trained for.",
        "n = 3 seeds",
        "best constant answer",
    ):
        assert part in text
    assert "n = 1 seed, so no interval." in texts_of(
        drawn(beyond_of(frame_of(rows_of(seeds=(0,)))))
    )


def test_ticks_are_the_usual_factors_or_reach_as_far_as_the_tests() -> None:
    assert factor_ticks(np.array([1.0, 1.5])) == [1.0, 1.25, 1.5, 2.0]
    assert factor_ticks(np.array([1.25, 10.0])) == [1.0, 2.0, 5.0, 10.0]
    texts = [text.get_text() for text in drawn(full()).axes[-1].get_xticklabels()]
    assert texts == ["×1", "×1.25", "×1.5", "×2"]


@pytest.mark.parametrize("longest", [2, 10])
def test_text_stays_apart(longest: int) -> None:
    pairs = [
        (trained, factor * trained) for trained in (10, 20, 50, 100, 200) for factor in (1, longest)
    ]
    models = list(style.MODEL_STYLES)
    tasks = ("copy", "reverse", "sort")
    check_legible(drawn(beyond_of(frame_of(rows_of(tasks=tasks, models=models, pairs=pairs)))))


def test_the_same_rows_give_the_same_bytes() -> None:
    with style.themed():
        first, again = (rendered(beyond_figure(full()), kind="svg") for _ in range(2))
        other = rendered(beyond_figure(without_a_seed(full())), kind="svg")
    assert first == again
    assert first != other
