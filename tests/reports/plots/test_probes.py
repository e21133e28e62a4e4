import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.frame import Frame
from reports.figures import rendered
from reports.plots import influence
from reports.plots.influence import PANELS, influence_figure
from reports.plots.maps import map_figure, map_lengths, positions_figure
from reports.plots.probes import (
    ALIGNED,
    BEST_OFFSET,
    EDIT_SHARE,
    ENTROPY,
    GAP,
    NEAR,
    alignment_curves,
    alignment_figure,
    error_curves,
    errors_figure,
    joined,
)
from results.schema.probe_rows import ATTENTION, CONTEXT, GRADIENT, OCCLUSION, TRUTH
from results.schema.rows import AccuracyRow
from results.store.csv_files import ALIGNMENT, ERRORS, INFLUENCE, MAPS, POSITIONS
from tests.reports.drawing.heat_checks import cells_of, colours_of, largest_of, rings_of
from tests.reports.drawing.test_frame import check_legible
from tests.reports.figure_checks import bands_of, check_shows, lines_of, texts_of
from tests.reports.synthetic import failed, frame_of
from tests.reports.synthetic_probes import LENGTHS, probes_of, rows_to_probe, table_of, true_source

MEASURES = (ATTENTION, OCCLUSION, GRADIENT)
LAST = LENGTHS[-1]
Change = Callable[[pd.DataFrame], pd.DataFrame]


@cache
def full() -> tuple[AccuracyRow, ...]:
    return tuple(rows_to_probe())


def found(name: str, rows: Sequence[AccuracyRow] | None = None) -> pd.DataFrame:
    rows = full() if rows is None else rows
    return joined(table_of(name, probes_of(rows)[name]), frame_of(list(rows)))


@cache
def full_table(name: str) -> pd.DataFrame:
    return found(name)


def table(name: str) -> pd.DataFrame:
    return full_table(name).copy()


def drawn(draw: Callable[..., Figure], *values: Any, **options: Any) -> Figure:
    with style.themed():
        return draw(*values, **options)


def test_joining_adds_the_settings_and_keeps_what_was_found() -> None:
    plain = table_of(ERRORS, probes_of(full())[ERRORS])
    both = table(ERRORS)
    pd.testing.assert_frame_equal(both[plain.columns], plain)
    assert set(both["hidden"]) == {64}
    assert set(both["status"]) == {"ok"}


def test_joining_leaves_out_what_belongs_to_other_rows() -> None:
    plain = table_of(ERRORS, probes_of(full())[ERRORS])
    other = frame_of(rows_to_probe(seeds=(0,), config_id="other"))
    assert joined(plain, other).empty
    some = frame_of(rows_to_probe(seeds=(1,)))
    assert set(joined(plain, some)["seed"]) == {1}
    assert joined(table_of(ERRORS, []), some).empty


def test_the_share_of_edits_is_that_of_the_wrong_items() -> None:
    errors = table(ERRORS)
    errors.loc[errors["seed"] == 1, ["wrong_items", "edit_distance_items"]] = 0.0
    curves = error_curves(errors)
    shown = curves.seeds[curves.seeds["score"] == "edit_share"]
    expected = {
        (row.task, row.model, row.seed, row.length): row.edit_distance_items / row.wrong_items
        for row in probes_of(full())[ERRORS]
        if row.seed != 1  # type: ignore[attr-defined]
    }
    values = {
        (row.task, row.model, row.seed, row.length): row.value
        for row in shown.dropna(subset="value").itertuples()
    }
    assert values == pytest.approx(expected)
    # Nothing wrong: no share, not a share of zero.
    assert shown[shown["seed"] == 1]["value"].isna().all()


CURVES = [
    (ERRORS, error_curves, errors_figure, (GAP, EDIT_SHARE)),
    (ALIGNMENT, alignment_curves, alignment_figure, (ALIGNED, NEAR, BEST_OFFSET, ENTROPY)),
]
BOTH = pytest.mark.parametrize(("name", "turn", "draw", "panels"), CURVES)


@BOTH
def test_curves_show_what_was_found(name: str, turn: Any, draw: Any, panels: Any) -> None:
    curves = turn(table(name))
    figure = drawn(draw, curves)
    check_shows(figure, curves, panels)
    lines = lines_of(figure)
    column = panels[0].score
    for (task, model, length), rows in table(name).groupby(["task", "model", "length"]):
        x, y = lines[f"mean/{column}/{task}/{model}"]
        assert y[list(x).index(length)] == pytest.approx(fmean(rows[column]))
    check_legible(figure)


@BOTH
def test_edited_curves_are_rejected(name: str, turn: Any, draw: Any, panels: Any) -> None:
    curves = turn(table(name))
    halved = replace(curves, seeds=curves.seeds.assign(value=curves.seeds["value"] / 2))
    fewer = replace(curves, means=curves.means[curves.means["length"] != LAST])
    for twin in (halved, fewer):
        with pytest.raises((AssertionError, KeyError)):
            check_shows(drawn(draw, twin), curves, panels)


@BOTH
def test_curves_of_one_seed_have_no_band(name: str, turn: Any, draw: Any, panels: Any) -> None:
    figure = drawn(draw, turn(found(name, rows_to_probe(seeds=(2,)))))
    assert not bands_of(figure)
    assert "n = 1 seed, so no interval." in texts_of(figure)


def test_panels_that_show_one_curve_are_named() -> None:
    """The offset that fits best is 0 in all rows, in those of one model, or in neither's all."""
    alignment = table(ALIGNMENT)
    sentence = "is 0 everywhere, so the first and the third row coincide."
    assert f"Here that {sentence}" in alignment_text(alignment)
    dot = alignment["model"] == "seq2seq+dot"
    alignment.loc[dot & (alignment["seed"] == 1), "best_offset_items"] = -1.0
    assert f"Here that of Seq2Seq + additive attention {sentence}" in alignment_text(alignment)
    alignment.loc[~dot & (alignment["length"] == LAST), "best_offset_items"] = 1.0
    assert "coincide" not in alignment_text(alignment)


def alignment_text(alignment: pd.DataFrame) -> str:
    return texts_of(drawn(alignment_figure, alignment_curves(alignment)))


def test_edits_are_named_as_what_they_are() -> None:
    figure = drawn(errors_figure, error_curves(table(ERRORS)))
    assert figure.axes[2].get_ylabel() == "edits per\nwrong item"
    text = texts_of(figure)
    assert "edit distance of answer and target, by the number of items that differ" in text


def check_positions(figure: Figure, rows: Sequence[AccuracyRow]) -> None:
    """Raise AssertionError unless the panels hold the means over seeds of these rows."""
    by_panel: dict[tuple[str, str], dict[tuple[float, float], list[float]]] = {}
    for row in probes_of(rows)[POSITIONS]:
        panel = by_panel.setdefault((row.task, row.model), {})
        place = (float(row.output_item), float(row.length))  # type: ignore[attr-defined]
        panel.setdefault(place, []).append(row.token_accuracy)  # type: ignore[attr-defined]
    tasks = sorted({row.task for row in rows})
    models = list(style.styles_for(row.model for row in rows))
    places = [(task, model) for task in tasks for model in models]
    for axis, place in zip(figure.axes, places, strict=False):
        expected = {at: fmean(values) for at, values in by_panel[place].items()}
        drawn_there = {
            at: value for at, value in cells_of(axis, grid_of(expected)).items() if value == value
        }
        assert drawn_there == pytest.approx(expected), place
        assert colours_of(axis) == (0.0, 1.0)


def grid_of(cells: Any) -> set[tuple[float, float]]:
    """Return every crossing of the x and the y that occur."""
    return {(x, y) for x, _ in cells for _, y in cells}


def test_positions_show_means_over_seeds() -> None:
    figure = drawn(positions_figure, table(POSITIONS))
    check_positions(figure, full())
    text = texts_of(figure)
    assert "mean of 3 seeds." in text
    assert "position in the answer (items)" in text
    assert figure.axes[0].get_ylabel() == "copy\nlength"
    assert [axis.get_title() for axis in figure.axes[:4]] == [
        look.label for look in style.styles_for(row.model for row in full()).values()
    ]


def without_a_seed(positions: pd.DataFrame) -> pd.DataFrame:
    return positions[positions["seed"] != 1]


def forced(positions: pd.DataFrame) -> pd.DataFrame:
    return positions.assign(token_accuracy=positions["teacher_forced_token_accuracy"])


def from_zero(positions: pd.DataFrame) -> pd.DataFrame:
    return positions.assign(output_item=positions["output_item"] - 1)


def swapped_tasks(positions: pd.DataFrame) -> pd.DataFrame:
    return positions.assign(task=positions["task"].map({"copy": "reverse", "reverse": "copy"}))


@pytest.mark.parametrize("twin", [without_a_seed, forced, from_zero, swapped_tasks])
def test_other_positions_are_rejected(twin: Change) -> None:
    figure = drawn(positions_figure, twin(table(POSITIONS)))
    with pytest.raises(AssertionError):
        check_positions(figure, full())


def test_a_model_without_positions_in_a_task_says_so() -> None:
    positions = table(POSITIONS)
    kept = positions[(positions["task"] != "reverse") | (positions["model"] != "rnn")]
    figure = drawn(positions_figure, kept)
    assert texts_of(figure).count("no finished row") == 1
    assert figure.axes[4].texts
    assert not cells_of(figure.axes[4])


def map_panels(figure: Figure, measure: str) -> list[tuple[Any, str, str]]:
    models = [row.model for row in full() if measure != ATTENTION or "+" in row.model]
    places = [(task, model) for task in ("copy", "reverse") for model in style.styles_for(models)]
    return [(axis, task, model) for axis, (task, model) in zip(figure.axes, places, strict=False)]


LARGEST = {
    ATTENTION: "largest {}",
    OCCLUSION: "largest {} nats",
    GRADIENT: "largest {} nats per unit",
}


def check_map(figure: Figure, measure: str, *, length: int = LAST) -> None:
    """Raise AssertionError unless every cell and the true path are where the rows say."""
    wanted = [row for row in full() if (row.length, row.seed) == (length, 0)]
    rows = {(row.task, row.model): row for row in wanted}
    for axis, task, model in map_panels(figure, measure):
        row = rows[task, model]
        expected = {
            (float(each.source_item), float(each.output_item)): each.value  # type: ignore[attr-defined]
            for each in probes_of([row])[MAPS]
            if each.measure == measure  # type: ignore[attr-defined]
        }
        assert cells_of(axis, expected) == pytest.approx(expected), (task, model)
        assert largest_of(axis) == [LARGEST[measure].format(f"{max(expected.values()):.3g}")]
        path = {
            (float(true_source(row, output)), float(output)) for output in range(1, length + 1, 2)
        }
        assert rings_of(axis) == {f"truth/{task}/{model}": path}


@pytest.mark.parametrize("measure", MEASURES)
def test_a_map_shows_its_cells_and_the_true_path(measure: str) -> None:
    maps = table(MAPS)
    before = maps.copy()
    figure = drawn(map_figure, maps, measure=measure, length=LAST)
    pd.testing.assert_frame_equal(maps, before)
    check_map(figure, measure)
    text = texts_of(figure)
    assert f"length {LAST}" in text
    assert "Seed 0." in text
    assert "Rings: where the output item comes from" in text


def of_another_measure(maps: pd.DataFrame) -> pd.DataFrame:
    names = {OCCLUSION: GRADIENT, GRADIENT: OCCLUSION}
    return maps.assign(measure=maps["measure"].replace(names))


def with_the_path_turned(maps: pd.DataFrame) -> pd.DataFrame:
    is_truth = maps["measure"] == TRUTH
    turned = LAST + 1 - maps["source_item"]
    return maps.assign(source_item=maps["source_item"].where(~is_truth, turned))


def with_sides_swapped(maps: pd.DataFrame) -> pd.DataFrame:
    return maps.rename(columns={"source_item": "output_item", "output_item": "source_item"})


def without_the_path(maps: pd.DataFrame) -> pd.DataFrame:
    return maps[maps["measure"] != TRUTH]


def with_a_shifted_length(maps: pd.DataFrame) -> pd.DataFrame:
    return maps.assign(length=maps["length"].replace({LAST: 6, 6: LAST}))


@pytest.mark.parametrize(
    "twin",
    [
        of_another_measure,
        with_the_path_turned,
        with_sides_swapped,
        without_the_path,
        with_a_shifted_length,
    ],
)
def test_another_map_is_rejected(twin: Change) -> None:
    figure = drawn(map_figure, twin(table(MAPS)), measure=OCCLUSION, length=LAST)
    with pytest.raises(AssertionError):
        check_map(figure, OCCLUSION)


def test_a_task_without_a_fixed_path_has_no_ring() -> None:
    maps = table(MAPS)
    maps.loc[maps["measure"] == TRUTH, "value"] = 1 / LAST
    figure = drawn(map_figure, maps, measure=GRADIENT, length=LAST)
    for axis, task, model in map_panels(figure, GRADIENT):
        assert rings_of(axis) == {f"truth/{task}/{model}": set()}


@pytest.mark.parametrize("measure", MEASURES)
def test_means_over_different_paths_are_named(measure: str) -> None:
    maps = table(MAPS)
    spread = maps.copy()
    is_moving = (spread["measure"] == TRUTH) & (spread["task"] == "reverse")
    spread.loc[is_moving, "value"] = 1 / LAST
    sentence = "mean over sequences, whose true positions differ."
    text = texts_of(drawn(map_figure, spread, measure=measure, length=LAST))
    assert f" reverse: {sentence}" in text
    for other in (maps, without_the_path(maps)):
        assert sentence not in texts_of(drawn(map_figure, other, measure=measure, length=LAST))


def test_a_map_of_some_positions_says_how_many() -> None:
    maps = table(MAPS)
    some = maps[maps["source_item"] % 4 == 1]
    text = texts_of(drawn(map_figure, some, measure=OCCLUSION, length=LAST))
    assert "Drawn: 4 output items by 2 of the 8 source items, about one in 4;" in text
    assert "Drawn" not in texts_of(drawn(map_figure, maps, measure=OCCLUSION, length=LAST))


def test_a_map_of_occlusion_says_what_the_model_has_read() -> None:
    text = texts_of(drawn(map_figure, table(MAPS), measure=OCCLUSION, length=LAST))
    assert "before each output a model that reads output items has read the true ones." in text
    assert "They contradict the other symbol once its own output is past" in text
    assert "colours from 0, or the least if that is below, to the largest of each panel" in text


def test_scales_of_maps_are_what_their_captions_say() -> None:
    maps = table(MAPS)
    attention = drawn(map_figure, maps, measure=ATTENTION, length=LAST)
    assert {colours_of(axis) for axis, *_ in map_panels(attention, ATTENTION)} == {(0.0, 1.0)}
    gradient = drawn(map_figure, maps, measure=GRADIENT, length=LAST)
    for axis, task, model in map_panels(gradient, GRADIENT):
        here = maps[
            (maps["task"] == task)
            & (maps["model"] == model)
            & (maps["length"] == LAST)
            & (maps["measure"] == GRADIENT)
        ]
        assert colours_of(axis) == (0.0, here["value"].max())
    assert "colours from 0 to the largest of each panel" in texts_of(gradient)


@pytest.mark.parametrize(
    ("lengths", "chosen"), [((10,), (10,)), ((10, 20), (20,)), ((40, 10, 20), (20, 40)), ((), ())]
)
def test_maps_are_drawn_at_the_second_shortest_and_the_longest(
    lengths: tuple[int, ...], chosen: tuple[int, ...]
) -> None:
    assert tuple(map_lengths(pd.DataFrame({"length": lengths}))) == chosen


def place_of(panel: Any, task: str, model: str) -> str:
    return f"{panel.measure}-{panel.parameters}-{panel.column}/{task}/{model}"


def check_influence(figure: Figure, rows: Sequence[AccuracyRow]) -> None:
    """Raise AssertionError unless seeds and means are those of the rows, in plain Python."""
    lines = lines_of(figure)
    expected = set()
    stages = {(row.task, row.model) for row in rows}
    influence = probes_of([row for row in rows if row.length == LAST])[INFLUENCE]
    for panel in PANELS:
        for task, model in stages:
            place = place_of(panel, task, model)
            curves: dict[int, dict[int, float]] = {}
            for each in influence:
                kind: Any = each
                if (each.task, each.model) == (task, model) and (
                    kind.measure,
                    kind.parameters,
                ) == (panel.measure, panel.parameters):
                    curves.setdefault(each.seed, {})[kind.source_item] = getattr(kind, panel.column)
            for seed, curve in curves.items():
                expected.add(f"seed/{place}/{seed}")
                check_line(lines[f"seed/{place}/{seed}"], curve)
            mean = geometric if panel.is_logarithmic else fmean
            expected.add(f"mean/{place}")
            items = range(1, LAST + 1)
            means = {item: mean([curve[item] for curve in curves.values()]) for item in items}
            check_line(lines[f"mean/{place}"], means)
    assert {name for name in lines if name.split("/")[0] in ("seed", "mean")} == expected


def check_line(line: np.ndarray, curve: dict[int, float]) -> None:
    assert dict(line.T) == pytest.approx(curve)


def geometric(values: Sequence[float]) -> float:
    return math.exp(fmean(math.log(value) for value in values))


def test_influence_shows_every_seed_and_the_mean_of_the_scale() -> None:
    influence = table(INFLUENCE)
    before = influence.copy()
    figure = drawn(influence_figure, influence, length=LAST)
    pd.testing.assert_frame_equal(influence, before)
    check_influence(figure, full())
    assert [axis.get_yscale() for axis in figure.axes[::2]] == ["linear"] * 2 + ["log"] * 3
    text = texts_of(figure)
    assert f"length {LAST}" in text
    assert "mean of 3 seeds, of their logarithms where the axis is logarithmic" in text
    assert len(bands_of(figure)) == len(PANELS) * 8


def at_another_length(influence: pd.DataFrame) -> pd.DataFrame:
    return influence.assign(length=influence["length"].replace({LAST: 6, 6: LAST}))


def test_a_model_without_a_final_state_is_named_where_it_is_shown() -> None:
    influence = table(INFLUENCE)
    sentence = "none is told: Seq2Seq."
    is_gone = (influence["model"] == "seq2seq") & (influence["measure"] == CONTEXT)
    assert sentence in texts_of(drawn(influence_figure, influence[~is_gone], length=LAST))
    for whole in (influence, influence[influence["model"] != "seq2seq"]):
        text = texts_of(drawn(influence_figure, whole, length=LAST))
        assert "Not in the last two rows" not in text
        assert "context" not in text
        assert "|d final state / d x|, untrained" in text


def with_doubled_effects(influence: pd.DataFrame) -> pd.DataFrame:
    return influence.assign(effect=2 * influence["effect"])


@pytest.mark.parametrize(
    "twin", [at_another_length, with_doubled_effects, without_a_seed, swapped_tasks]
)
def test_other_influence_is_rejected(twin: Change) -> None:
    figure = drawn(influence_figure, twin(table(INFLUENCE)), length=LAST)
    with pytest.raises((AssertionError, KeyError)):
        check_influence(figure, full())


def test_influence_of_one_seed_has_no_band_and_claims_none() -> None:
    rows = rows_to_probe(seeds=(1,))
    figure = drawn(influence_figure, found(INFLUENCE, rows), length=LAST)
    check_influence(figure, rows)
    assert not bands_of(figure)
    text = texts_of(figure)
    assert "1 seed" in text
    assert "band" not in text


def test_a_plug_in_looks_the_same_in_every_panel() -> None:
    rows = rows_to_probe(models=("seq2seq", "mamba", "xlstm"))
    influence = found(INFLUENCE, rows)
    kept = influence[(influence["model"] != "mamba") | (influence["task"] != "reverse")]
    figure = drawn(influence_figure, kept, length=LAST)
    looks = style.styles_for({"seq2seq", "mamba", "xlstm"})
    check_colours(figure, looks)
    mixed = looks | {"xlstm": looks["mamba"]}
    with pytest.raises(AssertionError):
        check_colours(figure, mixed)


def check_colours(figure: Figure, looks: dict[str, style.LineStyle]) -> None:
    for axis in figure.axes:
        for line in axis.lines:
            kind, _, _, model, *_ = str(line.get_gid()).split("/")
            if kind in ("seed", "mean"):
                assert line.get_color() == looks[model].colour, line.get_gid()


def test_a_panel_without_effects_says_so() -> None:
    influence = table(INFLUENCE)
    is_sorted = influence["task"] == "reverse"
    influence.loc[is_sorted, "aligned_effect"] = None
    influence = influence[~is_sorted | (influence["measure"] != CONTEXT)]
    figure = drawn(influence_figure, influence, length=LAST)
    assert [place for place, axis in enumerate(figure.axes) if axis.texts] == [1, 7, 9]
    assert not [name for name in lines_of(figure) if "aligned_effect/reverse" in name]


@cache
def of_models(count: int) -> dict[str, pd.DataFrame]:
    models = list(style.MODEL_STYLES)[-count:]
    rows = rows_to_probe(models=models, seeds=(0, 1))
    names = (ERRORS, POSITIONS, ALIGNMENT, INFLUENCE, MAPS)
    return {name: found(name, rows) for name in names}


def every_figure(tables: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    maps = {
        measure: drawn(map_figure, tables[MAPS], measure=measure, length=LAST)
        for measure in MEASURES
    }
    return maps | {
        "positions": drawn(positions_figure, tables[POSITIONS]),
        "influence": drawn(influence_figure, tables[INFLUENCE], length=LAST),
        "errors": drawn(errors_figure, error_curves(tables[ERRORS])),
        "alignment": drawn(alignment_figure, alignment_curves(tables[ALIGNMENT])),
    }


@pytest.mark.parametrize("count", [1, 6])
def test_text_stays_apart(count: int) -> None:
    for figure in every_figure(of_models(count)).values():
        check_legible(figure)


def with_small_effects(*, factor: float) -> pd.DataFrame:
    """Return effects about 0, as of models that have hardly learned, whose ticks are long."""
    influence = found(INFLUENCE, rows_to_probe(seeds=(0, 1)))
    is_linear = influence["measure"] == OCCLUSION
    for name in ("effect", "aligned_effect"):
        small = factor * (influence[name] - 0.5)
        influence[name] = influence[name].where(~is_linear, small)
    return influence


@pytest.mark.parametrize("factor", [1e-2, 1e-3, 1e-4, 1e-5])
def test_labels_of_small_effects_stay_in_the_figure(factor: float) -> None:
    check_legible(drawn(influence_figure, with_small_effects(factor=factor), length=LAST))


def test_labels_of_small_effects_that_find_no_room_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def narrow(**options: Any) -> Frame:
        return Frame(**options | {"left_inches": 0.75})

    monkeypatch.setattr(influence, "Frame", narrow)
    with pytest.raises(AssertionError, match="occlusion"):
        check_legible(drawn(influence_figure, with_small_effects(factor=1e-3), length=LAST))


def test_the_same_findings_give_the_same_bytes() -> None:
    first, again = every_figure(of_models(1)), every_figure(of_models(1))
    with style.themed():
        contents = {name: rendered(figure, kind="svg") for name, figure in first.items()}
        assert contents == {name: rendered(each, kind="svg") for name, each in again.items()}
        one_seed = of_models(1)[POSITIONS].query("seed == 0")
        other = rendered(drawn(positions_figure, one_seed), kind="svg")
    assert other != contents["positions"]


def test_rows_that_did_not_finish_have_no_findings_to_join() -> None:
    rows = rows_to_probe(tasks=("copy",))
    rows[0] = failed(rows[0])
    finished = [row for row in rows if row.status == "ok"]
    errors = joined(table_of(ERRORS, probes_of(finished)[ERRORS]), frame_of(rows))
    assert len(errors) == len(rows) - 1
    curves = error_curves(errors)
    hollow = lines_of(drawn(errors_figure, curves))
    first = rows[0]
    expected = [float(first.length)]
    assert list(hollow[f"hollow/teacher_forcing_gap/copy/{first.model}"][0]) == expected
