import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from synthetic import MODELS, accuracy_rows, failed, frame_of

from reports import style
from reports.curves import curves_of
from reports.drawing import sequence_figure
from results.schema import AccuracyRow


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


def check_legible(figure: Figure) -> None:
    with style.themed():
        figure.set_dpi(150)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        texts = [
            *figure.texts,
            *(text for axis in figure.axes for text in (axis.title, axis.yaxis.label)),
            *(text for legend in figure.legends for text in legend.get_texts()),
        ]
        boxes = {
            text.get_text(): text.get_window_extent(renderer) for text in texts if text.get_text()
        }
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes.items():
        is_inside = 0 <= box.x0 < box.x1 <= width and 0 <= box.y0 < box.y1 <= height
        assert is_inside, text
        for other, beside in boxes.items():
            assert text == other or not box.overlaps(beside), (text, other)
