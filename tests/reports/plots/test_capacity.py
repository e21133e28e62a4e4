import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from reports.drawing import style
from reports.figures import rendered
from reports.plots import capacity_sizes
from reports.plots.capacity import capacity_figure
from reports.plots.capacity_caption import collapse_lines
from reports.plots.capacity_data import Capacity, capacity_of, counting_bound_bits, has_sizes
from results.schema.rows import AccuracyRow
from results.stats.size_scaling import Collapse, Spread
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import bands_of, lines_of, texts_of
from tests.reports.synthetic import accuracy_row, failed, frame_of

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
    assert (capacity.bits["numbers"] == per_unit * capacity.bits["hidden"]).all()
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
    assert half["least_length"].isna().all()


def half_of(capacity: Capacity, *, hidden: int, symbols: int) -> Any:
    (row,) = capacity.half.query(f"hidden == {hidden} and symbols == {symbols}").to_dict("records")
    return row


def test_nothing_is_extrapolated_to_find_the_half_length() -> None:
    """A curve that stays above one half gives a bound: an arrow, where the others have a point."""
    rows = [row for row in rows_of(sizes=SIZES[:1]) if row.length <= 20]
    capacity = capacity_of(frame_of([*rows, *rows_of(sizes=SIZES[1:])]))
    few = half_of(capacity, hidden=32, symbols=4)
    assert math.isnan(few["length"])
    assert (few["above"], few["least_length"]) == (2, pytest.approx(20.0))
    figure = drawn(capacity)
    lines = lines_of(figure)
    assert "length/32/4" not in lines
    np.testing.assert_allclose(lines["least/32/4"], [[32], [20]])
    assert arrows_of(figure) == [(32.0, pytest.approx(20.0))]
    assert "Arrow: in some seed more than half still do" in texts_of(figure)
    assert "Arrow" not in texts_of(drawn(full()))
    assert not arrows_of(drawn(full()))


def arrows_of(figure: Figure) -> list[tuple[float, float]]:
    """Return where the arrows of the last panel start."""
    found = [text for text in figure.axes[-1].texts if isinstance(text, Annotation)]
    return [text.xy for text in found]


def long_of_one_state() -> list[AccuracyRow]:
    """Return rows of which two alphabets of one state stay above one half to the same length."""
    rows = [row for row in rows_of(sizes=SIZES[:2]) if row.length <= 20]
    return [*rows, *rows_of(sizes=SIZES[2:])]


def check_bounds_apart(figure: Figure) -> None:
    """Raise AssertionError unless every bound, which keeps its value, has a place of its own."""
    figure.canvas.draw()
    found = [line for line in figure.axes[-1].lines if str(line.get_gid()).startswith("least/")]
    places = [line.get_transform().transform(line.get_xydata())[0] for line in found]
    assert {line.get_gid() for line in found} == {"least/32/4", "least/32/16"}
    for line in found:
        np.testing.assert_allclose(line.get_xydata(), [[32, 20]])
    width = 4.0 / 72 * figure.dpi
    assert abs(places[0][0] - places[1][0]) > width
    assert places[0][1] == places[1][1]


def test_bounds_of_one_state_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    capacity = capacity_of(frame_of(long_of_one_state()))
    figure = drawn(capacity)
    check_bounds_apart(figure)
    assert "those of one state stand side by side." in texts_of(figure)
    arrows = [text for text in figure.axes[-1].texts if isinstance(text, Annotation)]
    assert len({text.xycoords.transform((32.0, 20.0))[0] for text in arrows}) == 2
    monkeypatch.setattr(capacity_sizes, "STEP_POINTS", 0.0)
    with pytest.raises(AssertionError):
        check_bounds_apart(drawn(capacity))


def test_a_bound_alone_and_a_known_length_stay_at_their_state() -> None:
    rows = [row for row in rows_of(sizes=SIZES[:1]) if row.length <= 20]
    axis = drawn(capacity_of(frame_of([*rows, *rows_of(sizes=SIZES[1:])]))).axes[-1]
    for line in axis.lines:
        if str(line.get_gid()).startswith(("least/", "length/")):
            place = line.get_transform().transform(line.get_xydata())
            np.testing.assert_allclose(place, axis.transData.transform(line.get_xydata()))


def test_a_seed_that_stays_above_one_half_makes_the_mean_a_bound() -> None:
    """The other seed crosses one half, which bounds it too; below one half there is no bound."""
    rows = [row for row in rows_of(sizes=SIZES[:1]) if row.seed or row.length <= 20]
    others = rows_of(sizes=SIZES[1:])
    some = half_of(capacity_of(frame_of([*rows, *others])), hidden=32, symbols=4)
    assert (some["above"], some["n"]) == (1, 2)
    assert some["least_length"] == pytest.approx(math.sqrt(20.0 * half_length(1)))
    below = [row for row in rows_of(sizes=SIZES[:1]) if (row.length <= 20, row.seed) != (True, 1)]
    none = capacity_of(frame_of([*below, *others]))
    assert half_of(none, hidden=32, symbols=4)["below"] == 1
    assert math.isnan(half_of(none, hidden=32, symbols=4)["least_length"])
    text = texts_of(drawn(none))
    assert "1 size without a point: in some seed the curve is below one half from the start" in text


def test_a_size_of_which_no_row_finished_is_counted() -> None:
    rows = [failed(row) for row in rows_of(sizes=SIZES[:1])]
    capacity = capacity_of(frame_of([*rows, *rows_of(sizes=SIZES[1:])]))
    lost = half_of(capacity, hidden=32, symbols=4)
    assert (lost["n"], math.isnan(lost["length"])) == (0, True)
    text = texts_of(drawn(capacity))
    assert "1 size not shown: no row finished." in text
    assert "without a point" not in text
    assert "not shown" not in texts_of(drawn(full()))


def test_sorting_is_compared_by_what_its_target_holds() -> None:
    """Half of the bits of a sorted source come through, though L log2 V is far more."""
    rows = [
        dataclasses.replace(row, task="sort", target_bits=0.4 * bits, carried_bits=0.4 * carried)
        for row in rows_of()
        for bits, carried in [(row.target_bits or 0.0, row.carried_bits or 0.0)]
    ]
    capacity = capacity_of(frame_of(rows))
    assert list(capacity.half["length"]) == pytest.approx(list(full().half["length"]))
    scaled = full().bits["target_per_number"] * 0.4
    assert list(capacity.bits["target_per_number"]) == pytest.approx(list(scaled))


def test_what_attention_carries_is_said() -> None:
    attention = [
        dataclasses.replace(row, model="seq2seq+dot", carried_bits=(1 - 1 / row.length) * bits)
        for row in rows_of()
        for bits in [row.target_bits or 0.0]
    ]
    capacity = capacity_of(frame_of([*rows_of(), *attention]))
    assert capacity.least_shares == {"seq2seq+dot": pytest.approx(0.9)}
    sentence = "Seq2Seq + dot attention carries at least 0.900 of the bits at every size"
    assert sentence in texts_of(drawn(capacity))
    assert full().least_shares == {}
    assert "attention carries" not in texts_of(drawn(full()))


def test_a_state_is_bounded_by_the_values_it_can_take() -> None:
    """Two numbers of one bit would have four values; a number of 32 bits has 2**32."""
    assert counting_bound_bits(2) == math.log2((2**32) ** 2)
    capacity = full()
    assert capacity.bits["mean"].max() < counting_bound_bits(64)
    assert "at most 32 bits per number, the smallest here 2,048;" in texts_of(drawn(capacity))


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
    drawn_sizes = {tuple(map(int, name.split("/")[-2:])) for name in lines if "/" in name}
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
        expected = [[row.hidden], [row.length]]
        np.testing.assert_allclose(lines[f"length/{row.hidden}/{row.symbols}"], expected)
    for row in capacity.bits.query("length == 80").itertuples():
        expected = [[row.numbers], [row.mean]]
        np.testing.assert_allclose(lines[f"mean/{row.hidden}/{row.symbols}"], expected)
    assert lines["one item"][0] == pytest.approx(lines["one item"][1])
    assert capacity.collapse is not None
    assert set(lines["load"][0]) == {capacity.collapse.load}
    assert len(bands_of(figure)) == 3
    assert [axis.get_xlabel() for axis in figure.axes] == [
        "bits of the target",
        "bits of the target / numbers",
        "numbers in the state",
        "hidden units",
    ]


def check_lengths(figure: Figure, capacity: Capacity) -> None:
    """Raise AssertionError unless each length has a mark: the longest one a marker, others dots."""
    lines = lines_of(figure)
    for score, x, y in (
        ("mean", "target_bits", "mean"),
        ("bits_per_number", "target_per_number", "bits_per_number"),
    ):
        for (hidden, symbols), rows in capacity.bits.groupby(["hidden", "symbols"]):
            is_last = rows["length"] == rows["length"].max()
            is_whole = rows["n"] == capacity.seeds
            for kind, some in (
                ("points", rows[is_last & is_whole]),
                ("lengths", rows[~is_last & is_whole]),
                ("hollow", rows[~is_whole]),
            ):
                shown = lines[f"{kind}/{score}/{hidden}/{symbols}"]
                np.testing.assert_array_equal(shown, [some[x], some[y]])


def test_every_length_has_a_mark_and_the_longest_a_marker() -> None:
    rows = rows_of()
    rows[0] = failed(rows[0])
    capacity = capacity_of(frame_of(rows))
    figure = drawn(capacity)
    check_lengths(figure, capacity)
    for twin in (without_a_length(capacity), replace(capacity, seeds=1)):
        with pytest.raises(AssertionError):
            check_lengths(drawn(twin), capacity)
    assert "Dots: the lengths, with a marker at the longest." in texts_of(figure)


def test_all_the_information_of_every_alphabet_is_inside_and_explained() -> None:
    """The largest, 80 items of 4 bits, is above all that is carried."""
    figure = drawn(full())
    lines = lines_of(figure)
    low, high = figure.axes[2].get_ylim()
    for symbols in (4, 16):
        (height,) = set(lines[f"target {symbols}"][1])
        assert height == 80 * math.log2(symbols)
        assert low < height < high
    sentence = "Grey lines across the third panel: all the information in the target"
    assert sentence in texts_of(figure)


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


def compared(**changes: Any) -> Collapse:
    return replace(
        Collapse(
            load=1.875,
            shares=(0.55, 0.7),
            sizes=6,
            n=5,
            all=Spread(1.27, 1.25, 1.3),
            states=Spread(1.05, 1.03, 1.07),
            alphabets=Spread(1.24, 1.2, 1.28),
        ),
        **changes,
    )


def test_how_far_the_curves_lie_apart_is_told() -> None:
    (text,) = collapse_lines(compared())
    assert text == (
        "At 1.9 bits of the target per number, the most that every state and every alphabet "
        "reaches, 0.55 to 0.70 of them get through, and 6 sizes differ by a factor of 1.27 (1.25 "
        "to 1.30), n = 5 seeds: not one curve to within 10 %. States at one alphabet differ by "
        "1.05 (1.03 to 1.07), alphabets at one state by 1.24 (1.20 to 1.28)."
    )
    near = compared(all=Spread(1.09, 1.0, 1.2))
    assert ": one curve to within 10 %." in collapse_lines(near)[0]
    (bounded,) = collapse_lines(replace(near, shares=(0.88, 0.95)))
    assert bounded.endswith("0.88 to 0.95 of them get through: too many to tell the 6 sizes apart.")
    assert "curve" not in bounded
    assert "not one curve" in collapse_lines(compared(shares=(0.88, 0.95)))[0]
    assert collapse_lines(None) == []


def test_one_seed_has_no_interval_of_the_factor() -> None:
    nan = math.nan
    one = compared(n=1, all=Spread(1.27, nan, nan), states=Spread(nan, nan, nan))
    (text,) = collapse_lines(one)
    assert "differ by a factor of 1.27, n = 1 seed:" in text
    assert "States at one alphabet differ by an unknown factor" in text


def test_the_caption_says_what_the_curves_do() -> None:
    capacity = full()
    (line,) = collapse_lines(capacity.collapse)
    assert line in texts_of(drawn(capacity))
    figure = drawn(replace(capacity, collapse=None))
    assert "Upright line" not in texts_of(figure)
    assert "load" not in lines_of(figure)


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_legend_names_the_sizes_that_are_there() -> None:
    assert legend_of(drawn(full())) == [
        "state 32",
        "state 64",
        "4 symbols",
        "16 symbols",
        "all the information in the target",
        "half of it",
        "one item per hidden unit, after Collins et al. 2017",
    ]


def test_the_caption_says_what_the_number_is_and_how_it_came_about() -> None:
    text = texts_of(drawn(full()))
    for sentence in (
        "a lower bound on what gets through at this budget of training, not a capacity.",
        "Task: copy. Cell: LSTM, two-way encoder.",
        "Up to 1,500 updates per stage.",
        "n = 2 seeds: mean, with its 95 % t-interval but in the second panel.",
        "L50: length at which half of the bits get through.",
        "takes an item for one such number, whatever the alphabet.",
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
    figure = drawn(capacity_of(frame_of(rows)))
    lines = lines_of(figure)
    assert list(lines["hollow/mean/32/4"][0]) == [20.0]
    assert lines["hollow/mean/64/16"].size == 0
    assert "Hollow marker: fewer than 2 seeds finished." in texts_of(figure)
    assert "Hollow" not in texts_of(drawn(full()))


def test_a_size_that_lacks_a_seed_is_hollow() -> None:
    rows = [row for row in rows_of() if (row.hidden, row.symbols, row.seed) != (64, 16, 1)]
    figure = drawn(capacity_of(frame_of(rows)))
    markers = {
        line.get_gid(): line.get_markerfacecolor()
        for axis in figure.axes[2:]
        for line in axis.lines
        if line.get_marker() != "None"
    }
    hollow = {name for name, colour in markers.items() if colour == "white"}
    assert hollow == {"mean/64/16", "length/64/16"}


def test_bits_below_zero_are_inside_the_axes() -> None:
    rows = [*rows_of(), row_of(32, 4, 0, 100, -0.5), row_of(32, 4, 1, 100, -0.5)]
    plain, scaled, by_state, _ = drawn(capacity_of(frame_of(rows))).axes
    assert plain.get_ylim()[0] < -100.0
    assert scaled.get_ylim()[0] < -100.0 / 64
    assert by_state.get_ylim()[0] < -100.0


def test_no_finished_row_is_drawn_and_said() -> None:
    rows = [failed(row) for row in rows_of()]
    assert texts_of(drawn(capacity_of(frame_of(rows)))).count("no finished row") == 4


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
