"""The laws of joining what folders hold, and which of two that share an id is kept."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from results.merge import contents as merging
from results.merge.contents import Contents, disputes, joined, joined_plan
from results.schema.columns import to_json
from results.schema.layout import columns_of
from results.schema.probe_rows import AlignmentRow, ErrorRow
from results.schema.rows import (
    MEASURED_COLUMNS,
    PROVENANCE_COLUMNS,
    TIME_COLUMNS,
    AccuracyRow,
    ThroughputRow,
    planned,
)
from results.store.csv_files import ALIGNMENT, ERRORS
from results.store.outcomes import csv_order
from results.store.probes import ProbeRecord, stage_columns
from results.store.records import Record
from tests.rows import accuracy_row, failed, run_rows, sample_of, throughput_row

Join = Callable[[Iterable[Contents]], Contents]
Choices = tuple[tuple[int, ...], ...]

IDS = ("r0", "r1")
MACHINES = (None, "a", "b")


def records_of(name: str) -> list[Record]:
    """Return records of one id: what they say, by whom and how fast they were made."""
    return [
        Record(
            accuracy_row(
                record_id=name, token_accuracy=score, device_name=machine, train_seconds=seconds
            )
        )
        for score, machine, seconds in itertools.product((0.25, 0.5), MACHINES, (1.0, 2.0))
    ]


def failures_of(name: str) -> list[AccuracyRow]:
    return [
        failed(accuracy_row(record_id=name, attempts=attempts), status)
        for attempts, status in itertools.product((1, 2, 10), ("diverged", "killed"))
    ]


def probes_of(name: str) -> list[ProbeRecord]:
    stage = stage_columns(accuracy_row())
    errors = [
        ErrorRow(
            **stage,
            wrong_items=wrong,
            edit_distance_items=1.0,
            correct_prefix_items=0.0,
            teacher_forcing_gap=0.0,
            test_sequences=8,
        )
        for wrong in (1.0, 2.0, 3.0)
    ]
    fractions = [item.name for item in columns_of(AlignmentRow) if item.kind is float]
    alignment = AlignmentRow(**stage, **dict.fromkeys(fractions, 0.5), test_sequences=8)  # type: ignore[arg-type]
    return [
        ProbeRecord(name, 1, {ERRORS: (row,)} | further)
        for row, further in itertools.product(errors, ({}, {ALIGNMENT: (alignment,)}))
    ]


def timing(*, status: str = "ok", **changes: Any) -> ThroughputRow:
    empty = {} if status == "ok" else dict.fromkeys(MEASURED_COLUMNS)
    return throughput_row(status=status, **changes | empty)


TIMINGS = [
    timing(status=status, device_name=machine, noise=noise, median_seconds=seconds)
    for (status, noise, seconds), machine in itertools.product(
        [
            ("ok", "steady", 1.0),
            ("ok", "noisy", 1.0),
            ("ok", "steady", 2.0),
            ("out_of_memory", None, None),
        ],
        MACHINES,
    )
]


def mappings(values_of: Callable[[str], list[Any]]) -> list[dict[str, Any]]:
    """Return every mapping in which each id has one of its values, or none."""
    choices = itertools.product(*((None, *values_of(name)) for name in IDS))
    return [
        {name: value for name, value in zip(IDS, values, strict=True) if value is not None}
        for values in choices
    ]


POOLS = (
    mappings(lambda name: [planned(accuracy_row(record_id=name, hidden=h)) for h in (32, 64)]),
    mappings(records_of),
    mappings(failures_of),
    mappings(probes_of),
    mappings(lambda name: TIMINGS),
)
# Numbers of mappings: what they hold takes pages to print.
CHOICE = st.tuples(*(st.integers(0, len(pool) - 1) for pool in POOLS))


def contents_of(choices: Choices) -> list[Contents]:
    return [
        Contents(*(pool[number] for pool, number in zip(POOLS, choice, strict=True)))
        for choice in choices
    ]


# Examples are small: shrinking them takes longer than it helps.
THOROUGH = settings(
    max_examples=1000,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
)


# The laws.


def check_commutative(join: Join) -> None:
    @THOROUGH
    @given(st.tuples(CHOICE, CHOICE))
    def check(choices: Choices) -> None:
        a, b = contents_of(choices)
        assert join((a, b)) == join((b, a))

    check()


def check_associative(join: Join) -> None:
    @THOROUGH
    @given(st.tuples(CHOICE, CHOICE, CHOICE))
    def check(choices: Choices) -> None:
        a, b, c = contents_of(choices)
        assert join((join((a, b)), c)) == join((a, join((b, c)))) == join((a, b, c))

    check()


def check_idempotent(join: Join) -> None:
    @THOROUGH
    @given(st.tuples(CHOICE, CHOICE))
    def check(choices: Choices) -> None:
        a, b = contents_of(choices)
        once = join((a, b))
        assert join((a, a)) == join((a,))
        assert join((once, once)) == join((once, a)) == join((b, once)) == once

    check()


def test_order_does_not_matter() -> None:
    check_commutative(joined)


def test_grouping_does_not_matter() -> None:
    check_associative(joined)


def test_repetition_does_not_matter() -> None:
    check_idempotent(joined)


def first_folder_wins(contents: Iterable[Contents]) -> Contents:
    records: dict[str, Record] = {}
    for part in contents:
        records = {**part.records, **records}
    return Contents(records=records)


def by_provenance_alone(contents: Iterable[Contents]) -> Contents:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "render_record", lambda record: b"")
        return joined(contents)


@pytest.mark.parametrize("broken", [first_folder_wins, by_provenance_alone])
def test_join_that_depends_on_the_order_is_rejected(broken: Join) -> None:
    with pytest.raises(AssertionError):
        check_commutative(broken)


def mean_times(contents: Iterable[Contents]) -> Contents:
    """Take the mean of two measurements of one cell, as a careless merge does."""
    timings: dict[Any, Any] = {}
    for part in contents:
        for key, row in part.timings.items():
            other = timings.get(key, row)
            both = (row.median_seconds or 0.0) + (other.median_seconds or 0.0)
            timings[key] = throughput_row(median_seconds=both / 2)
    return Contents(timings=timings)


def the_fuller_folder_wins(contents: Iterable[Contents]) -> Contents:
    """Let the folder with more records overwrite the others; of two as full, by content."""
    parts = sorted(
        contents, key=lambda part: (len(part.records), sorted(map(str, part.records.values())))
    )
    return Contents(records={k: v for part in parts for k, v in part.records.items()})


@pytest.mark.parametrize("broken", [mean_times, the_fuller_folder_wins])
def test_join_that_depends_on_the_grouping_is_rejected(broken: Join) -> None:
    with pytest.raises(AssertionError):
        check_associative(broken)


def attempts_added_up(contents: Iterable[Contents]) -> Contents:
    failures: dict[str, AccuracyRow] = {}
    for part in contents:
        for name, row in part.failures.items():
            before = failures[name].attempts if name in failures else 0
            failures[name] = failed(accuracy_row(record_id=name, attempts=before + row.attempts))
    return Contents(failures=failures)


def test_join_that_depends_on_repetition_is_rejected() -> None:
    with pytest.raises(AssertionError):
        check_idempotent(attempts_added_up)


# Which is kept.


def test_everything_that_one_folder_has_is_kept() -> None:
    a = Contents(records={"r0": records_of("r0")[0]}, probes={"r0": probes_of("r0")[0]})
    b = Contents(failures={"r1": failures_of("r1")[0]}, timings={("x",): TIMINGS[0]})
    assert joined((a, b)) == Contents(
        records=a.records, failures=b.failures, probes=a.probes, timings=b.timings
    )
    assert joined(()) == Contents()


def test_a_record_supersedes_a_failure() -> None:
    record, failure = records_of("r0")[0], failures_of("r0")[-1]
    both = joined((Contents(failures={"r0": failure}), Contents(records={"r0": record})))
    assert both == Contents(records={"r0": record})


def test_the_failure_tried_most_often_is_kept() -> None:
    rows = failures_of("r0")
    for order in itertools.permutations((rows[0], rows[2], rows[5])):
        kept = joined(Contents(failures={"r0": row}) for row in order).failures["r0"]
        assert kept.attempts == 10


def test_the_richer_probe_is_kept() -> None:
    for few, many in itertools.product(probes_of("r0")[::2], probes_of("r0")[1::2]):
        assert joined((Contents(probes={"r0": few}), Contents(probes={"r0": many}))).probes == {
            "r0": many
        }


def check_keeps_one_curve(join: Join) -> None:
    """Where two machines disagree, one of them has every length of a model run."""
    rows = run_rows("seq2seq", lengths=tuple(range(10, 210, 10)))
    parts = [
        Contents(
            records={
                row.record_id: Record(
                    replace(row, device_name=machine, token_accuracy=score, train_seconds=score)
                )
                for row in rows
            }
        )
        for machine, score in (("a", 0.3), ("b", 0.2))
    ]
    kept = join(parts).records.values()
    assert len({record.row.device_name for record in kept}) == 1


def test_a_curve_is_of_one_machine() -> None:
    check_keeps_one_curve(joined)


def test_a_curve_of_two_machines_is_rejected() -> None:
    def by_content_alone(contents: Iterable[Contents]) -> Contents:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(merging, "_provenance", lambda row: ())
            return joined(contents)

    with pytest.raises(AssertionError):
        check_keeps_one_curve(by_content_alone)


def check_prefers_no_score(order: Callable[[Record], Any]) -> None:
    """Of a better and a worse record of one machine, about as often either is kept."""
    pairs = [
        [
            Record(accuracy_row(record_id=f"r{index}", token_accuracy=score, train_seconds=1.0))
            for score in (0.2, 0.3)
        ]
        for index in range(200)
    ]
    better = sum(min(pair, key=order) is pair[1] for pair in pairs)
    assert 70 < better < 130


def test_no_score_is_preferred() -> None:
    check_prefers_no_score(merging.record_order)


@pytest.mark.parametrize("sign", [1, -1])
def test_order_that_prefers_a_score_is_rejected(sign: int) -> None:
    with pytest.raises(AssertionError):
        check_prefers_no_score(lambda record: sign * (record.row.token_accuracy or 0.0))


@pytest.mark.parametrize(
    ("kept", "other"),
    [
        ({"device_name": "b"}, {"device_name": "a", "status": "out_of_memory"}),
        ({"device_name": "a", "noise": "noisy"}, {"device_name": "b", "noise": "steady"}),
        ({"device_name": "a", "noise": "steady"}, {"device_name": "a", "noise": "noisy"}),
    ],
)
def test_timing_that_is_kept(kept: dict[str, Any], other: dict[str, Any]) -> None:
    rows = [timing(**changes) for changes in (kept, other)]
    for order in (rows, rows[::-1]):
        assert joined(Contents(timings={("x",): row}) for row in order).timings == {("x",): rows[0]}


def test_plans_are_joined_in_the_order_of_the_csv() -> None:
    rows = [planned(row) for model in "ba" for row in run_rows(model, lengths=(20, 10))]
    for present in itertools.permutations(rows):
        assert joined_plan(present[:3], present[1:]) == sorted(rows, key=csv_order)


# What is disputed.

Disputes = Callable[[Contents, Any], Any]


def changed(row: AccuracyRow, name: str) -> AccuracyRow:
    (item,) = [item for item in columns_of(AccuracyRow) if item.name == name]
    value = getattr(row, name)
    if item.kind is str:
        other: Any = next(choice for choice in (*item.choices, "another") if choice != value)
    else:
        other = item.kind(1 if value in (None, 0) else 0)
    return replace(row, **{name: other})


def check_names_every_column(find: Disputes) -> None:
    row = accuracy_row()
    kept = {"record0": Record(row)}
    for item in columns_of(AccuracyRow):
        if item.name in ("record_id", "status", "schema_version"):
            continue
        other = Record(changed(row, item.name))
        found = find(Contents(records={"record0": other}), kept)
        if item.name in (*TIME_COLUMNS, *PROVENANCE_COLUMNS, "attempts"):
            assert found == {}, item.name
        else:
            ((name, first, second),) = found["record0"].differences()
            assert (name, first != second) == (item.name, True)


def test_every_column_but_times_and_provenance_is_disputed() -> None:
    check_names_every_column(disputes)


def scores_alone(part: Contents, kept: Any) -> Any:
    found = disputes(part, kept)
    return {
        name: dispute
        for name, dispute in found.items()
        if dispute.kept.row.token_accuracy != dispute.other.row.token_accuracy
    }


def any_byte(part: Contents, kept: Any) -> Any:
    return {name: merging.Dispute(kept[name], other) for name, other in part.records.items()}


@pytest.mark.parametrize("broken", [scores_alone, any_byte])
def test_disputes_of_other_columns_are_rejected(broken: Disputes) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check_names_every_column(broken)


def test_samples_are_disputed() -> None:
    row = accuracy_row()
    kept = {"record0": Record(row, (sample_of(row, 0),))}
    other = Record(row, (replace(sample_of(row, 0), answer="1 1 1"),))
    dispute = disputes(Contents(records={"record0": other}), kept)["record0"]
    assert dispute.describe(kept_in="A", other_in="B") == (
        "copy, seq2seq, seed 0, length 10: samples: these in A, which is kept, others in B"
    )


def test_a_dispute_is_one_line() -> None:
    row = accuracy_row(seed=11, length=20)
    other = replace(row, token_accuracy=0.25, carried_bits=None, commit="c")
    dispute = merging.Dispute(Record(row), Record(other))
    assert dispute.describe(kept_in="A", other_in="B") == (
        "copy, seq2seq, seed 11, length 20: token_accuracy: 0.9123 in A, which is kept, "
        "0.25 in B; 2 columns differ"
    )
    assert list(dispute.differences())[1] == ("carried_bits", "-0.5", "nothing")


def test_columns_that_may_differ_are_columns() -> None:
    assert {*merging.MAY_DIFFER} <= to_json(accuracy_row()).keys()
