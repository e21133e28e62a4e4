"""`python -m bench.merge DIR... --out DIR`: one results folder from several, in any order.

Imports no torch. The folders merged are only read.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.cli.summary import missing_lines
from bench.plan.recipe import PROBE_VERSION
from results.command_line import (
    DONE,
    FAILED,
    Parser,
    UsageError,
    parse_folder,
    run_command,
)
from results.store.folder import PLAN
from results.store.merging import merge_folders
from results.wording import escaped, shown_command
from tasks import TASKS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    stopped = "Stopped. The same command does the rest."
    return run_command(build_parser(), arguments, _merge, stopped=stopped)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = Parser(
        prog="python -m bench.merge",
        description="Merge results folders, such as the shards of one plan, into one.",
        epilog="Exit status: 0 merged, 1 merged, but planned records are missing, or two folders "
        "say different things of one, 2 a mistake, and nothing is written.",
    )
    add = parser.add_argument
    add("folders", nargs="+", type=_filled, metavar="DIR", help="results folder to read")
    add(
        "--out",
        type=parse_folder,
        required=True,
        metavar="DIR",
        help="results folder to write; what it holds takes part",
    )
    return parser


def _filled(text: str) -> Path:
    folder = parse_folder(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    if not (folder / PLAN).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} has no {PLAN}; a folder of bench.run is needed")
    return folder


def _merge(given: argparse.Namespace) -> int:
    out, folders = given.out, list[Path]()
    for folder in given.folders:
        if out.exists() and out.samefile(folder):
            raise UsageError(f"--out: must be another folder than those merged, got {str(out)!r}")
        # One folder may be named twice, also by a link.
        if not any(folder.samefile(each) for each in folders):
            folders.append(folder)
    merged = merge_folders(folders, out, probe_version=PROBE_VERSION, suite_tasks=TASKS)
    contents = merged.contents
    missing = missing_lines([*contents.plan.values()], contents.records, contents.failures)
    for line in (*merged.notices, *merged.conflicts):
        print(escaped(line), file=sys.stderr)
    stages = len({row.stage_id for row in contents.plan.values()})
    print(
        f"Merged into {out}: {len(contents.records)} of {len(contents.plan)} records, "
        f"{len(contents.failures)} failures, checkpoints of {merged.checkpoints} of {stages} stages"
    )
    print(f"Figures: {shown_command('reports.figures', '--results', out)}")
    if merged.conflicts:
        print(f"Conflicts: {len(merged.conflicts)}, in the lines above", file=sys.stderr)
    for line in missing:
        print(line, file=sys.stderr)
    return FAILED if missing or merged.conflicts else DONE


if __name__ == "__main__":
    sys.exit(main())
