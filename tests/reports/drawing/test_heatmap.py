from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.drawing import heatmap as heat
from reports.drawing import style
from reports.drawing.heatmap import Grid, draw_grid
from tests.reports.drawing.heat_checks import cells_of, colours_of, largest_of, squares_of
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import texts_of

X, Y = (1, 2, 3, 5, 9), (10, 20, 40)
ROWS, COLUMNS = ("copy", "sort"), ("a", "b")


def table() -> pd.DataFrame:
    """Return cells whose values differ; the panel of sort and b has none, that of sort and a one.

    One cell of copy and a has no value.
    """
    cells = [
        (row, column, x, y, (10 * ROWS.index(row) + 5 * COLUMNS.index(column) + x + y / 10) / 30)
        for row in ROWS
        for column in COLUMNS
        for x in X
        for y in Y
        if row == "copy" or (column, x, y) == ("a", 2, 20)
    ]
    frame = pd.DataFrame(cells, columns=["row", "column", "x", "y", "value"])
    frame.loc[(frame["x"] == 3) & (frame["y"] == 20) & (frame["column"] == "a"), "value"] = np.nan
    return frame


def grid_of(cells: pd.DataFrame, **changes: object) -> Grid:
    grid = Grid(
        table=cells,
        rows=ROWS,
        columns=COLUMNS,
        column_labels=("first", "second"),
        ylabel="length",
        value_label="share",
    )
    return replace(grid, **changes)  # type: ignore[arg-type]


def drawn(grid: Grid) -> Figure:
    with style.themed():
        return draw_grid(grid, title="A title", xlabel="position", caption="A caption.")


def check_shows(figure: Figure, cells: pd.DataFrame, *, is_scattered: bool) -> None:
    """Raise AssertionError unless the panels have these cells and no other."""
    for number, (row, column) in enumerate((row, column) for row in ROWS for column in COLUMNS):
        here = cells[(cells["row"] == row) & (cells["column"] == column)].dropna()
        expected = {(float(x), float(y)): value for _, _, x, y, value in here.itertuples(False)}
        found = (squares_of if is_scattered else cells_of)(figure.axes[number], expected)
        assert found == expected, (row, column)


@pytest.mark.parametrize("is_scattered", [False, True])
def test_every_cell_is_where_the_table_says(is_scattered: bool) -> None:
    cells = table()
    before = cells.copy()
    figure = drawn(grid_of(cells, is_scattered=is_scattered))
    check_shows(figure, cells, is_scattered=is_scattered)
    pd.testing.assert_frame_equal(cells, before)


def without_a_row(cells: pd.DataFrame) -> pd.DataFrame:
    return cells[(cells["row"] != "copy") | (cells["y"] != 40)]


def with_zeros(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.fillna({"value": 0.0})


def turned(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.rename(columns={"x": "y", "y": "x"})


def with_other_panels(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.replace({"column": {"a": "b", "b": "a"}})


def halved(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(value=cells["value"] / 2)


@pytest.mark.parametrize("is_scattered", [False, True])
@pytest.mark.parametrize("twin", [without_a_row, with_zeros, turned, with_other_panels, halved])
def test_a_figure_of_edited_cells_is_rejected(
    twin: Callable[[pd.DataFrame], pd.DataFrame], is_scattered: bool
) -> None:
    figure = drawn(grid_of(twin(table()), is_scattered=is_scattered))
    with pytest.raises(AssertionError):
        check_shows(figure, table(), is_scattered=is_scattered)


def test_a_panel_without_cells_says_so_and_names_stay() -> None:
    figure = drawn(grid_of(table()))
    assert [axis.texts[0].get_text() for axis in figure.axes if axis.texts] == ["no finished row"]
    assert figure.axes[3].texts
    assert [axis.get_title() for axis in figure.axes[:2]] == ["first", "second"]
    assert [figure.axes[place].get_ylabel() for place in (0, 2)] == ["copy\nlength", "sort\nlength"]
    assert {"A title", "A caption.", "position"} <= {text.get_text() for text in figure.texts}


def test_one_scale_of_colours_is_shared_and_named() -> None:
    figure = drawn(grid_of(table()))
    assert {colours_of(axis) for axis in figure.axes[:3]} == {(0.0, 1.0)}
    assert figure.axes[4].get_ylabel() == "share"
    assert len(figure.axes) == 5


def test_panels_with_scales_of_their_own_have_no_bar() -> None:
    cells = table()
    figure = drawn(grid_of(cells, limits=None))
    assert len(figure.axes) == 4
    for number, column in enumerate(COLUMNS):
        values = cells[(cells["row"] == "copy") & (cells["column"] == column)]["value"]
        assert colours_of(figure.axes[number]) == (0.0, values.max())
    cells["value"] = -cells["value"]
    low, high = colours_of(drawn(grid_of(cells, limits=None)).axes[1])
    here = cells[(cells["row"] == "copy") & (cells["column"] == "b")]["value"]
    assert (low, high) == (here.min(), here.max())


def check_largest(figure: Figure, cells: pd.DataFrame) -> None:
    """Raise AssertionError unless the largest value of each panel stands above it, in its unit."""
    for number, (row, column) in enumerate((row, column) for row in ROWS for column in COLUMNS):
        here = cells[(cells["row"] == row) & (cells["column"] == column)]["value"].dropna()
        expected = [f"largest {max(here):.3g} nats"] if len(here) else []
        assert largest_of(figure.axes[number]) == expected, (row, column)


@pytest.mark.parametrize("is_scattered", [False, True])
@pytest.mark.parametrize("limits", [None, (0.0, 1.0)])
def test_the_largest_value_stands_above_each_panel(
    limits: tuple[float, float] | None, is_scattered: bool
) -> None:
    changes = {"limits": limits, "is_scattered": is_scattered}
    figure = drawn(grid_of(table(), largest_text="largest {} nats", **changes))
    check_largest(figure, table())
    check_legible(figure)
    assert not any(largest_of(axis) for axis in drawn(grid_of(table(), **changes)).axes)


@pytest.mark.parametrize("twin", [with_other_panels, halved])
def test_another_largest_value_is_rejected(twin: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    figure = drawn(grid_of(twin(table()), largest_text="largest {} nats"))
    with pytest.raises(AssertionError):
        check_largest(figure, table())


def test_a_largest_value_without_room_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat, "CORNER_INCHES", 0.0)
    label = "Seq2Seq + additive attention"
    grid = grid_of(table(), column_labels=(label, label), largest_text="largest {} nats")
    with pytest.raises(AssertionError, match="largest"):
        check_legible(drawn(grid))


def test_a_table_without_values_is_drawn() -> None:
    figure = drawn(grid_of(table().assign(value=np.nan)))
    assert texts_of(figure).count("no finished row") == 4
    assert len(figure.axes) == 4


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("is_scattered", [False, True])
def test_text_stays_apart(count: int, is_scattered: bool) -> None:
    looks = list(style.MODEL_STYLES.values())[-count:]
    names = [str(number) for number in range(count)]
    parts = [table().query("column == 'a'").assign(column=name) for name in names]
    grid = grid_of(
        pd.concat(parts),
        columns=names,
        column_labels=[look.label for look in looks],
        is_scattered=is_scattered,
    )
    check_legible(drawn(grid))
