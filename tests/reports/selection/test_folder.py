import pandas as pd

from reports.selection.folder import split, split_by_training
from tests.rows import curve_rows, frame_of

SMALL = {"models": ("rnn", "seq2seq"), "seeds": (0, 1), "lengths": (10, 20)}


def rows(**changes):
    return curve_rows(**{"tasks": ("copy",)} | SMALL | changes)


def check_keeps_every_row(parts, frame):
    together = pd.concat(list(parts.values())).sort_index()
    pd.testing.assert_frame_equal(together, frame.sort_index())


def test_the_suffix_names_what_differs_and_nothing_else():
    assert list(split_by_training(frame_of(rows()))) == [""]
    wide, one_way = rows(hidden=128, config_id="wide"), rows(encoder="uni", config_id="one-way")
    frame = frame_of([*rows(), *wide, *one_way])
    parts = split_by_training(frame)
    assert {name: set(part["config_id"]) for name, part in parts.items()} == {
        "-hidden-64-bi": {"cur016"},
        "-hidden-128-bi": {"wide"},
        "-hidden-64-uni": {"one-way"},
    }
    check_keeps_every_row(parts, frame)
    # Alphabets are settings where one task has several.
    assert list(split_by_training(frame_of(rows(tasks=("copy", "sort"))))) == [""]
    parts = split_by_training(frame_of([*rows(), *rows(symbols=4, config_id="few")]))
    assert {name: set(part["symbols"]) for name, part in parts.items()} == {
        "-symbols-16": {16},
        "-symbols-4": {4},
    }


def test_a_suffix_suits_a_file_name_and_loses_no_row():
    frame = frame_of(rows()).assign(device_name=["A/B (R) 3.1 GHz", None] * 4)
    assert set(split(frame, ["device_name"])) == {"-a-b-r-3-1-ghz", "-unnamed"}
    alike = frame.assign(device_name=["chip-1", "chip 1"] * 4)
    check_keeps_every_row(split(alike, ["device_name"]), alike)
