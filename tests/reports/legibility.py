"""What every figure has to be: drawn as PNG, and legible."""

from itertools import combinations

from matplotlib.text import Text

from reports.drawing import style
from reports.drawing.frame import WIDTH_INCHES
from reports.figures import main

LONG_NAME = f"package.{'long' * 10}:build_model"
LEAST_PIXELS, SHOWN_PIXELS = 11, 830


def drawn(folder, out):
    assert main(["--results", str(folder), "--out", str(out)]) == 0
    assert {path.suffix for path in out.iterdir()} <= {".png"}
    return {path.stem for path in out.iterdir()}


def check_legible(figure, *, caption_lines=2):
    """A figure fits its width, no text is small or covers another, a caption has few lines."""
    least_points = 72 * (WIDTH_INCHES + 0.2) * LEAST_PIXELS / SHOWN_PIXELS
    with style.themed():
        figure.draw_without_rendering()
        # PNGs are cut to this box and get 0.08 inches at either side.
        assert figure.get_tightbbox().width + 0.16 <= WIDTH_INCHES + 0.2
        hidden = {
            label
            for axes in figure.axes
            for axis in (axes.xaxis, axes.yaxis)
            for tick in axis.get_major_ticks()
            if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
            for label in (tick.label1, tick.label2)
        }
        texts = [
            text
            for text in figure.findobj(Text)
            if text.get_text().strip() and text.get_visible() and text not in hidden
        ]
        # Of the text alone: the line that leads an annotation to its point may pass others.
        boxes = [(text, Text.get_window_extent(text)) for text in texts]
    for (one, box), (other, beside) in combinations(boxes, 2):
        assert not box.overlaps(beside), (one.get_text(), other.get_text())
    assert min(text.get_fontsize() for text in texts) >= least_points - 0.05
    (caption,) = (box for text, box in boxes if text.get_gid() == "caption")
    assert caption.height < (caption_lines + 1) * style.SMALL_SIZE / 72 * figure.dpi
