from collections.abc import Callable

import pandas as pd
import pytest

from reports.selection.split import split, split_by_training
from results.schema.rows import AccuracyRow
from tests.reports.synthetic import accuracy_rows, frame_of

SMALL = {"models": ("rnn", "seq2seq"), "seeds": (0, 1), "lengths": (10, 20)}
Split = Callable[[pd.DataFrame], dict[str, pd.DataFrame]]


def rows(**changes: object) -> list[AccuracyRow]:
    return accuracy_rows(**{"tasks": ("copy",)} | SMALL | changes)  # type: ignore[arg-type]


def check_keeps_every_row(parts: dict[str, pd.DataFrame], frame: pd.DataFrame) -> None:
    """Raise AssertionError unless every row is in one part, unchanged, and each has one setting."""
    together = pd.concat(list(parts.values())).sort_index()
    pd.testing.assert_frame_equal(together, frame.sort_index())
    for part in parts.values():
        assert part["hidden"].nunique() == part["encoder"].nunique() == 1


def wide_and_one_way() -> pd.DataFrame:
    wide = rows(hidden=128, config_id="wide")
    return frame_of([*rows(), *wide, *rows(encoder="uni", config_id="one-way")])


def test_one_setting_stays_whole_and_has_no_suffix() -> None:
    frame = frame_of(rows())
    parts = split_by_training(frame)
    assert list(parts) == [""]
    check_keeps_every_row(parts, frame)


def test_the_suffix_names_what_differs_and_nothing_else() -> None:
    frame = wide_and_one_way()
    parts = split_by_training(frame)
    assert set(parts) == {"-hidden-64-bi", "-hidden-128-bi", "-hidden-64-uni"}
    check_keeps_every_row(parts, frame)
    assert set(parts["-hidden-128-bi"]["config_id"]) == {"wide"}
    assert set(parts["-hidden-64-uni"]["config_id"]) == {"one-way"}


def without_the_last(parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return dict(list(parts.items())[:-1])


def with_all_together(parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {"": pd.concat(list(parts.values()))}


def with_another_score(parts: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: part.assign(token_accuracy=0.5) for name, part in parts.items()}


@pytest.mark.parametrize("twin", [without_the_last, with_all_together, with_another_score])
def test_parts_that_lose_mix_or_change_rows_are_rejected(
    twin: Callable[[dict[str, pd.DataFrame]], dict[str, pd.DataFrame]],
) -> None:
    frame = wide_and_one_way()
    with pytest.raises(AssertionError):
        check_keeps_every_row(twin(split_by_training(frame)), frame)


def test_alphabets_of_different_tasks_are_no_settings() -> None:
    frame = frame_of(rows(tasks=("copy", "sort")))
    assert frame["symbols"].nunique() == 2
    assert list(split_by_training(frame)) == [""]


def test_alphabets_of_one_task_are_settings() -> None:
    frame = frame_of([*rows(), *rows(symbols=4, config_id="few")])
    parts = split_by_training(frame)
    assert {name: set(part["symbols"]) for name, part in parts.items()} == {
        "-symbols-16": {16},
        "-symbols-4": {4},
    }


def test_a_missing_value_is_a_setting_of_its_own() -> None:
    frame = frame_of(rows())
    frame["device_name"] = frame["device_name"].where(frame["seed"] == 0)
    parts = split(frame, ["device_name"])
    assert {name: len(part) for name, part in parts.items()} == {
        "-some-processor": 4,
        "-unnamed": 4,
    }


def test_a_suffix_suits_a_file_name() -> None:
    frame = frame_of(rows()).assign(device_name=["A/B (R) 3.1 GHz", "other"] * 4)
    assert set(split(frame, ["device_name"])) == {"-a-b-r-3-1-ghz", "-other"}


def test_names_that_differ_in_their_signs_alone_keep_their_rows() -> None:
    frame = frame_of(rows()).assign(device_name=["chip-1", "chip 1"] * 4)
    check_keeps_every_row(split(frame, ["device_name"]), frame)
