"""What a figure must show, read back from its artists."""

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.plots.accuracy import Panel
from reports.selection.curves import Curves


def lines_of(figure: Figure) -> dict[str, np.ndarray]:
    """Return the points of every line that shows data, by its id."""
    lines = figure.findobj(lambda artist: isinstance(artist, Line2D) and artist.get_gid())
    return {line.get_gid(): np.array(line.get_data(), dtype=float) for line in lines}


def bands_of(figure: Figure) -> dict[str, set[tuple[float, float]]]:
    found = figure.findobj(lambda artist: isinstance(artist, PolyCollection) and artist.get_gid())
    return {
        band.get_gid(): {
            (float(x), round(float(y), 9)) for path in band.get_paths() for x, y in path.vertices
        }
        for band in found
    }


def texts_of(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.findobj(match=has_text))


def has_text(artist: Any) -> bool:
    return hasattr(artist, "get_text") and bool(artist.get_text())


def check_shows(figure: Figure, curves: Curves, panels: tuple[Panel, ...]) -> None:
    """Raise AssertionError unless the artists hold these curves, all of them, and no other."""
    lines, bands = lines_of(figure), bands_of(figure)
    expected = {}
    for panel in panels:
        seeds = curves.seeds[curves.seeds["score"] == panel.score]
        for (task, model, seed), rows in seeds.groupby(["task", "model", "seed"]):
            expected[f"seed/{panel.score}/{task}/{model}/{seed}"] = points(rows, "value")
        means = curves.means[curves.means["score"] == panel.score]
        for (task, model), rows in means.groupby(["task", "model"]):
            place = f"{panel.score}/{task}/{model}"
            expected[f"mean/{place}"] = points(rows, "mean")
            check_markers(lines, rows, place=place, seeds=curves.facts.seeds)
            check_band(bands.pop(f"band/{place}", set()), rows)
        for name in panel.baselines:
            table = curves.baselines[curves.baselines["baseline"] == name]
            for task, rows in table.groupby("task"):
                expected[f"baseline/{panel.score}/{task}/{name}"] = points(rows, "value")
    shown = {
        name: line
        for name, line in lines.items()
        if name.split("/")[0] in ("seed", "mean", "baseline")
    }
    assert set(shown) == set(expected)
    for name, line in expected.items():
        np.testing.assert_array_equal(shown[name], line, err_msg=name)
    assert not bands


def check_markers(lines: dict[str, np.ndarray], rows: Any, *, place: str, seeds: int) -> None:
    """Markers lie on the mean; every point that lacks a seed is hollow, and no other."""
    rows = rows.sort_values("length")
    solid, hollow = lines[f"points/{place}"], lines[f"hollow/{place}"]
    some = rows[rows["n"] < seeds]
    np.testing.assert_array_equal(hollow, points(some, "mean"))
    allowed = {tuple(point) for point in points(rows[rows["n"] >= seeds], "mean").T}
    assert {tuple(point) for point in solid.T} <= allowed


def check_band(band: set[tuple[float, float]], rows: Any) -> None:
    rows = rows.dropna(subset="low")
    corners = {
        (float(row.length), round(float(end), 9))
        for row in rows.itertuples()
        for end in (row.low, row.high)
    }
    assert corners <= band
    assert {x for x, _ in band} <= {x for x, _ in corners}


def points(rows: Any, value: str) -> np.ndarray:
    rows = rows.sort_values("length")
    return np.array([rows["length"], rows[value]], dtype=float)
