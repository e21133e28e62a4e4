"""`python -m bench.compare A B`: accuracy and throughput of one results folder against another.

Imports no torch, and writes nothing.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.cli.lengths import parse_lengths
from bench.cli.options import one_of, parse_folder
from bench.comparison_text import provenance_text, section
from results.command_line import Parser, UsageError
from results.errors import ResultsError
from results.schema.columns import one_line
from results.schema.rows import SCORE_COLUMNS
from results.stats.comparison import score_differences, time_ratios
from results.stats.pairs import pair_accuracy, pair_throughput
from results.store.csv_files import ACCURACY, THROUGHPUT
from results.tables import read_accuracy, read_throughput

EXIT_COMPARED, EXIT_REFUSED = 0, 2


@dataclass(frozen=True)
class Request:
    """What a command line asks for; lengths None keeps all."""

    a: Path
    b: Path
    score: str
    tolerance: float
    lengths: tuple[int, ...] | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        return _run(parse_request(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep Python from flushing into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_COMPARED
    except (UsageError, ResultsError, OSError) as error:
        print(f"bench.compare: {one_line(str(error))}", file=sys.stderr)
        return EXIT_REFUSED


def parse_request(arguments: Sequence[str]) -> Request:
    """Read a command line.

    Raises:
        UsageError: If an argument breaks a rule.
    """
    given = build_parser().parse_args(arguments)
    a, b = given.a, given.b
    if a.resolve() == b.resolve():
        raise UsageError(f"B: must be another folder than A, got {str(b)!r}")
    return Request(
        a=a,
        b=b,
        score=given.score,
        tolerance=_tolerance(given.tolerance),
        lengths=given.lengths,
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it raises `UsageError` instead of leaving."""
    parser = Parser(
        prog="python -m bench.compare",
        description="Compare the results folder B with A: accuracy paired by seed, and throughput.",
        epilog="Exit status: 0 compared, 2 a mistake, or something that cannot be compared.",
    )
    add = parser.add_argument
    add("a", type=_results_folder, metavar="A", help="results folder to start from")
    add("b", type=_results_folder, metavar="B", help="results folder to hold against it")
    add(
        "--score",
        type=one_of(SCORE_COLUMNS),
        default="token_accuracy",
        metavar="NAME",
        help=f"of accuracy.csv: {', '.join(SCORE_COLUMNS)} (default: %(default)s)",
    )
    add(
        "--tolerance",
        default="0.05",
        metavar="X",
        help="share by which a time must change to count (default: %(default)s)",
    )
    add(
        "--lengths",
        type=parse_lengths,
        metavar="RANGE",
        help="only these: 10..200, 10..200:5 or 10,20,50",
    )
    return parser


def _results_folder(text: str) -> Path:
    folder = parse_folder(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    if not any((folder / name).is_file() for name in (ACCURACY, THROUGHPUT)):
        raise argparse.ArgumentTypeError(f"{text!r} holds neither {ACCURACY} nor {THROUGHPUT}")
    return folder


def _tolerance(text: str) -> float:
    try:
        tolerance = float(text)
    except ValueError:
        tolerance = -1.0
    if not 0 <= tolerance <= 1:
        raise UsageError(f"--tolerance: must be a number from 0 to 1, got {text!r}")
    return tolerance


def _run(request: Request) -> int:
    compared: list[_Compared] = []
    notes: list[str] = []
    refusals: list[str] = []
    for name, compare in _KINDS.items():
        folders = {"A": request.a, "B": request.b}
        having = [side for side, folder in folders.items() if (folder / name).is_file()]
        if len(having) == len(folders):
            try:
                compared.append(compare(request))
            except ResultsError as error:
                refusals.append(str(error))
        elif having:
            notes.append(f"{name}: only in {having[0]}, not compared")
    if any(kind.rows for kind in compared):
        header = [
            f"A: {request.a}; {provenance_text([kind.a for kind in compared])}",
            f"B: {request.b}; {provenance_text([kind.b for kind in compared])}",
            *notes,
        ]
        texts = ["\n".join(header), *(kind.text for kind in compared)]
        print("\n\n".join(texts), flush=True)
    elif not refusals:
        lengths = "" if request.lengths is None else " at these --lengths"
        refusals.append(f"A and B: no row is ok in both{lengths}, nothing can be compared")
    if refusals:
        raise ResultsError("; ".join(refusals))
    return EXIT_COMPARED


@dataclass(frozen=True)
class _Compared:
    """One kind of CSV of both folders, the number of rows compared, and the text to print."""

    a: pd.DataFrame
    b: pd.DataFrame
    rows: int
    text: str


def _accuracy(request: Request) -> _Compared:
    a, b = read_accuracy(request.a), read_accuracy(request.b)
    pairs = pair_accuracy(a, b, score=request.score, lengths=request.lengths)
    table = score_differences(pairs.rows, request.score)
    text = section(
        f"Accuracy: {request.score}, B - A, mean over paired seeds with its 95 % t-interval",
        table,
        pairs,
        chance="Expected to differ by chance alone:",
    )
    return _Compared(a, b, len(table), text)


def _throughput(request: Request) -> _Compared:
    a, b = read_throughput(request.a), read_throughput(request.b)
    pairs = pair_throughput(a, b, lengths=request.lengths)
    table = time_ratios(pairs.rows, tolerance=request.tolerance)
    text = section(
        "Throughput: time, B / A, with its 95 % interval from the rounds of both; "
        f"a change counts beyond {request.tolerance:.0%}",
        table,
        pairs,
        chance="Rounds do not see how runs differ. Expected to differ by rounds alone: at most",
    )
    return _Compared(a, b, len(table), text)


_KINDS: dict[str, Callable[[Request], _Compared]] = {ACCURACY: _accuracy, THROUGHPUT: _throughput}


if __name__ == "__main__":
    sys.exit(main())
