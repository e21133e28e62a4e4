from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.drawing import style
from reports.plots.maps import map_figure, map_lengths
from reports.plots.probes import (
    EFFECTS,
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


def test_influence_has_every_effect_of_every_position_and_seed():
    longest = found(INFLUENCE).query("length == 8")
    table = influence_of(longest)
    assert len(table) == len(EFFECTS) * 2 * len(MODELS) * 2 * 8
    row = next(each for each in rows() if (each.length, each.seed) == (8, 1))
    here = table.query("column == 'copy' and line == 'seq2seq' and seed == 1 and length == 3")
    assert here.set_index("row")["y"].to_dict() == {
        "own": number(row, 3, 0, 1),
        "all": number(row, 3, 0),
        "margin": number(row, 3, 1),
        "state": number(row, 3, 2),
        "initial": number(row, 3, 3),
    }
    nothing = influence_of(longest.assign(effect=0.0))
    assert nothing[nothing["row"] == "margin"]["y"].isna().all()
    assert (nothing[nothing["row"] == "all"]["y"] == 0).all()


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


def test_maps_have_rings_on_the_true_path():
    with style.themed():
        figure = map_figure(found(MAPS), measure="occlusion", length=8)
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
