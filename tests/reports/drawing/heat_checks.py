"""What a heat map shows, read back from its artists."""

from collections.abc import Collection

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh

Cells = dict[tuple[float, float], float]


def cells_of(axis: Axes, expected: Collection[tuple[float, float]] = ()) -> Cells:
    """Return the cells that have a colour, by the centre that is expected of them.

    Args:
        expected: x and y of the cells; a cell that holds none or several fails.
    """
    meshes = [artist for artist in axis.collections if isinstance(artist, QuadMesh)]
    assert len(meshes) <= 1
    found: Cells = {}
    for mesh in meshes:
        corners = np.asarray(mesh.get_coordinates())
        values = np.ma.masked_invalid(np.ma.asarray(mesh.get_array())).reshape(
            corners.shape[0] - 1, corners.shape[1] - 1
        )
        for (row, column), value in np.ma.ndenumerate(values):
            (left, low), (right, high) = corners[row, column], corners[row + 1, column + 1]
            inside = [(x, y) for x, y in expected if left < x < right and low < y < high]
            assert len(inside) == 1, f"cell {left}..{right}, {low}..{high} holds {inside}"
            found[inside[0]] = float(value)
    return found


def squares_of(axis: Axes, expected: Collection[tuple[float, float]] = ()) -> Cells:
    """Return the values of the squares that stand alone, by x and y."""
    return {
        (float(x), float(y)): float(value)
        for squares in axis.collections
        if isinstance(squares, PathCollection) and squares.get_array() is not None
        for (x, y), value in zip(
            np.asarray(squares.get_offsets()), np.asarray(squares.get_array()), strict=True
        )
    }


def rings_of(axis: Axes) -> dict[str, set[tuple[float, float]]]:
    """Return where the rings of a panel are, by their id."""
    return {
        str(rings.get_gid()): {(float(x), float(y)) for x, y in np.asarray(rings.get_offsets())}
        for rings in axis.collections
        if rings.get_gid()
    }


def largest_of(axis: Axes) -> list[str]:
    """Return what stands above a panel about its largest value."""
    return [text.get_text() for text in axis.texts if text.get_text().startswith("largest")]


def colours_of(axis: Axes) -> tuple[float, float]:
    """Return the values at the ends of the colours."""
    (shown,) = [artist for artist in axis.collections if artist.get_array() is not None]
    low, high = shown.get_clim()
    assert low is not None
    assert high is not None
    return float(low), float(high)
