import math

import pytest

from reports.selection.channel import channel_of, efficiency, with_channel
from tests.rows import channel_rows, curve_rows, frame_of


def test_share_is_of_the_capacity_however_the_channel_is_built():
    found = efficiency(channel_of(with_channel(frame_of(channel_rows(share=0.9)))))
    assert set(found["capacity"]) == {16.0}
    assert set(found["build"]) == {"SNR 3", "SNR 15", "SNR 1", "signs"}
    assert found["share"].tolist() == pytest.approx([0.9] * 4)
    assert found["n"].tolist() == [2] * 4


def test_only_a_full_channel_counts_and_never_the_control():
    rows = [row for row in channel_rows(share=0.5) if row.target_bits < 4 * 16]
    assert efficiency(channel_of(frame_of(rows))).empty
    control = [row for row in channel_rows() if row.model == "seq2seq+dot+channel"]
    assert efficiency(channel_of(frame_of(control))).empty


def test_load_is_the_target_over_the_capacity():
    points = channel_of(frame_of(channel_rows())).points
    assert (points["load"] * points["capacity"]).tolist() == pytest.approx(
        (4.0 * points["length"]).tolist()
    )
    assert points.loc[points["build"] == "signs", "capacity"].eq(16).all()
    assert not any(map(math.isnan, points["load"]))


def test_models_without_a_channel_are_left_to_the_other_figures():
    assert with_channel(frame_of(curve_rows(tasks=("copy",)))).empty
