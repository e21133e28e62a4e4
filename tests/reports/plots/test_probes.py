from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.drawing import style
from reports.drawing.frame import WIDTH_INCHES
from reports.drawing.heatmap import draw_heatmaps
from reports.plots.maps import map_figure, map_lengths
from reports.plots.probes import (
    corruption_of,
    edit_distances,
    error_curves,
    influence_of,
    state_of,
    unrelated_edits,
    with_settings,
)
from results.schema.rows import SampleRow
from results.store.csv_files import CORRUPTION, ERRORS, INFLUENCE, MAPS, STATE
from results.wording import NEVER_IN_A_NAME
from tests.rows import curve_rows, frame_of, number, probe_tables, sample_rows, true_source

MODELS = ("seq2seq", "seq2seq+dot")


@cache
def rows():
    return curve_rows(tasks=("copy", "reverse"), models=MODELS, seeds=(0, 1), lengths=(4, 6, 8))


@cache
def found(name):
    tables = [row for each in rows() for row in probe_tables(each)[name]]
    return with_settings(frame_of(tables), frame_of(rows()))


def test_errors_are_edits_per_wrong_item_beside_unrelated_targets():
    samples = with_settings(frame_of(sample_rows(rows())), frame_of(rows()))
    keys = ["row", "column", "line", "length"]
    table = error_curves(found(ERRORS), samples).table.set_index(keys)
    row = rows()[0]
    place = (row.task, row.model, row.length)
    edits = table.loc[("edit_share", *place)].set_index("seed")["y"]
    assert edits[0] == pytest.approx(number(row, 1))
    unrelated = unrelated_edits(samples).set_index(["column", "length"])["y"]
    for task, length in product(("copy", "reverse"), (4, 6, 8)):
        at = ("edit_share", task, f"{NEVER_IN_A_NAME}unrelated_edits", length)
        assert table.loc[at, "y"] == unrelated[task, length]
    assert set(error_curves(found(ERRORS), None).table["line"]) == set(MODELS)


def test_influence_has_every_position_and_seed_before_and_after_training():
    longest = found(INFLUENCE).query("length == 8")
    table = influence_of(longest)
    assert len(table) == 2 * 2 * len(MODELS) * 2 * 8  # When, tasks, models, seeds, positions.
    row = next(each for each in rows() if (each.length, each.seed) == (8, 1))
    here = table.query("row == 'copy' and line == 'seq2seq' and seed == 1 and length == 3")
    assert here.set_index("column")["y"].to_dict() == {
        "trained": number(row, 3, 2),
        "initial": number(row, 3, 3),
    }
    assert influence_of(longest.assign(effect=0.0))["y"].isna().all()


def test_corruption_is_a_mean_over_wrong_items_of_each_seed():
    table = corruption_of(found(CORRUPTION).query("length == 8"))
    assert len(table) == 2 * 2 * len(MODELS) * 2 * 7  # Scores, tasks, models, seeds, distances.
    row = next(each for each in rows() if (each.length, each.seed) == (8, 1))
    here = table.query("column == 'copy' and line == 'seq2seq' and seed == 1 and x == 3")
    assert here.set_index("row")["y"].to_dict() == {
        "corrupted_accuracy": pytest.approx((number(row, 1, 3) + number(row, 2, 3)) / 2),
        "intact_accuracy": pytest.approx((number(row, 1, 3, 1) + number(row, 2, 3, 1)) / 2),
    }


def test_state_has_the_bits_of_every_reader_and_item():
    table = state_of(found(STATE).query("length == 8"))
    assert len(table) == 3 * 2 * len(MODELS) * 2 * 8
    row = next(each for each in rows() if (each.length, each.seed) == (8, 1))
    here = table.query("column == 'copy' and line == 'seq2seq' and seed == 1 and x == 3")
    expected = {"linear": 0, "mlp": 1, "decoder": 2}
    bits = {name: 4 * number(row, 3, kind) for name, kind in expected.items()}
    assert here.set_index("row")["y"].to_dict() == bits


def map_of(measure, **changes):
    cells = found(MAPS).query("length == 8 and task == 'copy'").assign(**changes)
    with style.themed():
        return map_figure(cells, measure=measure, title="A title")


def test_maps_have_rings_on_the_true_path():
    figure = map_of("occlusion")
    row = next(each for each in rows() if each.length == 8)
    mesh, rings = figure.axes[0].collections
    # Every second output is drawn: place 1 of the map is output 3.
    outputs, items = (1, 3, 5, 7), range(1, row.length + 1)
    assert mesh.get_array().tolist() == [
        [number(row, output, source, len("occlusion")) for source in items] for output in outputs
    ]
    assert sorted(rings.get_offsets().tolist(), key=lambda each: each[1]) == [
        [true_source(row, output) - 0.5, place + 0.5] for place, output in enumerate(outputs)
    ]


def test_all_maps_of_a_figure_have_one_scale_and_nought_is_its_middle():
    is_small = found(MAPS).query("length == 8 and task == 'copy'")["model"] == "seq2seq"
    figure = map_of("occlusion", value=is_small.map({True: -0.2, False: 7.0}))
    scales = {axes.collections[0].get_clim() for axes in figure.axes[:2]}
    assert scales == {(-7.0, 7.0)}
    mesh = figure.axes[0].collections[0]
    assert min(mesh.cmap(mesh.norm(0.0))[:3]) > 0.95  # White.
    weights = map_of("attention")
    assert weights.axes[0].collections[0].get_clim() == (0.0, 1.0)


@pytest.mark.parametrize(("models", "rows_and_columns"), [(2, (1, 2)), (4, (2, 2)), (5, (2, 3))])
def test_panels_are_wrapped_into_even_rows(models, rows_and_columns):
    names = [f"m{place}" for place in range(models)]
    table = pd.DataFrame({"panel": names, "x": 1, "y": 1, "value": 0.5})
    with style.themed():
        figure, axes = draw_heatmaps(
            table, panels=dict(zip(names, names, strict=True)), ylabel="y", colour_label="share"
        )
    assert [axes[name].get_title() for name in names] == names
    assert axes[names[0]].get_subplotspec().get_gridspec().get_geometry() == rows_and_columns
    assert figure.get_figwidth() == pytest.approx(WIDTH_INCHES)


def test_maps_are_of_the_second_shortest_and_the_longest_length():
    assert map_lengths(found(MAPS)) == (6, 8)
    assert map_lengths(found(MAPS).query("length == 4")) == (4,)
    assert map_lengths(found(MAPS)[:0]) == ()


def fewest_edits(left, right):
    if not left or not right:
        return len(left) + len(right)
    return min(
        fewest_edits(left[1:], right) + 1,
        fewest_edits(left, right[1:]) + 1,
        fewest_edits(left[1:], right[1:]) + (left[0] != right[0]),
    )


SHORT = st.tuples(*[st.integers(0, 2)] * 5)


@given(st.lists(st.tuples(SHORT, SHORT), min_size=1, max_size=3))
def test_edits_are_the_fewest(pairs):
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    assert edit_distances(left, right).tolist() == [fewest_edits(*pair) for pair in pairs]


def test_unrelated_edits_are_of_different_sources_of_one_seed():
    def sample(seed, index, target, model="rnn"):
        stage = {"task": "copy", "model": model, "protocol": "curriculum", "seed": seed}
        lengths = {"train_length": 3, "length": 3, "config_id": "c"}
        texts = {"source": target, "target": target, "answer": target}
        return SampleRow(**stage, **lengths, sample=index, **texts)

    samples = [
        sample(0, 0, "1 2 3"),
        sample(0, 1, "2 3 1"),  # Two edits, three wrong items.
        sample(0, 0, "1 2 3", model="seq2seq"),  # The same source again.
        sample(1, 0, "1 2 3"),
        sample(1, 1, "1 2 4"),  # One edit, one wrong item.
    ]
    (row,) = unrelated_edits(frame_of(samples)).to_dict("records")
    assert row == {"column": "copy", "length": 3, "x": 3.0, "y": 3 / 4}
    assert unrelated_edits(frame_of(samples[:1])).empty
