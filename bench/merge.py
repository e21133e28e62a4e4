"""`python -m bench.merge DIR... --out DIR`: one results folder from several, in any order.

Imports no torch. The folders merged are only read.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cli.options import parse_folder
from bench.plan.recipe import PROBE_VERSION
from results.command_line import Parser, UsageError
from results.errors import ResultsError
from results.merge.folders import Merged, merge_folders
from results.schema.columns import one_line
from results.store.plan_file import PLAN

EXIT_MERGED, EXIT_CONFLICTS, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Request:
    """What a command line asks for: folders, each once, and where they are merged."""

    folders: tuple[Path, ...]
    out: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    try:
        request = parse_request(sys.argv[1:] if arguments is None else arguments)
        merged = merge_folders(request.folders, request.out, probe_version=PROBE_VERSION)
    except (UsageError, ResultsError, OSError) as error:
        print(f"bench.merge: {one_line(str(error))}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("Stopped. The same command does the rest.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return _conclude(request, merged)


def parse_request(arguments: Sequence[str]) -> Request:
    """Read a command line.

    Raises:
        UsageError: If an argument breaks a rule.
    """
    given = build_parser().parse_args(arguments)
    out = given.out
    folders: list[Path] = []
    for folder in given.folders:
        if out.exists() and out.samefile(folder):
            raise UsageError(f"--out: must be another folder than those merged, got {str(out)!r}")
        if not any(folder.samefile(each) for each in folders):
            folders.append(folder)
    return Request(tuple(folders), out)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; it raises `UsageError` instead of leaving."""
    parser = Parser(
        prog="python -m bench.merge",
        description="Merge results folders, such as the shards of one plan, into one.",
        epilog="Exit status: 0 merged, 1 merged, but two folders say different things of one "
        "record, 2 a mistake, and nothing is written.",
    )
    parser.add_argument(
        "folders", type=_results_folder, nargs="+", metavar="DIR", help="results folder to read"
    )
    parser.add_argument(
        "--out",
        type=parse_folder,
        required=True,
        metavar="DIR",
        help="results folder to write; what it holds takes part",
    )
    return parser


def _results_folder(text: str) -> Path:
    folder = parse_folder(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    if not (folder / PLAN).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} has no {PLAN}; a folder of bench.run is needed")
    return folder


def _conclude(request: Request, merged: Merged) -> int:
    for line in (*merged.notices, *merged.conflicts):
        print(line, file=sys.stderr)
    contents, out = merged.contents, request.out
    stages = len({row.stage_id for row in contents.plan.values()})
    print(
        f"Merged into {out}: {len(contents.records)} of {len(contents.plan)} records, "
        f"{len(contents.failures)} failures, checkpoints of {merged.checkpoints} of {stages} stages"
    )
    print(f"Figures: python -m reports.figures --results {out}")
    if merged.conflicts:
        print(f"Conflicts: {len(merged.conflicts)}, in the lines above", file=sys.stderr)
    return EXIT_CONFLICTS if merged.conflicts else EXIT_MERGED


if __name__ == "__main__":
    sys.exit(main())
