import dataclasses

import numpy as np
import pandas as pd
import pytest
from figure_checks import bands_of, lines_of, texts_of
from synthetic import frame_of, throughput_rows

from reports import style
from reports.figures import rendered
from reports.rates import Rates, phases_of, rates_of, split_by_setting
from reports.throughput import throughput_figure
from results.errors import ResultsError
from results.schema import ThroughputRow

LENGTHS = (10, 50, 200)


def failed(row: ThroughputRow) -> ThroughputRow:
    measured = ("rounds", "median_seconds", "iqr_seconds", "tokens_per_second")
    return dataclasses.replace(row, status="timed_out", **dict.fromkeys(measured))  # type: ignore[arg-type]


def test_the_band_is_the_middle_half_of_the_rounds() -> None:
    row = throughput_rows(models=("rnn",), lengths=(10,))[0]
    found = rates_of(frame_of([row])).table.iloc[0]
    assert found["rate"] == row.tokens_per_second
    tokens = row.tokens_per_second * row.median_seconds
    slow = row.median_seconds + row.iqr_seconds / 2
    fast = row.median_seconds - row.iqr_seconds / 2
    np.testing.assert_allclose([found["low"], found["high"]], [tokens / slow, tokens / fast])


def check_shows(figure: object, rates: Rates) -> None:
    lines, bands = lines_of(figure), bands_of(figure)  # type: ignore[arg-type]
    for (phase, model), rows in rates.table.groupby(["phase", "model"]):
        place = f"tokens_per_second/{phase}/{model}"
        rows = rows.sort_values("length")
        np.testing.assert_array_equal(lines[f"mean/{place}"], [rows["length"], rows["rate"]])
        present = set(rows["length"][rows["low"].notna()].astype(float))
        assert {x for x, _ in bands.get(f"band/{place}", set())} == present


def test_the_figure_shows_the_rates_on_logarithmic_axes() -> None:
    rows = throughput_rows(lengths=LENGTHS)
    rates = rates_of(frame_of([failed(rows[0]), *rows[1:]]))
    with style.themed():
        figure = throughput_figure(rates)
    check_shows(figure, rates)
    assert {(axis.get_xscale(), axis.get_yscale()) for axis in figure.axes} == {("log", "log")}
    assert [axis.get_title() for axis in figure.axes] == ["training step", "greedy decoding"]
    text = texts_of(figure)
    assert "some processor, 1 thread. Cell: LSTM, state 64, two-way encoder." in text
    assert "Batch: 64." in text
    assert "1 of 24 rows did not finish" in text
    dropped = Rates(table=rates.table[rates.table["length"] != 50], facts=rates.facts)
    with style.themed(), pytest.raises(AssertionError):
        check_shows(throughput_figure(dropped), rates)


def test_all_failed_is_drawn_without_points() -> None:
    rows = [failed(row) for row in throughput_rows(lengths=LENGTHS)]
    with style.themed():
        figure = throughput_figure(rates_of(frame_of(rows)))
        rendered(figure, kind="png")
    assert texts_of(figure).count("no finished row") == 2
    assert all(np.isnan(line[1]).all() for line in lines_of(figure).values())


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
            rates_of(frame_of([*rows, *others]))


def test_phases_may_have_batches_of_their_own_size() -> None:
    rows = [
        dataclasses.replace(row, batch_size=256) if row.phase == "decode" else row
        for row in throughput_rows(lengths=LENGTHS)
    ]
    (frame,) = split_by_setting(frame_of(rows)).values()
    rates = rates_of(frame)
    assert rates.facts.batch_sizes == {"greedy decoding": 256, "training step": 64}
    assert phases_of(rates) == ["train_step", "decode"]


def test_no_row_is_refused() -> None:
    empty = frame_of(throughput_rows(lengths=LENGTHS))[:0]
    assert isinstance(empty, pd.DataFrame)
    with pytest.raises(ResultsError, match="there is no row"):
        rates_of(empty)


@pytest.mark.parametrize("factor", [1.0, 1.01, 1e-4, 3e5])
def test_even_a_narrow_range_has_two_ticks(factor: float) -> None:
    rows = throughput_rows(models=("rnn",), lengths=(30, 31))
    table = rates_of(frame_of(rows))
    scaled = table.table.assign(rate=table.table["rate"] * factor, low=np.nan, high=np.nan)
    with style.themed():
        axis = throughput_figure(Rates(table=scaled, facts=table.facts)).axes[0]
    for side, values in ((axis.xaxis, scaled["length"]), (axis.yaxis, scaled["rate"])):
        low, high = side.get_view_interval()
        ticks = [tick for tick in side.get_majorticklocs() if low <= tick <= high]
        assert len(ticks) >= 2
        assert low < values.min() <= values.max() < high
