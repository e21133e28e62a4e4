import dataclasses
from collections.abc import Callable

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports.drawing import axes as scales
from reports.drawing import style
from reports.drawing.frame import LEFT_INCHES
from reports.plots import throughput
from reports.plots.accuracy import sequence_figure
from reports.plots.compute import compute_figure
from reports.plots.operations import compute_of
from reports.plots.throughput import memory_figure, throughput_figure
from reports.plots.throughput_data import Costs, costs_of
from reports.selection.curves import curves_of
from results.schema.rows import AccuracyRow
from tests.reports.synthetic import (
    MODELS,
    accuracy_rows,
    cost_failed,
    failed,
    frame_of,
    throughput_rows,
)


def drawn(rows: list[AccuracyRow]) -> Figure:
    with style.themed():
        return sequence_figure(curves_of(frame_of(rows)))


@pytest.mark.parametrize(
    ("tasks", "models"),
    [
        (("copy",), (*style.MODEL_STYLES, "package.module:build_a_model")),
        (("copy", "reverse", "sort"), MODELS),
    ],
)
def test_no_text_leaves_the_figure_or_covers_another(
    tasks: tuple[str, ...], models: tuple[str, ...]
) -> None:
    rows = accuracy_rows(tasks=tasks, models=models, seeds=(0, 1), lengths=(10, 20))
    figure = drawn([failed(rows[0]), *rows[1:]])
    check_legible(figure)


def test_text_that_does_leave_the_figure_is_found() -> None:
    rows = accuracy_rows(tasks=("copy",), models=("rnn",), seeds=(0, 1), lengths=(10, 20))
    figure = drawn(rows)
    figure.text(0.9, 0.5, "a text that is much too long")
    with pytest.raises(AssertionError):
        check_legible(figure)


def costs_drawn(draw: Callable[[Costs], Figure], models: tuple[str, ...]) -> Figure:
    rows = throughput_rows(models=models)
    with style.themed():
        return draw(costs_of(frame_of([cost_failed(rows[0]), *rows[1:]])))


@pytest.mark.parametrize("draw", [throughput_figure, memory_figure])
@pytest.mark.parametrize("models", [MODELS, (*style.MODEL_STYLES, "package.module:build_a_model")])
def test_costs_and_their_growth_are_legible(
    draw: Callable[[Costs], Figure], models: tuple[str, ...]
) -> None:
    check_legible(costs_drawn(draw, models))


def test_labels_of_bytes_that_find_no_room_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = dataclasses.replace(throughput.PEAK_MEMORY, left_inches=LEFT_INCHES)
    monkeypatch.setattr(throughput, "PEAK_MEMORY", narrow)
    with pytest.raises(AssertionError, match="peak memory"):
        check_legible(costs_drawn(memory_figure, MODELS))


def compute_drawn() -> Figure:
    with style.themed():
        return compute_figure(compute_of(frame_of(accuracy_rows())))


def test_accuracy_against_operations_is_legible() -> None:
    check_legible(compute_drawn())


def test_ticks_that_overlap_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scales, "MOST_TICKS_WITH_TEXT", 100)
    with pytest.raises(AssertionError, match="G"):
        check_legible(compute_drawn())


def check_legible(figure: Figure) -> None:
    with style.themed():
        figure.set_dpi(150)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        texts = [
            *figure.texts,
            *(text for axis in figure.axes for text in texts_in(axis)),
            *(text for legend in figure.legends for text in legend.get_texts()),
        ]
        boxes = [
            # Of the text alone: the line that leads an annotation to its point may pass others.
            (text.get_text(), Text.get_window_extent(text, renderer))
            for text in texts
            if text.get_text() and text.get_visible()
        ]
    width, height = figure.bbox.width, figure.bbox.height
    for place, (text, box) in enumerate(boxes):
        is_inside = 0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height
        assert is_inside, text
        for other, beside in boxes[:place]:
            assert not box.overlaps(beside), (text, other)


def texts_in(axes: Axes) -> list[Text]:
    texts = [axes.title, axes.yaxis.label, *axes.texts]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return texts
