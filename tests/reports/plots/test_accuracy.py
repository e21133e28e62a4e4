import dataclasses
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.drawing import style
from reports.plots.accuracy import (
    CARRIED_BITS,
    EXACT_MATCH,
    FREE_RUNNING,
    TEACHER_FORCED,
    Panel,
    accuracy_figure,
    bits_figure,
    sequence_figure,
)
from reports.selection.captions import curves_caption
from reports.selection.curves import Curves, curves_of
from tests.reports.figure_checks import check_shows, lines_of, texts_of
from tests.reports.synthetic import accuracy_row, accuracy_rows, failed, frame_of

LENGTHS = (10, 20, 50)
FIGURES: list[tuple[Callable[[Curves], Figure], tuple[Panel, ...]]] = [
    (accuracy_figure, (FREE_RUNNING, TEACHER_FORCED)),
    (sequence_figure, (EXACT_MATCH,)),
    (bits_figure, (CARRIED_BITS,)),
]
ALL = pytest.mark.parametrize(("draw", "panels"), FIGURES)


def rows_of(case: str, *, tasks: tuple[str, ...] = ("copy", "sort")) -> list[Any]:
    rows = accuracy_rows(tasks=tasks, lengths=LENGTHS)
    if case == "partial":
        kept = [row for row in rows if row.seed == 0 or row.length < 50 or row.task == "sort"]
        return [failed(row) if row.model == "rnn" and row.seed == 1 else row for row in kept]
    if case == "single seed":
        return [row for row in rows if row.seed == 0]
    if case == "all failed":
        return [failed(row) for row in rows]
    if case == "plug-in":
        return accuracy_rows(tasks=tasks, models=("rnn", "rnn-aligned", "mamba"), lengths=LENGTHS)
    return rows


CASES = ("full", "partial", "single seed", "all failed", "plug-in")


@pytest.fixture(scope="module", params=CASES)
def curves(request: pytest.FixtureRequest) -> Curves:
    return curves_of(frame_of(rows_of(request.param)))


@pytest.fixture(scope="module")
def full() -> Curves:
    return curves_of(frame_of(rows_of("full")))


def drawn(draw: Callable[[Curves], Figure], curves: Curves) -> Figure:
    with style.themed():
        return draw(curves)


@ALL
def test_a_figure_shows_its_curves_and_nothing_else(
    draw: Callable[[Curves], Figure], panels: tuple[Panel, ...], curves: Curves
) -> None:
    check_shows(drawn(draw, curves), curves, panels)


def without_a_seed(curves: Curves) -> Curves:
    return dataclasses.replace(curves, seeds=curves.seeds[curves.seeds["seed"] != 2])


def without_a_point(curves: Curves) -> Curves:
    return dataclasses.replace(curves, means=curves.means[curves.means["length"] != 20])


def without_baselines(curves: Curves) -> Curves:
    return dataclasses.replace(curves, baselines=curves.baselines[:0])


def with_zeros(curves: Curves) -> Curves:
    return dataclasses.replace(curves, seeds=curves.seeds.fillna({"value": 0.0}))


def with_smoothing(curves: Curves) -> Curves:
    means = curves.means.copy()
    means["mean"] = means.groupby(["task", "model", "score"])["mean"].cummin() * 0.999
    return dataclasses.replace(curves, means=means)


def without_interval(curves: Curves) -> Curves:
    return dataclasses.replace(curves, means=curves.means.assign(low=float("nan")))


def with_all_seeds_claimed(curves: Curves) -> Curves:
    return dataclasses.replace(curves, means=curves.means.assign(n=curves.facts.seeds))


@pytest.mark.parametrize(
    "twin",
    [
        without_a_seed,
        without_a_point,
        without_baselines,
        with_zeros,
        with_smoothing,
        without_interval,
        with_all_seeds_claimed,
    ],
)
def test_a_figure_of_edited_curves_is_rejected(twin: Callable[[Curves], Curves]) -> None:
    partial = curves_of(frame_of(rows_of("partial", tasks=("sort",))))
    with pytest.raises((AssertionError, KeyError)):
        check_shows(drawn(bits_figure, twin(partial)), partial, (CARRIED_BITS,))


@ALL
def test_drawing_leaves_its_tables_as_they_were(
    draw: Callable[[Curves], Figure], panels: tuple[Panel, ...], full: Curves
) -> None:
    before = {name: getattr(full, name).copy() for name in ("seeds", "means", "baselines")}
    drawn(draw, full)
    for name, table in before.items():
        pd.testing.assert_frame_equal(getattr(full, name), table)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            "full",
            "n = 3 seeds: line, their mean; thin lines, each seed; band, 95 % t-interval of the "
            "mean. Protocol",
        ),
        ("full", "Protocol: curriculum (one model climbs from short to long"),
        (
            "full",
            "Cell: LSTM, state 64, two-way encoder. Alphabet: 16 symbols (copy), "
            "128 symbols (sort). 1,024 test sequences per point.",
        ),
        ("partial", "Hollow marker: fewer than 3 seeds finished."),
        ("partial", "5 of 64 rows did not finish: no point stands for them."),
        ("single seed", "n = 1 seed, so no interval."),
        ("all failed", "n = 0 of 3 seeds: no row finished."),
        ("all failed", "72 of 72 rows did not finish"),
    ],
)
def test_the_caption_states_what_a_reader_must_know(case: str, sentence: str) -> None:
    curves = curves_of(frame_of(rows_of(case)))
    assert sentence in curves_caption(curves, scores=["token_accuracy"], explanation="")


def test_the_caption_stands_in_the_figure(full: Curves) -> None:
    caption = curves_caption(full, scores=["sequence_accuracy"], explanation="")
    assert caption.strip() in texts_of(drawn(sequence_figure, full))


def test_a_panel_without_values_says_so() -> None:
    figure = drawn(bits_figure, curves_of(frame_of(rows_of("all failed"))))
    assert texts_of(figure).count("no finished row") == 2


def test_rows_that_are_left_out_are_counted_in_the_caption() -> None:
    rows = [*rows_of("full", tasks=("copy",)), accuracy_row("copy", "rnn", 0, 400, train_length=50)]
    figure = drawn(sequence_figure, curves_of(frame_of(rows)))
    assert "Not shown: 1 row tested at a length that the model was not trained" in texts_of(figure)
    assert 400.0 not in lines_of(figure)["mean/sequence_accuracy/copy/rnn"][0]


def test_axes_are_honest(full: Curves) -> None:
    for draw in (accuracy_figure, sequence_figure):
        for axis in drawn(draw, full).axes:
            assert axis.get_ylim() == (0.0, 1.0)
            assert axis.get_xlim()[0] == 0.0
    axes = drawn(bits_figure, full).axes
    assert {axis.get_ylim() for axis in axes} == {axes[0].get_ylim()}
    assert axes[0].get_ylim()[0] == 0.0


def test_bits_below_zero_are_not_cut_off() -> None:
    rows = accuracy_rows(lengths=LENGTHS, models=("rnn",), carried_bits=-5.0)
    axis = drawn(bits_figure, curves_of(frame_of(rows))).axes[0]
    assert axis.get_ylim()[0] < -5.0
