import math
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.drawing import style
from reports.figures import rendered
from reports.plots.extrapolation_map import extrapolated, extrapolation_figure
from results.schema.rows import AccuracyRow
from tests.reports.drawing.heat_checks import colours_of, squares_of
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import texts_of
from tests.reports.synthetic import accuracy_row, failed, frame_of

PAIRS = ((10, 10), (10, 12), (10, 20), (20, 20), (20, 25))
MODELS = ("rnn", "seq2seq+dot")


def rows_of(
    *,
    tasks: Sequence[str] = ("copy", "sort"),
    models: Sequence[str] = MODELS,
    seeds: Sequence[int] = (0, 1, 2),
    pairs: Sequence[tuple[int, int]] = PAIRS,
    **changes: object,
) -> list[AccuracyRow]:
    return [
        accuracy_row(task, model, seed, length, train_length=trained, **changes)
        for task in tasks
        for model in models
        for seed in seeds
        for trained, length in pairs
    ]


def drawn(rows: pd.DataFrame) -> Figure:
    with style.themed():
        return extrapolation_figure(rows)


def test_all_lengths_tested_are_kept_where_one_was_beyond_training() -> None:
    frame = frame_of(rows_of())
    pd.testing.assert_frame_equal(extrapolated(frame), frame)


def test_without_a_longer_test_there_is_nothing_to_show() -> None:
    assert extrapolated(frame_of(rows_of(pairs=((10, 10), (20, 20), (20, 10))))).empty
    assert extrapolated(frame_of(rows_of(protocol="mixed"))).empty


def test_rows_that_did_not_finish_are_no_test() -> None:
    rows = rows_of()
    assert len(extrapolated(frame_of([failed(rows[0]), *rows[1:]]))) == len(rows) - 1
    beyond = [failed(row) if row.length > row.train_length else row for row in rows]
    assert extrapolated(frame_of(beyond)).empty


def check_shows(figure: Figure, rows: Sequence[AccuracyRow]) -> None:
    """Raise AssertionError unless each square is the mean over seeds at its two lengths."""
    tasks = sorted({row.task for row in rows})
    models = list(style.styles_for(row.model for row in rows))
    places = [(task, model) for task in tasks for model in models]
    for axis, place in zip(figure.axes, places, strict=False):
        scores: dict[tuple[float, float], list[float]] = {}
        for row in rows:
            if (row.task, row.model) == place and row.token_accuracy is not None:
                at = (float(row.length), float(row.train_length))
                scores.setdefault(at, []).append(row.token_accuracy)
        assert squares_of(axis) == pytest.approx({at: fmean(each) for at, each in scores.items()})


def test_the_figure_shows_the_mean_at_both_lengths() -> None:
    frame = frame_of(rows_of())
    before = frame.copy()
    figure = drawn(frame)
    pd.testing.assert_frame_equal(frame, before)
    check_shows(figure, rows_of())
    assert colours_of(figure.axes[0]) == (0.0, 1.0)
    assert figure.axes[0].get_ylabel() == "copy\ntrained up to"
    text = texts_of(figure)
    assert "tested at (items)" in text
    assert "mean of 3 seeds. The line: tested at the length trained for." in text


def without_a_seed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["seed"] != 0]


def forced(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(token_accuracy=rows["teacher_forced_token_accuracy"])


def turned(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"length": "train_length", "train_length": "length"})


def without_extrapolation(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["length"] == rows["train_length"]]


@pytest.mark.parametrize("twin", [without_a_seed, forced, turned, without_extrapolation])
def test_a_figure_of_other_rows_is_rejected(
    twin: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    with pytest.raises(AssertionError):
        check_shows(drawn(twin(frame_of(rows_of()))), rows_of())


def test_the_line_joins_equal_lengths() -> None:
    for axis in drawn(frame_of(rows_of())).axes[:4]:
        (line,) = axis.lines
        assert list(line.get_xdata()) == list(line.get_ydata()) == [10, 20]


ASKED = tuple(
    (trained, math.ceil(factor * trained))
    for trained in range(10, 101, 10)
    for factor in (1, 1.25, 1.5, 2)
)


def check_squares_stand_apart(axis: Axes) -> None:
    """Raise AssertionError where squares of four points cover each other by more than a point."""
    centres = axis.transData.transform(list(squares_of(axis))) / axis.figure.dpi * 72
    distances = np.abs(centres[:, None] - centres[None]).max(axis=2)
    assert distances[~np.eye(len(centres), dtype=bool)].min() >= 3.0


def test_squares_of_the_usual_lengths_stand_apart() -> None:
    axis = drawn(frame_of(rows_of(tasks=("copy",), seeds=(0,), pairs=ASKED))).axes[0]
    assert len(squares_of(axis)) == len(ASKED)
    check_squares_stand_apart(axis)
    assert [text.get_text() for text in axis.get_yticklabels()] == ["10", "20", "50", "100"]
    axis.set_xscale("linear")
    axis.set_yscale("linear")
    with pytest.raises(AssertionError):
        check_squares_stand_apart(axis)


def test_one_seed_is_said_and_a_panel_without_rows_says_so() -> None:
    rows = [row for row in rows_of(seeds=(1,)) if (row.task, row.model) != ("sort", "seq2seq+dot")]
    figure = drawn(frame_of(rows))
    text = texts_of(figure)
    assert "mean of 1 seed." in text
    assert text.count("no finished row") == 1
    assert figure.axes[3].texts
    assert not squares_of(figure.axes[3])


@pytest.mark.parametrize("count", [1, 6])
def test_text_stays_apart(count: int) -> None:
    models = list(style.MODEL_STYLES)[-count:]
    check_legible(drawn(frame_of(rows_of(models=models, seeds=(0,)))))


def test_the_same_rows_give_the_same_bytes() -> None:
    frame = frame_of(rows_of(tasks=("copy",)))
    with style.themed():
        first, again = (rendered(extrapolation_figure(frame), kind="svg") for _ in range(2))
        other = rendered(extrapolation_figure(without_a_seed(frame)), kind="svg")
    assert first == again
    assert first != other
