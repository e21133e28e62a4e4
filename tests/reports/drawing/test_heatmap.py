import numpy as np
import pandas as pd
from matplotlib.collections import QuadMesh

from reports.drawing import style
from reports.drawing.frame import framed
from reports.drawing.heatmap import draw_heatmaps

X, Y = (1, 2, 3, 5, 9), (10, 20, 40)


def table():
    """Return cells whose values differ; of sort and b there is none, of copy and a one is NaN."""
    cells = [
        (row, column, x, y, (10 * (row == "sort") + 5 * (column == "b") + x + y / 10) / 30)
        for row, column in (("copy", "a"), ("copy", "b"), ("sort", "a"))
        for x in X
        for y in Y
    ]
    frame = pd.DataFrame(cells, columns=["row", "column", "x", "y", "value"])
    frame.loc[(frame["x"] == 3) & (frame["y"] == 20) & (frame["column"] == "a"), "value"] = np.nan
    return frame


def test_every_cell_is_where_the_table_says():
    cells = table()
    with style.themed():
        grid = draw_heatmaps(
            cells,
            rows=("copy", "sort"),
            columns={"a": "first", "b": "second"},
            ylabel="length",
            limits=None,
            largest_text="largest {}",
        )
        framed(grid.figure, title="A title", caption="A caption.").canvas.draw()
    pd.testing.assert_frame_equal(cells, table())
    for (row, column), axis in grid.axes_dict.items():
        here = cells[(cells["row"] == row) & (cells["column"] == column)]
        if here.empty:
            assert [text.get_text() for text in axis.texts] == ["no finished row"]
            continue
        (mesh,) = [each for each in axis.collections if isinstance(each, QuadMesh)]
        expected = here.pivot(index="y", columns="x", values="value").to_numpy()
        shown = np.ma.filled(mesh.get_array().reshape(expected.shape), np.nan)
        np.testing.assert_array_equal(shown, expected)
        assert mesh.get_clim() == (0, here["value"].max())
        assert axis.get_ylim() == (0, 3)  # From the bottom upwards.
        assert axis.texts[0].get_text() == f"largest {here['value'].max():.3g}"
    last = grid.axes[1, 0]
    assert [label.get_text() for label in last.get_xticklabels()] == ["1", "5", "9"]
    assert [label.get_text() for label in last.get_yticklabels()] == ["10", "20", "40"]
