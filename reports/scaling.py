"""Simulate the matrix on many workers from its measured times: `python -m reports.scaling`."""

import argparse
import math
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from reports.cli import (
    NothingToReport,
    Parser,
    add_results_option,
    leave_with,
    results_folder,
    shown,
)
from reports.schedule import Run, Simulated, repeated, simulate
from reports.selection.captions import counted
from results.errors import ResultsError
from results.schema.rows import OK, AccuracyRow
from results.store.csv_files import ACCURACY, read_rows

WORKERS = (1, 4, 16, 64, 256)
MOST_SEEDS = 1000
START_SECONDS = 3.0
ANY = "any"
HEAD = "| workers | order | makespan (minutes) | lower bound | efficiency | speed-up |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="reports.scaling", description=__doc__)
    add_results_option(parser)
    parser.add_argument(
        "--seeds",
        type=_seeds,
        metavar="LIST",
        help="measured seeds to use, as 12,13 (default: all); leave out those measured beside "
        "other work",
    )
    parser.add_argument(
        "--plan-seeds",
        type=_number_of_seeds,
        metavar="N",
        help="seeds of the plan to simulate, the measured ones repeated (default: as many as used)",
    )
    parser.add_argument(
        "--start-seconds",
        type=_seconds,
        default=START_SECONDS,
        metavar="S",
        help="what a model run takes to start (default: %(default)g)",
    )
    options = parser.parse_args(arguments)
    return leave_with(
        lambda: show(
            options.results,
            seeds=options.seeds,
            plan_seeds=options.plan_seeds,
            start_seconds=options.start_seconds,
        ),
        name=parser.prog,
    )


def _seeds(text: str) -> tuple[int, ...]:
    names = text.split(",")
    if not all(name.isascii() and name.isdigit() for name in names):
        raise argparse.ArgumentTypeError(f"must be seeds joined by commas, got {text!r}")
    return tuple(map(int, names))


def _number_of_seeds(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= number <= MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {MOST_SEEDS}, got {text!r}"
        )
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds from 0, got {text!r}")
    return seconds


def show(
    results: Path | None,
    *,
    seeds: Sequence[int] | None,
    plan_seeds: int | None,
    start_seconds: float,
) -> int:
    """Print what is simulated, and the table.

    Raises:
        ResultsError: The CSV is damaged, or a seed is not in it.
        NothingToReport: No model run has finished.
    """
    folder = results_folder(results)
    rows = read_rows(folder, ACCURACY)
    if seeds is not None:
        _require_known(seeds, rows)
        rows = tuple(row for row in rows if row.seed in seeds)
    runs, unfinished = measured_runs(rows, start_seconds=start_seconds)
    if not runs:
        raise NothingToReport(f"no model run has finished in {shown(folder)}")
    print(f"read {shown(folder)}", file=sys.stderr)
    if unfinished:
        print(f"left out: {counted(unfinished, 'model run')} not finished", file=sys.stderr)
    print(measured_by_seed(runs))
    if plan_seeds is not None:
        runs = repeated(runs, seeds=plan_seeds)
    print(summary(runs, start_seconds=start_seconds))
    print()
    print(table([each for workers in WORKERS for each in simulate(runs, workers=workers)]))
    return 0


def _require_known(seeds: Sequence[int], rows: Sequence[AccuracyRow]) -> None:
    present = sorted({row.seed for row in rows})
    for seed in seeds:
        if seed not in present:
            there = ", ".join(map(str, present)) or "none"
            raise ResultsError(f"--seeds: no row has seed {seed}; there are: {there}")


def measured_runs(rows: Sequence[AccuracyRow], *, start_seconds: float) -> tuple[list[Run], int]:
    """Return the model runs with the time of each, and how many have not finished.

    Args:
        rows: Rows of accuracy.csv.
        start_seconds: What a run takes before it trains.
    """
    by_run: dict[str, list[AccuracyRow]] = {}
    for row in rows:
        by_run.setdefault(row.run_id, []).append(row)
    runs = [
        Run(
            seed=own[0].seed,
            attends=own[0].attention_path is not None,
            seconds=start_seconds + _seconds_of(own),
        )
        for own in by_run.values()
        if all(row.status == OK for row in own)
    ]
    return runs, len(by_run) - len(runs)


def _seconds_of(rows: Sequence[AccuracyRow]) -> float:
    # Every row of a stage repeats the time that its training took.
    training = {row.stage_id: row.train_seconds or 0.0 for row in rows}
    return sum(training.values()) + sum(row.evaluate_seconds or 0.0 for row in rows)


def measured_by_seed(runs: Sequence[Run]) -> str:
    """Say in a line what each seed took: what was measured beside other work stands out."""
    seeds = sorted({run.seed for run in runs})
    times = (sum(run.seconds for run in runs if run.seed == seed) for seed in seeds)
    parts = [f"seed {seed} {_minutes(time)}" for seed, time in zip(seeds, times, strict=True)]
    return f"Measured, in minutes of work: {', '.join(parts)}."


def summary(runs: Sequence[Run], *, start_seconds: float) -> str:
    """Say in a line what is simulated, and where more workers are of no more use."""
    longest, work = max(run.seconds for run in runs), sum(run.seconds for run in runs)
    seeds = counted(len({run.seed for run in runs}), "seed")
    return (
        f"Simulated: {counted(len(runs), 'model run')} of {seeds}, {_minutes(work)} minutes of "
        f"work, of which each run takes {start_seconds:g} seconds to start; the longest run takes "
        f"{_minutes(longest)} minutes, and no order is faster than that on "
        f"{math.ceil(work / longest)} workers or more."
    )


def table(simulated: Sequence[Simulated]) -> str:
    """Return the table as Markdown; orders that come to the same stand in one line."""
    lines = [HEAD, "|---:|---|---:|---:|---:|---:|"]
    for workers, group in groupby(simulated, key=lambda each: each.workers):
        cells = {each.order: _cells(each) for each in group}
        if len(set(cells.values())) == 1:
            cells = {ANY: next(iter(cells.values()))}
        lines += [f"| {workers} | {order} | {text} |" for order, text in cells.items()]
    return "\n".join(lines)


def _cells(each: Simulated) -> str:
    times = f"{_minutes(each.makespan_seconds)} | {_minutes(each.bound_seconds)}"
    return f"{times} | {each.efficiency:.2f} | {each.speed_up:.1f}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
