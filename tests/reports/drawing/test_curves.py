"""The panel that all curves share, read back from what seaborn drew."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from scipy import stats

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves, label_ends
from reports.drawing.style import styles_of_lines
from results.wording import NEVER_IN_A_NAME

LENGTHS = (10, 20, 30, 40)
VALUES = {
    0: [0.9, 0.7, 0.4, 0.2],
    1: [0.8, 0.5, 0.3, 0.1],
    2: [1.0, 0.6, 0.35, 0.15],
    3: [0.85, 0.65, 0.45, 0.25],
    4: [0.95, 0.55, 0.25, 0.05],
}


def table_of(values):
    table = pd.DataFrame(
        [
            ("score", "copy", "seq2seq", seed, length, float(length), value)
            for seed, of_seed in values.items()
            for length, value in zip(LENGTHS, of_seed, strict=True)
        ],
        columns=["row", "column", "line", "seed", "length", "x", "y"],
    )
    line = f"{NEVER_IN_A_NAME}constant_accuracy"
    baseline = table[table["seed"] == 0].assign(line=line, seed=np.nan, y=0.06)
    counts = table.groupby("length")["y"].transform("count")
    table["is_complete"] = counts == len(values)
    return pd.concat([table, baseline.assign(is_complete=True)], ignore_index=True)


SHARE = Panel("score", "share")


def drawn(table, panel=SHARE):
    before, looks = table.copy(), styles_of_lines(table["line"].unique())
    with style.themed():
        grid = draw_curves(table, [panel], columns={"copy": "copy"}, looks=looks)
        plt.close(grid.figure)
    pd.testing.assert_frame_equal(table, before)
    return grid.axes[0, 0]


def lines_of(axis, *, width, colour):
    """Return the points of the lines of a width and colour, those without points left out."""
    return [
        np.array(line.get_xydata()).tolist()
        for line in axis.lines
        if (line.get_linewidth(), to_hex(line.get_color())) == (width, colour.lower())
        and len(line.get_xydata())
    ]


SEQ2SEQ = style.MODEL_STYLES["seq2seq"]
GUESSING = style.BASELINE_STYLES["constant_accuracy"]


def means_of(axis):
    return lines_of(axis, width=SEQ2SEQ.width, colour=SEQ2SEQ.colour)


def test_every_seed_their_mean_its_t_interval_and_the_baseline_are_drawn():
    axis = drawn(table_of(VALUES))
    seeds = lines_of(axis, width=0.5, colour=SEQ2SEQ.colour)
    assert seeds == [
        [list(point) for point in zip(LENGTHS, of, strict=True)] for of in VALUES.values()
    ]
    (mean,) = means_of(axis)
    columns = np.array(list(VALUES.values()))
    np.testing.assert_allclose(mean, np.transpose([LENGTHS, columns.mean(axis=0)]))
    (band,) = [each for each in axis.collections if isinstance(each, PolyCollection)]
    corners = {(x, round(y, 9)) for x, y in band.get_paths()[0].vertices}
    low, high = stats.t.interval(0.95, 4, columns.mean(axis=0), stats.sem(columns))
    expected = {
        (x, round(y, 9)) for ends in (low, high) for x, y in zip(LENGTHS, ends, strict=True)
    }
    assert corners == expected
    (baseline,) = lines_of(axis, width=GUESSING.width, colour=GUESSING.colour)
    assert baseline == [[length, 0.06] for length in LENGTHS]
    assert axis.get_ylim() == (0, 1)


def test_four_seeds_have_no_band():
    axis = drawn(table_of({seed: VALUES[seed] for seed in range(4)}))
    assert len(lines_of(axis, width=0.5, colour=SEQ2SEQ.colour)) == 4
    bands = [each for each in axis.collections if isinstance(each, PolyCollection)]
    assert not any(np.isfinite(path.vertices).all() for each in bands for path in each.get_paths())


def ends_of(table, columns):
    looks = styles_of_lines(table["line"].unique())
    with style.themed():
        grid = draw_curves(table, [SHARE], columns=columns, looks=looks)
        left = label_ends(grid, table, looks)
        plt.close(grid.figure)
    return left, [text.get_text() for text in grid.axes[0, -1].texts if text.get_gid() == "end"]


def test_lines_are_named_at_their_ends_where_all_of_them_end_and_there_is_room():
    table = table_of(VALUES)
    left, ends = ends_of(table, {"copy": "copy"})
    assert (left, sorted(ends)) == ({}, ["Seq2Seq", "guessing"])
    line = f"{NEVER_IN_A_NAME}constant_accuracy"
    heights = {"seq2seq": 0.15, line: 0.06}
    for panel in (SHARE, Panel("score", "share", False, is_logarithmic=True)):
        looks = styles_of_lines(table["line"].unique())
        with style.themed():
            grid = draw_curves(table, [panel], columns={"copy": "copy"}, looks=looks)
            label_ends(grid, table, looks)
            plt.close(grid.figure)
        axis = grid.axes[0, 0]
        for name, height in heights.items():
            (text,) = [each for each in axis.texts if each.get_text() == looks[name].label]
            end = (axis.transData - axis.transAxes).transform((40, height))[1]
            assert text.get_position()[1] == pytest.approx(end, abs=0.06)
    other = table[table["line"] == "seq2seq"].assign(column="sort")
    long = table.assign(line=table["line"].replace("seq2seq", "x" * 60))
    for without, columns in (
        (pd.concat([table, other]), {"copy": "copy", "sort": "sort"}),
        (long, {"copy": "copy"}),
        (table, {"copy": "copied " * 20}),
    ):
        left, ends = ends_of(without, columns)
        assert (set(left), ends) == (set(without["line"]), [])


def test_a_gap_is_not_drawn_across_and_a_mean_without_a_seed_is_hollow():
    """A failed seed has two lines and leaves a hollow mean; where all failed, the mean has two."""
    some = {**VALUES, 0: [0.9, np.nan, 0.4, 0.2]}
    axis = drawn(table_of(some))
    seeds = lines_of(axis, width=0.5, colour=SEQ2SEQ.colour)
    assert sorted(map(len, seeds)) == [1, 2, 4, 4, 4, 4]
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "white"]
    (points,) = [line.get_xydata() for line in hollow]
    np.testing.assert_allclose(points, [[20, 0.575]])
    every = {seed: [of[0], np.nan, *of[2:]] for seed, of in VALUES.items()}
    assert [[x for x, _ in line] for line in means_of(drawn(table_of(every)))] == [[10], [30, 40]]


def test_means_on_a_logarithmic_axis_are_geometric():
    axis = drawn(table_of(VALUES), Panel("score", "effect", False, is_logarithmic=True))
    (mean,) = means_of(axis)
    geometric = np.exp(np.log(list(VALUES.values())).mean(axis=0))
    np.testing.assert_allclose([y for _, y in mean], geometric)
