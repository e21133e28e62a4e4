from collections.abc import Callable

import pandas as pd
import pytest

from reports.selection.missing import (
    missing_lengths,
    missing_lines,
    spans,
    unfinished_lines,
    unprobed_lines,
)
from results.store.csv_files import INFLUENCE, MAPS, POSITIONS
from tests.reports.synthetic import accuracy_rows, failed, frame_of
from tests.reports.synthetic_probes import probes_of, rows_to_probe, table_of

FEW = {"tasks": ("copy", "sort"), "models": ("rnn", "seq2seq"), "lengths": (10, 20, 30, 40, 50)}


@pytest.mark.parametrize(
    ("lengths", "text"),
    [
        ([10], "10"),
        ([20, 10], "10, 20"),
        ([10, 20, 40], "10, 20, 40"),
        ([10, 20, 40, 30], "10..40"),
        ([10, 30, 40, 200], "10, 30..200"),
    ],
)
def test_spans_join_neighbours_of_the_grid(lengths: list[int], text: str) -> None:
    assert spans(lengths, grid=[10, 20, 30, 40, 200]) == text


def test_a_full_table_lacks_nothing() -> None:
    frame = frame_of(accuracy_rows(**FEW))
    assert missing_lines(frame) == []
    assert unfinished_lines(frame) == []


def test_what_a_series_lacks_is_found_in_the_union_of_the_others() -> None:
    rows = [
        row
        for row in accuracy_rows(**FEW)
        if (row.task, row.model, row.seed) != ("sort", "rnn", 1) or row.length == 20
    ]
    frame = frame_of(rows)
    assert missing_lengths(frame) == {("sort", "rnn", 1): (10, 30, 40, 50)}
    assert missing_lines(frame) == ["missing: 4 points of 60", "  sort, rnn, seed 1: 10, 30..50"]


def test_a_series_without_any_row_is_named() -> None:
    rows = [row for row in accuracy_rows(**FEW) if row.seed < 2 or row.task == "copy"]
    assert missing_lines(frame_of(rows)) == [
        "missing: 10 points of 60",
        "  sort, every model, seed 2: 10..50",
    ]


def test_seeds_and_tasks_that_lack_the_same_stand_in_one_line() -> None:
    rows = [
        row
        for row in accuracy_rows(**FEW)
        if row.length < 40 or row.seed == 0 or row.model == "rnn"
    ]
    assert missing_lines(frame_of(rows))[1:] == ["  every task, seq2seq, seed 1 and 2: 40, 50"]


def test_unfinished_rows_are_counted_by_status_and_named() -> None:
    rows = [
        failed(row, "diverged" if row.length == 20 else "not_reached")
        if (row.task, row.model, row.seed) == ("sort", "seq2seq", 1) and row.length > 10
        else row
        for row in accuracy_rows(**FEW)
    ]
    assert unfinished_lines(frame_of(rows)) == [
        "4 of 60 rows did not finish: 1 diverged, 3 not_reached",
        "  sort, seq2seq, seed 1: diverged at 20; not_reached at 30..50",
    ]


def test_long_lists_are_cut_and_say_so() -> None:
    rows = accuracy_rows(**FEW | {"lengths": tuple(range(10, 310, 10))})
    kept = [
        row for index, row in enumerate(rows) if (index // 30) % 12 >= row.length / 30 or index % 7
    ]
    lines = missing_lines(frame_of(kept))
    assert len(lines) <= 14
    assert lines[0].startswith("missing: ")


Tables = dict[str, pd.DataFrame]
LENGTHS_OF_PROBES = "python -m bench.probe writes them for the lengths of its --lengths"
NO_ATTENTION = [
    "no alignment-uni figure: alignment.csv has no rows of these models; "
    "only models with attention have any",
    "no map_attention-uni figure: maps.csv has no rows of attention of these models; "
    "only models with attention have any",
]
NO_INFLUENCE = [
    f"no influence-uni figure: influence.csv has no rows of these models; {LENGTHS_OF_PROBES}",
    "no map_attention-uni figure: maps.csv has no rows of attention of these models; "
    "only models with attention have any",
    *(
        f"no map_{name}-uni figure: maps.csv has no rows of {name} of these models; "
        f"{LENGTHS_OF_PROBES}"
        for name in ("occlusion", "gradient")
    ),
]
NOTHING = [
    "no errors-uni, positions-uni, alignment-uni, influence-uni, map_attention-uni, "
    "map_occlusion-uni, map_gradient-uni figures: the tables of probes have no rows of these "
    "models with curriculum; python -m bench.probe writes them"
]


def probed(*models: str, without: tuple[str, ...] = ()) -> Tables:
    found = probes_of(rows_to_probe(tasks=("copy",), models=models, seeds=(0,)))
    return {name: table_of(name, [] if name in without else rows) for name, rows in found.items()}


def unprobed() -> Tables:
    return {name: table.iloc[:0] for name, table in probed("seq2seq").items()}


@pytest.mark.parametrize(
    ("tables", "lines"),
    [
        (lambda: probed("seq2seq", "seq2seq+dot"), []),
        (lambda: probed("seq2seq"), NO_ATTENTION),
        (lambda: probed("seq2seq+dot", without=(INFLUENCE, MAPS)), NO_INFLUENCE),
        (
            lambda: probed("seq2seq+dot", without=(POSITIONS,)),
            ["no positions-uni figure: positions.csv has no rows of these models"],
        ),
        (unprobed, NOTHING),
    ],
)
def test_every_figure_of_probes_that_is_left_out_has_a_reason(
    tables: Callable[[], Tables], lines: list[str]
) -> None:
    assert unprobed_lines(tables(), suffix="-uni") == lines
