import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from results.errors import ResultsError
from results.schema.rows import AccuracyRow
from results.stats.pairs import (
    ABSENT,
    ACCURACY_SETTINGS,
    NO_VALUE,
    THROUGHPUT_SETTINGS,
    Pairs,
    pair_accuracy,
    pair_throughput,
)
from tests.results.stats.compared_rows import frame_of, seeds
from tests.rows import accuracy_row, failed, throughput_row


def paired(a: Sequence[AccuracyRow], b: Sequence[AccuracyRow], **options: Any) -> Pairs:
    return pair_accuracy(frame_of(a), frame_of(b), **{"score": "token_accuracy"} | options)


def changed(row: Any, name: str) -> Any:
    """Return the row with another value, and leave every other value as it is."""
    value = getattr(row, name)
    if isinstance(value, str | None):
        return dataclasses.replace(row, **{name: f"other {name}" if value else "something"})
    return dataclasses.replace(row, **{name: value + 1 if isinstance(value, int) else value / 2})


def ladder(*lengths: int, protocol: str = "curriculum") -> list[AccuracyRow]:
    return [
        accuracy_row(protocol=protocol, train_length=length, length=length) for length in lengths
    ]


def test_rows_are_paired_by_seed_and_not_by_place() -> None:
    a = seeds([0.1, 0.2, 0.3])
    pairs = paired(a, [dataclasses.replace(row, commit="b") for row in reversed(a)])

    assert len(pairs.rows) == 3
    assert pairs.rows["token_accuracy_a"].equals(
        pairs.rows["token_accuracy_b"].rename("token_accuracy_a")
    )
    assert (pairs.only_a, pairs.only_b) == ({}, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "sort"},
        {"model": "rnn"},
        {"protocol": "mixed"},
        {"train_length": 20},
        {"length": 20},
        {"seed": 1},
    ],
    ids=str,
)
def test_rows_of_another_kind_are_no_pair(changes: dict[str, Any]) -> None:
    pairs = paired([accuracy_row()], [accuracy_row(**changes)])

    assert pairs.rows.empty
    assert (pairs.only_a, pairs.only_b) == ({ABSENT: 1}, {ABSENT: 1})


@pytest.mark.parametrize("changes", [{"model": "rnn"}, {"phase": "forward"}, {"length": 20}])
def test_timings_of_another_kind_are_no_pair(changes: dict[str, Any]) -> None:
    pairs = pair_throughput(frame_of([throughput_row()]), frame_of([throughput_row(**changes)]))

    assert pairs.rows.empty
    assert (pairs.only_a, pairs.only_b) == ({ABSENT: 1}, {ABSENT: 1})


def test_a_row_that_is_ok_on_one_side_alone_is_counted_by_what_the_other_has() -> None:
    a = seeds([0.1, 0.2, 0.3, 0.4, 0.5])
    b = [a[0], failed(a[1]), failed(a[2], "killed"), dataclasses.replace(a[3], token_accuracy=None)]

    there, back = paired(a, b), paired(b, a)

    assert len(there.rows) == len(back.rows) == 1
    assert there.only_a == {"diverged": 1, "killed": 1, NO_VALUE: 1, ABSENT: 1}
    assert back.only_b == there.only_a
    assert there.only_b == back.only_a == {}


def test_a_row_that_is_ok_on_neither_side_is_not_counted() -> None:
    rows = [failed(accuracy_row())]

    pairs = paired(rows, rows)

    assert (len(pairs.rows), pairs.only_a, pairs.only_b) == (0, {}, {})


def test_lengths_are_those_of_the_test() -> None:
    rows = [accuracy_row(train_length=10, length=length) for length in (10, 20, 30)]

    pairs = paired(rows, rows[:2], lengths=(20, 30))

    assert pairs.rows["length"].tolist() == [20]
    assert pairs.only_a == {ABSENT: 1}


@pytest.mark.parametrize("name", [name for name in ACCURACY_SETTINGS if name != "curriculum_rung"])
def test_a_training_with_another_setting_is_refused(name: str) -> None:
    row = accuracy_row()
    another = changed(row, name)

    with pytest.raises(ResultsError) as refusal:
        paired([row], [another])

    assert str(refusal.value) == (
        f"{name}: must be the same to be compared, got {getattr(row, name)} in A and "
        f"{getattr(another, name)} in B (task copy, model seq2seq, protocol curriculum, "
        "train_length 10, length 10, seed 0)"
    )


@pytest.mark.parametrize("name", THROUGHPUT_SETTINGS)
def test_a_timing_with_another_setting_is_refused(name: str) -> None:
    row = throughput_row(device_name="some processor", processors=1)

    with pytest.raises(ResultsError, match=f"^{name}: must be the same to be compared"):
        pair_throughput(frame_of([row]), frame_of([changed(row, name)]))


def test_a_setting_that_one_side_does_not_tell_is_refused() -> None:
    a, b = throughput_row(processors=1), throughput_row(processors=None)

    with pytest.raises(ResultsError, match=r"processors: .* got 1 in A and nothing in B"):
        pair_throughput(frame_of([a]), frame_of([b]))


@pytest.mark.parametrize(
    "name",
    ["commit", "torch_version", "python_version", "device", "model_version", "recipe_version"],
)
def test_what_a_comparison_is_made_for_may_differ(name: str) -> None:
    row = accuracy_row(commit="a", torch_version="2", python_version="3")

    assert len(paired([row], [changed(row, name)]).rows) == 1


def test_tasks_may_have_alphabets_of_their_own() -> None:
    rows = [accuracy_row(), accuracy_row(task="sort", symbols=128)]

    assert len(paired(rows, rows).rows) == 2


def test_settings_of_rows_that_are_not_compared_do_not_matter() -> None:
    row = accuracy_row()
    elsewhere = [failed(accuracy_row(seed=1, hidden=32)), accuracy_row(length=20, hidden=32)]

    assert len(paired([row], [row, *elsewhere]).rows) == 1


def test_several_settings_in_one_folder_are_refused() -> None:
    rows = [accuracy_row(), accuracy_row(hidden=32, config_id="c1")]

    with pytest.raises(ResultsError, match="hidden: must be the same"):
        paired(rows, rows)


def test_several_rows_of_one_measurement_are_refused() -> None:
    with pytest.raises(ResultsError, match="several rows of one measurement: task copy, model"):
        paired([accuracy_row()], [accuracy_row(), accuracy_row(config_id="c1")])


def test_a_curriculum_by_another_ladder_is_refused() -> None:
    with pytest.raises(
        ResultsError, match=r"curriculum_rung: .* got 2 in A and 3 in B .*length 20"
    ):
        paired(ladder(10, 20), ladder(10, 15, 20))


def test_a_ladder_counts_in_whole_though_few_lengths_are_compared() -> None:
    with pytest.raises(ResultsError, match=r"curriculum_rung: .* got 2 in A and 3 in B"):
        paired(ladder(10, 20), ladder(10, 15, 20), lengths=[20])


def test_a_ladder_that_was_climbed_further_is_compared_as_far_as_both_go() -> None:
    assert len(paired(ladder(10, 20), ladder(10, 20, 30)).rows) == 2


def test_only_a_curriculum_has_a_ladder() -> None:
    a, b = ladder(10, 20, protocol="independent"), ladder(10, 15, 20, protocol="independent")

    assert len(paired(a, b).rows) == 2
