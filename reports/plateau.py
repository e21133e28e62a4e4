"""Hold carried bits against a control with a larger budget: `python -m reports.plateau`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import own_length_rows
from reports.selection.folder import add_results_option, named_folder, results_folder, shown
from results.command_line import NothingToReport, Parser, run_command
from results.errors import ResultsError
from results.stats.pairs import BUDGET, CURVE
from results.stats.plateau import (
    LEAST_BUDGET_FACTOR,
    MOST_CHANGE,
    MOST_SHARE,
    Plateau,
    budget_changes,
    plateau_of,
)
from results.store.csv_files import ACCURACY
from results.tables import read_accuracy

RULE = (
    "Bits carried are called a capacity only over lengths, up to the longest, at which the control "
    f"moves them by less than {100 * MOST_CHANGE:.0f} % and at most {100 * MOST_SHARE:.0f} % of "
    f"the target get through, and over which they vary by less than {100 * MOST_CHANGE:.0f} % "
    "while the length at least doubles."
)
COLUMNS = ("length", "target", "carried", "control", "change", "seeds paired")
NO_VALUE = "–"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.plateau", description=__doc__, epilog=RULE)
    add_results_option(parser)
    parser.add_argument(
        "--control",
        type=named_folder,
        required=True,
        metavar="DIR",
        help=f"results folder of the same with {LEAST_BUDGET_FACTOR} times the budget or more",
    )
    return run_command(
        parser,
        arguments,
        lambda options: show(options.results, options.control),
    )


def show(results: Path | None, control: Path) -> int:
    """Print, for each curve that both folders have, the bits of both and what they say.

    Raises:
        ResultsError: A CSV is damaged, or the folders cannot be compared.
        NothingToReport: There is no row.
    """
    folder = results_folder(results)
    reference = _own_rows(folder)
    if reference.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    larger = _control_rows(control, reference, reference_folder=folder)
    try:
        changes = budget_changes(reference, larger)
    except ResultsError as error:
        raise ResultsError(f"--results {folder}, --control {control}: {error}") from None
    print(f"read {shown(folder)}, control {shown(control)}", file=sys.stderr)
    curves, controlled = reference.groupby(CURVE), changes.groupby(CURVE)
    for names, table in controlled:
        print("\n".join(_told(table, plateau_of(curves.get_group(names), table))), end="\n\n")
    if curves.ngroups > controlled.ngroups:
        print(f"Without a control: {counted(curves.ngroups - controlled.ngroups, 'curve')}.")
    print(RULE)
    return 0


def _own_rows(folder: Path) -> pd.DataFrame:
    """Return the rows tested at the length trained for; none where there is no accuracy.csv."""
    if not (folder / ACCURACY).is_file():
        return pd.DataFrame()
    return own_length_rows(read_accuracy(folder))


def _control_rows(
    control: Path, reference: pd.DataFrame, *, reference_folder: Path
) -> pd.DataFrame:
    """Return the rows of the control, or say which command writes some that can be compared."""
    try:
        rows = _own_rows(results_folder(control, option="--control"))
    except NothingToReport:
        rows = pd.DataFrame()
    if rows.empty:
        budget = LEAST_BUDGET_FACTOR * int(reference[BUDGET].max())
        raise NothingToReport(
            f"--control: no rows in {control}: run python -m bench.run --budget {budget} "
            f"--out {control} with the other options of {shown(reference_folder)}"
        )
    return rows


def _told(table: pd.DataFrame, plateau: Plateau) -> list[str]:
    """Return what is said of one curve, line by line."""
    first = table.iloc[0]
    place = (
        f"{first['task']}, {first['model']} ({first['protocol']}, encoder {first['encoder']}, "
        f"state {first['hidden']}, {first['symbols']} symbols; {first['budget_updates']:,} updates "
        f"per stage at most, control {first['control_updates']:,})"
    )
    lines = [place, f"  {_verdict(plateau)}", _line(COLUMNS)]
    for row in table.sort_values("length").to_dict("records"):
        bits = (f"{row[name]:.0f}" for name in ("target_bits", "bits", "control_bits"))
        change = NO_VALUE if pd.isna(row["change"]) else f"{100 * row['change']:+.1f} %"
        lines.append(_line((str(row["length"]), *bits, change, str(row["n"]))))
    return lines


def _verdict(plateau: Plateau) -> str:
    if plateau.reason:
        return f"no plateau: {plateau.reason}"
    return (
        f"plateau from length {plateau.lengths[0]} to {plateau.lengths[-1]}: the capacity of the "
        f"context vector at this recipe is {plateau.bits:.0f} bits ({plateau.low:.0f} to "
        f"{plateau.high:.0f}, 95 % t-interval, n = {plateau.n} seeds)"
    )


def _line(cells: Sequence[str]) -> str:
    return " ".join(cell.rjust(len(name) + 2) for cell, name in zip(cells, COLUMNS, strict=True))


if __name__ == "__main__":
    sys.exit(main())
