import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.drawing import style
from reports.figures import rendered
from reports.plots.throughput import memory_figure, throughput_figure
from reports.plots.throughput_data import (
    MEMORY,
    TIME,
    Costs,
    costs_of,
    exponents_of,
    phases_of,
    split_by_setting,
)
from results.errors import ResultsError
from results.stats.power_law import growth
from tests.reports.figure_checks import bands_of, lines_of, texts_of
from tests.reports.synthetic import cost_failed, frame_of, throughput_row, throughput_rows

LENGTHS = (10, 50, 100, 200)
Draw = Callable[[Costs], Figure]
DRAWN = [
    (throughput_figure, "tokens_per_second", "rate"),
    (memory_figure, "peak_memory", "memory_bytes"),
]
BOTH = pytest.mark.parametrize(("draw", "name", "column"), DRAWN)


def test_the_band_is_the_middle_half_of_the_rounds() -> None:
    row = throughput_rows(models=("rnn",), lengths=(10,))[0]
    found = costs_of(frame_of([row])).table.iloc[0]
    assert found["rate"] == row.tokens_per_second
    tokens = row.tokens_per_second * row.median_seconds
    slow = row.median_seconds + row.iqr_seconds / 2
    fast = row.median_seconds - row.iqr_seconds / 2
    np.testing.assert_allclose([found["low"], found["high"]], [tokens / slow, tokens / fast])


def check_shows(figure: Figure, costs: Costs, *, name: str, column: str) -> None:
    """Raise AssertionError unless the figure shows these values, their spread and their noise."""
    lines, bands = lines_of(figure), bands_of(figure)
    for (phase, model), rows in costs.table.groupby(["phase", "model"]):
        place = f"{name}/{phase}/{model}"
        rows = rows.sort_values("length")
        values = rows[["length", column]].to_numpy(dtype=float).T
        np.testing.assert_array_equal(lines[f"mean/{place}"], values)
        is_timed = column == "rate"
        present = set(rows["length"][rows["low"].notna()].astype(float)) if is_timed else set()
        assert {x for x, _ in bands.get(f"band/{place}", set())} == present
        is_hollow = rows["is_noisy"].to_numpy() & is_timed
        np.testing.assert_array_equal(lines[f"hollow/{place}"], values[:, is_hollow])
        np.testing.assert_array_equal(lines[f"points/{place}"], values[:, ~is_hollow])


@BOTH
def test_the_figure_shows_the_costs_on_logarithmic_axes(draw: Draw, name: str, column: str) -> None:
    rows = throughput_rows(lengths=LENGTHS)
    costs = costs_of(frame_of([cost_failed(rows[0]), *rows[1:]]))
    assert costs.table["is_noisy"].nunique() == 2
    with style.themed():
        figure = draw(costs)
    check_shows(figure, costs, name=name, column=column)
    assert {(axis.get_xscale(), axis.get_yscale()) for axis in figure.axes} == {("log", "log")}
    assert [axis.get_title() for axis in figure.axes] == [
        "training step",
        "teacher-forced forward pass",
        "greedy decoding",
    ]
    text = texts_of(figure)
    assert "some processor, 1 thread. Cell: LSTM, state 64, two-way encoder." in text
    assert "Batch: 64." in text
    assert "1 of 48 rows did not finish" in text


def without_a_length(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["length"] != 50]


def with_other_noise(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(is_noisy=~table["is_noisy"])


def with_doubled_values(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(rate=2 * table["rate"], memory_bytes=2 * table["memory_bytes"])


@pytest.mark.parametrize("twin", [without_a_length, with_other_noise, with_doubled_values])
def test_a_figure_of_edited_costs_is_rejected(twin: Callable[[Any], Any]) -> None:
    costs = costs_of(frame_of(throughput_rows(lengths=LENGTHS)))
    with style.themed():
        figure = throughput_figure(dataclasses.replace(costs, table=twin(costs.table)))
    with pytest.raises(AssertionError):
        check_shows(figure, costs, name="tokens_per_second", column="rate")


def test_drawing_leaves_its_tables_as_they_were() -> None:
    costs = costs_of(frame_of(throughput_rows(lengths=LENGTHS)))
    table, fits = costs.table.copy(), costs.growth.copy()
    for draw, *_ in DRAWN:
        with style.themed():
            draw(costs)
    pd.testing.assert_frame_equal(costs.table, table)
    pd.testing.assert_frame_equal(costs.growth, fits)


@BOTH
def test_all_failed_is_drawn_without_points(draw: Draw, name: str, column: str) -> None:
    rows = [cost_failed(row) for row in throughput_rows(lengths=LENGTHS)]
    with style.themed():
        figure = draw(costs_of(frame_of(rows)))
        rendered(figure, kind="png")
    text = texts_of(figure)
    assert text.count("no finished row") == 3
    assert "too few lengths from 50 on to fit any" in text
    assert "p =" not in text
    assert all(np.isnan(line[1]).all() for line in lines_of(figure).values())


def check_growth(figure: Figure, frame: pd.DataFrame, *, cost: str) -> None:
    """Raise AssertionError unless each panel has each model's exponent below it, in its look."""
    fits = growth(frame, cost, ["phase", "model"]).set_index(["phase", "model"])
    looks = style.styles_for(frame["model"].unique())
    notes = {}
    for legend in figure.legends:
        (text, *others), (line, *_) = legend.get_texts(), legend.get_lines()
        if not others and text.get_text().startswith(("p", "too")):
            left = legend.get_window_extent().x0
            notes[round(left), line.get_color()] = text.get_text()
    lefts = [round(axis.get_window_extent().x0) for axis in figure.axes]
    assert len(notes) == len(fits)
    for left, phase in zip(lefts, ("train_step", "forward", "decode"), strict=True):
        for model, look in looks.items():
            exponent, low, high, _ = fits.loc[(phase, model)]
            known = f"p = {exponent:.2f} ({low:.2f} to {high:.2f})"
            expected = "too few lengths" if np.isnan(exponent) else known
            assert notes[left, look.colour] == expected


@pytest.mark.parametrize(("draw", "cost"), [(throughput_figure, TIME), (memory_figure, MEMORY)])
def test_every_curve_has_its_exponent_below_it(draw: Draw, cost: str) -> None:
    rows = throughput_rows(lengths=LENGTHS)
    lost = [cost_failed(row) if row.model == "rnn" and row.length > 50 else row for row in rows]
    frame = frame_of(lost)
    with style.themed():
        figure = draw(costs_of(frame))
        FigureCanvasAgg(figure).draw()
    check_growth(figure, frame, cost=cost)
    assert growth(frame, cost, ["phase", "model"])["exponent"].isna().sum() == 3
    assert "over lengths from 50 on, as a constant overhead dominates" in texts_of(figure)
    for other in (frame_of(rows), frame.assign(**{cost: frame[cost] * frame["length"]})):
        with pytest.raises(AssertionError):
            check_growth(figure, other, cost=cost)


def test_the_exponent_of_a_known_power_is_shown() -> None:
    rows = [
        throughput_row("rnn", "decode", length, median_seconds=1e-6 * length**2)
        for length in LENGTHS
    ]
    costs = costs_of(frame_of(rows))
    assert exponents_of(costs, TIME) == {"decode": {"rnn": "p = 2.00 (2.00 to 2.00)"}}


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        (("noisy", "noisy", "steady", "steady"), "Hollow marker: noisy, 2 of 3 timings"),
        (("steady",) * 4, None),
        ((None,) * 4, None),
    ],
)
def test_noisy_timings_are_counted_and_failed_ones_are_not(
    noise: tuple[str | None, ...], sentence: str | None
) -> None:
    rows = [
        throughput_row("rnn", "decode", length, noise=kind)
        for length, kind in zip(LENGTHS, noise, strict=True)
    ]
    rows[-1] = cost_failed(rows[-1])
    with style.themed():
        text = texts_of(throughput_figure(costs_of(frame_of(rows))))
    assert (sentence in text) if sentence else ("oisy" not in text)


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cpu", "resident memory beyond that of the process before."),
        ("cuda", "memory allocated on the device."),
        ("other", "The most memory that one call takes. Both axes"),
    ],
)
def test_the_caption_says_which_memory(device: str, sentence: str) -> None:
    rows = throughput_rows(lengths=LENGTHS, device=device)
    with style.themed():
        assert sentence in texts_of(memory_figure(costs_of(frame_of(rows))))


@pytest.mark.parametrize(
    ("changes", "suffixes"),
    [
        ({}, {""}),
        (
            {"device": "cuda", "device_name": "NVIDIA H100"},
            {"-cpu-some-processor", "-cuda-nvidia-h100"},
        ),
        ({"hidden": 128}, {"-hidden-64", "-hidden-128"}),
        ({"batch_size": 8}, {"-batch-size-64", "-batch-size-8"}),
    ],
)
def test_settings_are_never_in_one_figure(changes: dict[str, object], suffixes: set[str]) -> None:
    rows = throughput_rows(lengths=LENGTHS)
    others = throughput_rows(lengths=LENGTHS, **changes) if changes else []
    parts = split_by_setting(frame_of([*rows, *others]))
    assert set(parts) == suffixes
    assert {len(part) for part in parts.values()} == {len(rows)}
    if changes:
        with pytest.raises(ResultsError, match="two rows for one model, phase and length"):
            costs_of(frame_of([*rows, *others]))


def test_phases_may_have_batches_of_their_own_size() -> None:
    rows = [
        dataclasses.replace(row, batch_size=256) if row.phase == "decode" else row
        for row in throughput_rows(lengths=LENGTHS)
    ]
    (frame,) = split_by_setting(frame_of(rows)).values()
    costs = costs_of(frame)
    assert costs.facts.batch_sizes == {
        "greedy decoding": 256,
        "teacher-forced forward pass": 64,
        "training step": 64,
    }
    assert phases_of(costs) == ["train_step", "forward", "decode"]


def test_no_row_is_refused() -> None:
    empty = frame_of(throughput_rows(lengths=LENGTHS))[:0]
    assert isinstance(empty, pd.DataFrame)
    with pytest.raises(ResultsError, match="there is no row"):
        costs_of(empty)


@BOTH
@pytest.mark.parametrize("factor", [1.0, 1.01, 1e-4, 3e5])
def test_even_a_narrow_range_has_two_ticks(
    draw: Draw, name: str, column: str, factor: float
) -> None:
    costs = costs_of(frame_of(throughput_rows(models=("rnn",), lengths=(30, 31))))
    one = costs.table[costs.table["phase"] == "decode"]
    values = {column: one[column] * factor, "low": np.nan, "high": np.nan}
    scaled = one.assign(**values)
    with style.themed():
        axis = draw(dataclasses.replace(costs, table=scaled)).axes[0]
    for side, shown in ((axis.xaxis, scaled["length"]), (axis.yaxis, scaled[column])):
        low, high = side.get_view_interval()
        ticks = [tick for tick in side.get_majorticklocs() if low <= tick <= high]
        assert len(ticks) >= 2
        assert low < shown.min() <= shown.max() < high
