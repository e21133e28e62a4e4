"""`reports.scaling`: what it reads of a folder, what it prints, and what it refuses."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.scaling import START_SECONDS, WORKERS, main, measured_runs, table
from reports.schedule import ORDERS, Run, Simulated, simulate
from results.schema.rows import AccuracyRow
from results.store.csv_files import ACCURACY, read_rows
from results.tables import REFERENCE
from tests.reports.synthetic import accuracy_rows, failed

FolderOf = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def timed_rows(*, seeds: Sequence[int] = (11, 12)) -> list[AccuracyRow]:
    rows = accuracy_rows(
        tasks=("copy",), models=("rnn", "seq2seq+dot"), seeds=seeds, lengths=(10, 20)
    )
    return [
        replace(
            row,
            train_seconds=60.0 * row.length,
            evaluate_seconds=30.0,
            attention_path="plain" if "+" in row.model else None,
        )
        for row in rows
    ]


def printed(folder: Path, capsys: Capture, *arguments: str) -> list[str]:
    assert main(["--results", str(folder), *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def check_counts_each_training_once(measured_runs: Any) -> None:
    """A stage that was tested at two lengths has two rows with the time of one training."""
    rows = [row for row in timed_rows(seeds=(11,)) if row.model == "rnn"]
    further = replace(rows[1], length=40, record_id="further", evaluate_seconds=5.0)
    runs, unfinished = measured_runs([*rows, further], start_seconds=2.0)
    assert runs == [Run(11, False, 2.0 + 600.0 + 1200.0 + 30.0 + 30.0 + 5.0)]
    assert unfinished == 0


def test_training_is_counted_once() -> None:
    check_counts_each_training_once(measured_runs)


def test_sum_over_rows_is_rejected() -> None:
    def summed(rows: Sequence[AccuracyRow], *, start_seconds: float) -> Any:
        total = sum((row.train_seconds or 0) + (row.evaluate_seconds or 0) for row in rows)
        return [Run(11, False, start_seconds + total)], 0

    with pytest.raises(AssertionError):
        check_counts_each_training_once(summed)


def test_runs_that_did_not_finish_are_left_out(folder_of: FolderOf, capsys: Capture) -> None:
    rows = timed_rows()
    rows[-1] = failed(rows[-1])
    runs, unfinished = measured_runs(rows, start_seconds=0.0)
    assert (len(runs), unfinished) == (3, 1)
    assert main(["--results", str(folder_of(rows))]) == 0
    assert "left out: 1 model run not finished\n" in capsys.readouterr().err


def test_what_is_printed(folder_of: FolderOf, capsys: Capture) -> None:
    lines = printed(folder_of(timed_rows()), capsys, "--start-seconds", "60")
    assert lines[0] == "Measured, in minutes of work: seed 11 64.0, seed 12 64.0."
    assert lines[1] == (
        "Simulated: 4 model runs of 2 seeds, 128.0 minutes of work, of which each run takes 60 "
        "seconds to start; the longest run takes 32.0 minutes, and no order is faster than that "
        "on 4 workers or more."
    )
    assert lines[2:] == [
        "",
        "| workers | order | makespan (minutes) | lower bound | efficiency | speed-up |",
        "|---:|---|---:|---:|---:|---:|",
        "| 1 | any | 128.0 | 128.0 | 1.00 | 1.0 |",
        "| 4 | any | 32.0 | 32.0 | 1.00 | 4.0 |",
        "| 16 | any | 32.0 | 32.0 | 0.25 | 4.0 |",
        "| 64 | any | 32.0 | 32.0 | 0.06 | 4.0 |",
        "| 256 | any | 32.0 | 32.0 | 0.02 | 4.0 |",
    ]


def test_orders_that_differ_stand_apart() -> None:
    times = (("a", 60.0), ("b", 90.0))
    lines = table([Simulated(2, name, time, 60.0, 120.0) for name, time in times]).splitlines()
    assert lines[2:] == ["| 2 | a | 1.0 | 1.0 | 1.00 | 2.0 |", "| 2 | b | 1.5 | 1.0 | 0.67 | 1.3 |"]


def test_seeds_are_chosen_and_repeated(folder_of: FolderOf, capsys: Capture) -> None:
    slow = [replace(row, train_seconds=9000.0) if row.seed == 11 else row for row in timed_rows()]
    lines = printed(folder_of(slow), capsys, "--seeds", "12", "--plan-seeds", "6")
    assert lines[0] == "Measured, in minutes of work: seed 12 62.1."
    assert lines[1].startswith("Simulated: 12 model runs of 6 seeds, 372.6 minutes of work")


def test_the_reference(capsys: Capture) -> None:
    lines = printed(REFERENCE, capsys)
    body = [line for line in lines if line.startswith("| ")][1:]
    assert {line.split(" | ")[0] for line in body} == {f"| {workers}" for workers in WORKERS}
    rows = read_rows(REFERENCE, ACCURACY)
    runs, unfinished = measured_runs(rows, start_seconds=START_SECONDS)
    assert (len(runs), unfinished) == (36, 0)
    assert sum(run.attends for run in runs) == 18
    stages = {row.stage_id: row for row in rows}
    assert len(stages) == len(rows)
    work = sum(row.train_seconds + row.evaluate_seconds for row in rows)
    assert sum(run.seconds for run in runs) == pytest.approx(work + 36 * START_SECONDS)
    longest = max(run.seconds for run in runs)
    simulated = [simulate(runs, workers=workers) for workers in WORKERS]
    for each in (each for some in simulated for each in some):
        tolerance = 1 + 1e-9
        assert each.bound_seconds <= each.makespan_seconds * tolerance
        assert each.makespan_seconds <= (2 - 1 / each.workers) * each.bound_seconds * tolerance
        assert 0 < each.efficiency <= tolerance
        assert each.makespan_seconds >= longest / tolerance
    for fewer, more in itertools.pairwise(simulated):
        for a, b in zip(fewer, more, strict=True):
            assert (a.order, b.makespan_seconds <= a.makespan_seconds) == (b.order, True)
    assert {round(each.makespan_seconds - longest, 6) for each in simulated[-1]} == {0.0}
    assert len(simulated[0]) == len(ORDERS)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--seeds", "13"], 2, "--seeds: no row has seed 13; there are: 11, 12"),
        (["--seeds", "eleven"], 2, "argument --seeds: must be seeds joined by commas, got"),
        (["--seeds", ""], 2, "argument --seeds: must be seeds joined by commas, got ''"),
        (["--plan-seeds", "0"], 2, "argument --plan-seeds: must be a whole number from 1 to 1000"),
        (["--plan-seeds", "9" * 99], 2, "argument --plan-seeds: must be a whole number"),
        (["--start-seconds", "-1"], 2, "argument --start-seconds: must be a number of seconds"),
        (["--start-seconds", "nan"], 2, "argument --start-seconds: must be a number of seconds"),
        (["--start-seconds", "inf"], 2, "argument --start-seconds: must be a number of seconds"),
        (["--workers", "3"], 2, "unrecognized arguments: --workers 3"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], status: int, message: str, folder_of: FolderOf, capsys: Capture
) -> None:
    assert_refused(["--results", str(folder_of(timed_rows())), *arguments], status, message, capsys)


def assert_refused(arguments: list[str], status: int, message: str, capsys: Capture) -> None:
    try:
        found = main(arguments)
    except SystemExit as end:
        found = end.code  # type: ignore[assignment]
    answer = capsys.readouterr()
    assert (found, answer.out) == (status, "")
    assert answer.err.startswith(f"reports.scaling: {message}")
    assert len(answer.err.splitlines()) == 1


def test_nothing_finished_is_one_line(folder_of: FolderOf, tmp_path: Path, capsys: Capture) -> None:
    folder = folder_of([failed(row) for row in timed_rows()])
    assert_refused(["--results", str(folder)], 1, "no model run has finished in", capsys)
    assert_refused(["--results", str(tmp_path)], 1, "--results: no results in", capsys)
    nowhere = str(tmp_path / "nowhere")
    assert_refused(["--results", nowhere], 2, "--results: ", capsys)
