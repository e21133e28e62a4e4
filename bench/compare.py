"""Hold one results folder against another, or one model of a folder against another.

`python -m bench.compare A B`, or `--models a,b --results DIR`. Imports no torch, writes nothing.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from bench.cli.lengths import parse_lengths
from bench.cli.options import one_of, parse_names, unknown_name
from results.command_line import DONE, Parser, UsageError, parse_folder, run_command
from results.errors import ResultsError
from results.schema.rows import OK, SCORE_COLUMNS
from results.stats.comparison import (
    BETTER,
    SAME,
    WORSE,
    Comparison,
    model_differences,
    score_differences,
    time_ratios,
)
from results.stats.intervals import CONFIDENCE
from results.stats.over_seeds import one_version
from results.store.csv_files import ACCURACY, THROUGHPUT
from results.tables import has_table, read_accuracy, read_throughput
from results.wording import escaped, told_apart
from tasks import TASKS
from tasks.import_path import code_hash

# These may differ: a comparison is made to see what they change.
PROVENANCE = (
    "commit",
    "torch_version",
    "python_version",
    "device",
    "model_version",
    "recipe_version",
)
EXPECTED_BY_CHANCE = "Expected to differ by chance alone:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    return run_command(build_parser(), arguments, compare)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(
        prog="python -m bench.compare",
        description="Compare the results folder B with A: accuracy paired by seed, and throughput. "
        "Or compare the model b of one folder with a: accuracy paired by seed.",
        epilog="Exit status: 0 compared, 2 a mistake, or something that cannot be compared.",
    )
    parser.usage = "%(prog)s [options] A B\n       %(prog)s [options] --models a,b --results DIR"
    add = parser.add_argument
    add("a", type=_results_folder, nargs="?", metavar="A", help="results folder to start from")
    add("b", type=_results_folder, nargs="?", metavar="B", help="results folder to hold against it")
    add("--models", type=parse_names, metavar="a,b", help="two models of one folder")
    add("--results", type=_results_folder, metavar="DIR", help="with --models: the folder")
    add(
        "--score",
        type=one_of(SCORE_COLUMNS),
        default="token_accuracy",
        metavar="NAME",
        help=f"of accuracy.csv: {', '.join(SCORE_COLUMNS)} (default: %(default)s)",
    )
    add(
        "--tolerance",
        type=_fraction,
        default=0.05,
        metavar="X",
        help="share by which a time must change to count (default: %(default)s)",
    )
    only = "only these: 10..200, 10..200:5 or 10,20,50"
    add("--lengths", type=parse_lengths, metavar="RANGE", help=only)
    return parser


def _results_folder(text: str) -> Path:
    folder = parse_folder(text)
    if not any(has_table(folder, name) for name in (ACCURACY, THROUGHPUT)):
        raise argparse.ArgumentTypeError(f"{text!r} has neither {ACCURACY} nor {THROUGHPUT}")
    return folder


def _fraction(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, got {text!r}")


def compare(given: argparse.Namespace) -> int:
    """Compare what the command line names; return the exit status.

    Raises:
        UsageError: It names too much or too little.
    """
    if given.models is None:
        if given.results is not None:
            raise UsageError("--results: goes with --models; two folders are written A B")
        absent = [name for name in ("A", "B") if getattr(given, name.lower()) is None]
        if absent:
            raise UsageError(f"the following arguments are required: {', '.join(absent)}")
        return compare_folders(given)
    if given.a is not None:
        raise UsageError("--models: are of one folder, written --results DIR; leave out A and B")
    if given.results is None:
        raise UsageError("--models: needs --results DIR, the folder that has them")
    if len(given.models) != 2:
        text = ",".join(given.models)
        raise UsageError(f"--models: must be two different names joined by a comma, got {text!r}")
    return compare_models(given)


def compare_models(given: argparse.Namespace) -> int:
    """Print how one model of a folder does against another, length by length.

    Raises:
        UsageError: The folder does not have one of the models.
        ResultsError: The CSV is absent or damaged, or no rows of the models can be paired.
    """
    frame = read_accuracy(given.results)
    one_version(frame)
    present = [str(name) for name in frame["model"].unique()]
    for name in given.models:
        if name not in present:
            raise UsageError(
                f"--models: {unknown_name(name, present)}; these are in {given.results}"
            )
    a, b = given.models
    found = model_differences(frame, a, b, score=given.score, lengths=given.lengths)
    if found.table.empty:
        lengths = "" if given.lengths is None else " at these --lengths"
        raise ResultsError(
            f"--models: {a} and {b} have no row ok in both, of one seed and the same settings"
            f"{lengths}"
        )
    # What is the same in all rows takes columns of the screen.
    table = found.table
    if table["protocol"].nunique() == 1:
        table = table.drop(columns="protocol")
    if table["train_length"].equals(table["length"]):
        table = table.drop(columns="train_length")
    found = replace(found, table=table)
    section = _Section(
        (frame[frame["model"] == a], frame[frame["model"] == b]),
        found,
        heading=f"Accuracy: {given.score}, B - A, mean over paired seeds with its 95 % t-interval",
        chance=EXPECTED_BY_CHANCE,
    )
    header = []
    for side, name, rows in zip("AB", given.models, section.frames, strict=True):
        rates = ", ".join(f"{rate:g}" for rate in sorted({*rows["learning_rate"]}))
        header.append(f"{side}: {escaped(name)}; learning_rate {rates}")
        if _is_edited(name, rows):
            header.append(f"{side}: was edited since; {given.results} has its earlier version")
    print("\n\n".join(["\n".join(header), _text(section)]), flush=True)
    return DONE


def _is_edited(name: str, rows: pd.DataFrame) -> bool:
    """Tell if the files of a model that is named by its builder are not those of its rows."""
    # A task of a user's own has its files in the hash, too.
    own = rows[rows["task"].isin(list(TASKS))]
    here = code_hash(name) if ":" in name else None
    return here is not None and len(own) > 0 and here not in {*own["code_hash"]}


def compare_folders(given: argparse.Namespace) -> int:
    """Print what both folders have, side by side.

    Raises:
        UsageError: A and B are one folder.
        ResultsError: A CSV is damaged, or its rows cannot be compared; what can be is printed.
    """
    folders = {"A": given.a, "B": given.b}
    if given.a.resolve() == given.b.resolve():
        raise UsageError(f"B: must be another folder than A, got {str(given.b)!r}")
    sections, notes, refusals = [], [], []
    for name, compared in ((ACCURACY, _accuracy), (THROUGHPUT, _throughput)):
        having = [side for side, folder in folders.items() if has_table(folder, name)]
        if len(having) == 1:
            notes.append(f"{name}: only in {having[0]}, not compared")
        elif having:
            # One CSV that cannot be compared does not hide the other.
            try:
                sections.append(compared(given))
            except ResultsError as error:
                refusals.append(str(error))
    if any(len(section.found.table) for section in sections):
        header = [
            f"{side}: {folder}; {_provenance([section.frames[place] for section in sections])}"
            for place, (side, folder) in enumerate(folders.items())
        ]
        texts = ["\n".join([*header, *notes]), *map(_text, sections)]
        print("\n\n".join(texts), flush=True)
    elif not refusals:
        lengths = "" if given.lengths is None else " at these --lengths"
        refusals.append(f"A and B: no row is ok in both{lengths}, nothing can be compared")
    if refusals:
        raise ResultsError("; ".join(refusals))
    return DONE


@dataclass(frozen=True)
class _Section:
    """One CSV of both folders, compared."""

    frames: tuple[pd.DataFrame, pd.DataFrame]
    found: Comparison
    heading: str
    chance: str  # What to say before the number of rows that chance alone would set apart.


def _accuracy(given: argparse.Namespace) -> _Section:
    frames = read_accuracy(given.a), read_accuracy(given.b)
    return _Section(
        frames,
        score_differences(*frames, score=given.score, lengths=given.lengths),
        heading=f"Accuracy: {given.score}, B - A, mean over paired seeds with its 95 % t-interval",
        chance=EXPECTED_BY_CHANCE,
    )


def _throughput(given: argparse.Namespace) -> _Section:
    frames = read_throughput(given.a), read_throughput(given.b)
    return _Section(
        frames,
        time_ratios(*frames, tolerance=given.tolerance, lengths=given.lengths),
        heading="Throughput: time, B / A, with its 95 % interval from the rounds of both; "
        f"a change counts beyond {given.tolerance:.0%}",
        chance="Rounds do not see how runs differ. Expected to differ by rounds alone: at most",
    )


def _text(section: _Section) -> str:
    """Put a table between its heading and its counts."""
    table, lines = section.found.table, [section.heading]
    for name in {"task", "model"} & {*table.columns}:
        table = table.assign(**{name: table[name].map(told_apart(table[name]))})
    if len(table):
        lines.append(table.to_string(index=False, na_rep="-", float_format=_number))
    counts = dict.fromkeys((BETTER, WORSE, SAME), 0) | table["verdict"].value_counts().to_dict()
    rows = f"{len(table)} {'row' if len(table) == 1 else 'rows'}"
    lines.append(f"{rows}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    known = int(table["low"].notna().sum())
    if known:
        expected = (1 - CONFIDENCE) * known
        lines.append(f"{section.chance} {expected:.1f} of the {known} rows with an interval")
    for side, other, alone in (("A", "B", section.found.only_a), ("B", "A", section.found.only_b)):
        if alone:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(alone.items()))
            n = sum(alone.values())
            lines.append(
                f"Not compared: {n} CSV rows that are ok in {side} alone; in {other} {reasons}"
            )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.2e}" if 0 < abs(value) < 0.001 else f"{value:.4f}"


def _provenance(frames: Sequence[pd.DataFrame]) -> str:
    """Say what made the rows that are ok."""
    facts = []
    for name in PROVENANCE:
        columns = [frame.loc[frame["status"] == OK, name] for frame in frames if name in frame]
        values = sorted({str(value) for column in columns for value in column.dropna()})
        facts.append(f"{name} {', '.join(values) or 'unknown'}")
    return "; ".join(facts)


if __name__ == "__main__":
    sys.exit(main())
