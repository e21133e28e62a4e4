import dataclasses

import numpy as np
import pytest

from reports.plots.throughput import (
    TIME,
    costs_of,
    growth_lines,
    phases_of,
    split_by_setting,
)
from results.errors import ResultsError
from tests.rows import cost_failed, cost_row, cost_rows, frame_of

LENGTHS = (10, 50, 100, 200)


def test_a_timing_is_its_median_and_the_middle_half_of_its_rounds():
    row = cost_row("rnn", "decode", 10)
    table = costs_of(frame_of([row])).table
    tokens, half = row.tokens_per_second * row.median_seconds, row.iqr_seconds / 2
    seconds = row.median_seconds + np.array([half, 0, -half])
    np.testing.assert_allclose(table[table["row"] == TIME]["y"], tokens / seconds)
    wild = dataclasses.replace(row, iqr_seconds=3 * row.median_seconds)
    rates = costs_of(frame_of([wild])).table.query("row == @TIME")["y"]
    assert rates.tolist() == pytest.approx([row.tokens_per_second] * 3)


def test_failed_timings_have_no_rate_and_are_counted():
    rows = cost_rows(lengths=LENGTHS)
    costs = costs_of(frame_of([cost_failed(rows[0]), *rows[1:]]))
    first = costs.table.query("column == 'train_step' and line == 'rnn' and length == 10")
    assert first["y"].isna().all()
    assert costs.caption.endswith(
        "some processor, 1 thread; LSTM of 64 units, two-way encoder; 16 symbols; batch 64. "
        "1 of 48 rows did not finish."
    )


def test_noisy_timings_are_hollow_and_counted():
    for noise, sentence in (
        (("noisy", "noisy", "steady", "steady"), "Hollow: noisy, 2 of 3 timings."),
        ((None,) * 4, None),
    ):
        kinds = dict(zip(LENGTHS, noise, strict=True))
        rows = [cost_row("rnn", "decode", each, noise=kind) for each, kind in kinds.items()]
        costs = costs_of(frame_of([*rows[:-1], cost_failed(rows[-1])]))
        caption = costs.caption
        assert (sentence in caption) if sentence else ("oisy" not in caption)
        hollow = costs.table.query("row == @TIME and not is_complete")["length"]
        assert set(hollow) == {each for each, kind in kinds.items() if kind == "noisy"}


def test_the_exponent_of_a_known_power_is_written_and_of_too_few_lengths_none():
    rows = [cost_row("rnn", "decode", each, median_seconds=1e-6 * each**2) for each in LENGTHS]
    short = [cost_row("seq2seq", "decode", each) for each in LENGTHS[:2]]
    assert growth_lines(costs_of(frame_of([*rows, *short]))) == [
        "time grows as length**p, fitted from length 50 on (95 % t-interval):",
        "  greedy decoding: rnn p = 2.00 (2.00 to 2.00), seq2seq too few lengths",
    ]
    (line,) = growth_lines(costs_of(frame_of(short)))
    assert line == "growth of time: too few lengths from 50 on"


@pytest.mark.parametrize(
    ("changes", "suffixes"),
    [
        (
            {"device": "cuda", "device_name": "NVIDIA H100"},
            {"-cpu-some-processor", "-cuda-nvidia-h100"},
        ),
        ({"batch_size": 8}, {"-batch-size-64", "-batch-size-8"}),
    ],
)
def test_settings_are_never_in_one_figure(changes, suffixes):
    rows = cost_rows(lengths=LENGTHS)
    frame = frame_of([*rows, *cost_rows(lengths=LENGTHS, **changes)])
    parts = split_by_setting(frame)
    assert set(parts) == suffixes
    assert {len(part) for part in parts.values()} == {len(rows)}
    with pytest.raises(ResultsError, match="two rows for one model, phase and length"):
        costs_of(frame)


def test_phases_may_have_batches_of_their_own_size():
    rows = [
        dataclasses.replace(row, batch_size=256) if row.phase == "decode" else row
        for row in cost_rows(lengths=LENGTHS)
    ]
    parts = split_by_setting(frame_of(rows))
    assert list(parts) == [""]
    costs = costs_of(parts[""])
    assert "256 (greedy decoding), 64 (forward pass)" in costs.caption
    assert phases_of(costs) == ["train_step", "forward", "decode"]
