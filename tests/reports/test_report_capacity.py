import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from figure_checks import bands_of, lines_of, texts_of
from matplotlib.figure import Figure
from synthetic import accuracy_row, failed, frame_of
from test_report_layout import check_legible

from reports import style
from reports.capacity import Capacity, capacity_of, has_sizes
from reports.capacity_figure import capacity_figure
from reports.figures import rendered
from results.schema import AccuracyRow

LENGTHS = (10, 20, 40, 80)
SIZES = ((32, 4), (32, 16), (64, 16))
SHARES = {10: 1.0, 20: 0.75, 40: 0.25, 80: 0.125}


def row_of(
    hidden: int, symbols: int, seed: int, length: int, share: float, **changes: object
) -> AccuracyRow:
    bits = length * math.log2(symbols)
    values: dict[str, object] = {
        "config_id": f"{changes.get('cell', 'lstm')}-{hidden}-{symbols}",
        "hidden": hidden,
        "symbols": symbols,
        "target_bits": bits,
        "carried_bits": bits * share,
        "budget_updates": 1500,
    }
    return accuracy_row("copy", "seq2seq", seed, length, **values | changes)


def rows_of(
    *, sizes: Sequence[tuple[int, int]] = SIZES, seeds: Sequence[int] = (0, 1), **changes: object
) -> list[AccuracyRow]:
    """Return rows of which larger seeds carry less; half comes through between 20 and 40 items."""
    return [
        row_of(hidden, symbols, seed, length, SHARES[length] - 0.01 * seed, **changes)
        for hidden, symbols in sizes
        for seed in seeds
        for length in LENGTHS
    ]


@cache
def full() -> Capacity:
    return capacity_of(frame_of(rows_of()))


def drawn(capacity: Capacity) -> Figure:
    with style.themed():
        return capacity_figure(capacity)


@pytest.mark.parametrize(("cell", "per_unit"), [("lstm", 2), ("gru", 1), ("plain", 1)])
def test_bits_per_number_of_the_state(cell: str, per_unit: int) -> None:
    capacity = capacity_of(frame_of(rows_of(cell=cell)))
    assert capacity.cell == cell
    for table in (capacity.bits, capacity.half):
        assert (table["numbers"] == per_unit * table["hidden"]).all()
    (row,) = capacity.bits.query("hidden == 32 and symbols == 4 and length == 20").itertuples()
    # 20 items of 2 bits; the seeds carry 0.75 and 0.74 of them.
    assert row.target_bits == 40.0
    assert row.mean == pytest.approx(29.8)
    assert row.bits_per_number == pytest.approx(29.8 / (32 * per_unit))
    assert row.target_per_number == pytest.approx(40 / (32 * per_unit))
    assert row.n == 2


def half_length(seed: int) -> float:
    """Return where the line from 20 to 40 items, on a logarithmic axis, crosses one half."""
    high, low = SHARES[20] - 0.01 * seed, SHARES[40] - 0.01 * seed
    return 20 * 2 ** ((high - 0.5) / (high - low))


def test_half_comes_through_where_the_interpolated_share_crosses_one_half() -> None:
    half = full().half
    assert half_length(0) == pytest.approx(20 * math.sqrt(2))
    length = math.sqrt(half_length(0) * half_length(1))
    assert list(half["length"]) == pytest.approx([length] * 3)
    assert list(half["half_bits"]) == pytest.approx([2 * length, 4 * length, 4 * length])


def test_nothing_is_extrapolated_to_find_the_half_length() -> None:
    rows = [row for row in rows_of(sizes=SIZES[:1]) if row.length <= 20]
    capacity = capacity_of(frame_of([*rows, *rows_of(sizes=SIZES[1:])]))
    few = capacity.half.query("symbols == 4").iloc[0]
    assert np.isnan(few["length"])
    assert np.isnan(few["half_bits"])
    assert few["above"] == 2
    figure = drawn(capacity)
    assert lines_of(figure)["half/32/4"].size == 0
    assert "1 size without a point: in some seed the curve does not cross" in texts_of(figure)
    assert "without a point" not in texts_of(drawn(full()))


def test_the_task_with_most_sizes_is_taken_and_only_models_without_attention() -> None:
    more = [
        *rows_of(),
        accuracy_row("copy", "seq2seq+dot", 0, 10, hidden=512),
        accuracy_row("reverse", "seq2seq", 0, 10, hidden=256),
    ]
    capacity = capacity_of(frame_of(more))
    assert capacity.task == "copy"
    pd.testing.assert_frame_equal(capacity.bits, full().bits)


def test_one_size_or_sizes_of_different_tasks_are_no_sizes() -> None:
    assert has_sizes(frame_of(rows_of()))
    assert has_sizes(frame_of(rows_of(sizes=SIZES[:2])))
    assert not has_sizes(frame_of(rows_of(sizes=SIZES[:1])))
    tasks = [accuracy_row(task, "seq2seq", 0, 10) for task in ("copy", "sort")]
    assert not has_sizes(frame_of(tasks))
    others = [accuracy_row("copy", "rnn", 0, 10, hidden=hidden) for hidden in (32, 64)]
    assert not has_sizes(frame_of(others))


def check_shows(figure: Figure, rows: Sequence[AccuracyRow], *, per_unit: int = 2) -> None:
    """Raise AssertionError unless the figure holds means of these rows, in plain Python."""
    lines = lines_of(figure)
    sizes = {(row.hidden, row.symbols) for row in rows}
    drawn_sizes = {tuple(map(int, name.split("/")[-2:])) for name in lines}
    assert drawn_sizes == sizes
    for hidden, symbols in sizes:
        by_length: dict[int, list[float]] = {}
        for row in rows:
            if (row.hidden, row.symbols) == (hidden, symbols):
                by_length.setdefault(row.length, []).append(row.carried_bits or 0.0)
        x = np.array([length * math.log2(symbols) for length in sorted(by_length)])
        y = np.array([sum(by_length[each]) / len(by_length[each]) for each in sorted(by_length)])
        place = f"{hidden}/{symbols}"
        np.testing.assert_allclose(lines[f"mean/mean/{place}"], [x, y])
        numbers = hidden * per_unit
        np.testing.assert_allclose(
            lines[f"mean/bits_per_number/{place}"], [x / numbers, y / numbers]
        )


def test_the_figure_shows_the_bits_and_the_half_lengths() -> None:
    capacity = full()
    before = capacity.bits.copy(), capacity.half.copy()
    figure = drawn(capacity)
    pd.testing.assert_frame_equal(capacity.bits, before[0])
    pd.testing.assert_frame_equal(capacity.half, before[1])
    check_shows(figure, [*rows_of()])
    lines = lines_of(figure)
    for row in capacity.half.itertuples():
        expected = [[row.numbers], [row.half_bits]]
        np.testing.assert_allclose(lines[f"half/{row.hidden}/{row.symbols}"], expected)
    assert len(bands_of(figure)) == 3
    assert [axis.get_xlabel() for axis in figure.axes] == [
        "bits of the target",
        "bits of the target / numbers",
        "numbers in the state",
    ]


def without_a_size(capacity: Capacity) -> Capacity:
    return replace(capacity, bits=capacity.bits.query("hidden == 32"))


def without_a_length(capacity: Capacity) -> Capacity:
    return replace(capacity, bits=capacity.bits.query("length != 40"))


def of_one_number_per_unit(capacity: Capacity) -> Capacity:
    bits = capacity.bits.copy()
    bits[["bits_per_number", "target_per_number"]] *= 2
    return replace(capacity, bits=bits)


def with_more_bits(capacity: Capacity) -> Capacity:
    return replace(capacity, bits=capacity.bits.assign(mean=capacity.bits["mean"] + 1))


@pytest.mark.parametrize(
    "twin", [without_a_size, without_a_length, of_one_number_per_unit, with_more_bits]
)
def test_a_figure_of_other_bits_is_rejected(twin: Callable[[Capacity], Capacity]) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check_shows(drawn(twin(full())), rows_of())


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_legend_names_the_sizes_that_are_there() -> None:
    assert legend_of(drawn(full())) == [
        "state 32, 4 symbols",
        "state 32, 16 symbols",
        "state 64, 16 symbols",
        "all the information in the target",
    ]


def test_the_caption_says_what_the_number_is_and_how_it_came_about() -> None:
    text = texts_of(drawn(full()))
    for sentence in (
        "a lower bound on what gets through at this budget of training, not a capacity.",
        "Task: copy. Cell: LSTM, two-way encoder.",
        "Up to 1,500 updates per stage.",
        "n = 2 seeds: mean, and 95 % t-interval on the left.",
    ):
        assert sentence in text


def test_one_seed_has_no_band_and_claims_none() -> None:
    figure = drawn(capacity_of(frame_of(rows_of(seeds=(0,)))))
    assert not bands_of(figure)
    text = texts_of(figure)
    assert "n = 1 seed" in text
    assert "interval" not in text


def test_a_point_that_lacks_a_seed_is_hollow() -> None:
    rows = rows_of()
    rows[0] = failed(rows[0])
    lines = lines_of(drawn(capacity_of(frame_of(rows))))
    assert list(lines["hollow/mean/32/4"][0]) == [20.0]
    assert lines["hollow/mean/64/16"].size == 0


def test_bits_below_zero_are_inside_the_axes() -> None:
    rows = [*rows_of(), row_of(32, 4, 0, 100, -0.5), row_of(32, 4, 1, 100, -0.5)]
    plain, scaled, _ = drawn(capacity_of(frame_of(rows))).axes
    assert plain.get_ylim()[0] < -100.0
    assert scaled.get_ylim()[0] < -100.0 / 64


def test_no_finished_row_is_drawn_and_said() -> None:
    rows = [failed(row) for row in rows_of()]
    assert texts_of(drawn(capacity_of(frame_of(rows)))).count("no finished row") >= 2


@pytest.mark.parametrize("count", [2, 12])
def test_text_stays_apart(count: int) -> None:
    sizes = [(hidden, symbols) for hidden in (32, 64, 128) for symbols in (2, 4, 16, 64)]
    check_legible(drawn(capacity_of(frame_of(rows_of(sizes=sizes[:count])))))


def test_the_same_bits_give_the_same_bytes() -> None:
    with style.themed():
        first, again = (rendered(capacity_figure(full()), kind="svg") for _ in range(2))
        other = rendered(capacity_figure(with_more_bits(full())), kind="svg")
    assert first == again
    assert first != other
