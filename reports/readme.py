"""Regenerate the tables of README.md and docs/ from the committed results.

`python -m reports.readme`. A page has a table wherever it has a line `<!-- table:NAME -->` and,
after it, a line `<!-- /table -->`.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reports.selection.channel import channel_of, with_channel
from reports.selection.curves import own_length_rows
from reports.selection.folder import shown
from reports.tables.accuracy import accuracy_tables
from reports.tables.channel import budget_table, channel_table
from reports.tables.claims import all_lines, claim_table
from reports.tables.extrapolation import extrapolation_table
from results.command_line import Parser, run_command
from results.errors import ResultsError
from results.store.files import replace_file
from results.tables import REFERENCE, read_accuracy

ROOT = Path(__file__).parent.parent
TABLE = re.compile(r"(<!-- table:(\S+) -->\r?\n).*?(<!-- /table -->)", flags=re.DOTALL)
# The models of the default matrix; the published folder has those of the claims, too.
HEADLINE = ("rnn", "seq2seq", "seq2seq+dot", "seq2seq+additive")
STALE = 1


def _accuracy(results: Path) -> str:
    rows = read_accuracy(results)
    is_default = (rows["encoder"] == "bi") & (rows["cell"] == "lstm")
    return accuracy_tables(own_length_rows(rows[is_default & rows["model"].isin(HEADLINE)]))


TABLES: Mapping[str, Callable[[Path], str]] = {
    "accuracy": _accuracy,
    "claims": lambda results: claim_table(all_lines(results)),
    "extrapolation": lambda results: extrapolation_table(read_accuracy(results)),
    "channel": lambda results: channel_table(
        channel_of(with_channel(own_length_rows(read_accuracy(results / "channel"))))
    ),
    "budget": lambda results: budget_table(own_length_rows(read_accuracy(results / "controls"))),
}


def main(
    arguments: Sequence[str] | None = None, *, root: Path = ROOT, results: Path = REFERENCE
) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.readme", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit with 1 where the tables are stale",
    )
    return run_command(
        parser, arguments, lambda options: refresh(root, results, is_check=options.check)
    )


def refresh(root: Path, results: Path, *, is_check: bool) -> int:
    """Replace the tables of all pages, or only compare them with the results.

    Raises:
        ResultsError: The results cannot be read or mix settings, or a page names no table.
        OSError: A page cannot be read or written.
    """
    outcome = 0
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        # newline="" keeps the line ends that the file has.
        with open(page, encoding="utf-8", newline="") as file:
            present = file.read()
        wanted = with_tables(present, results, name=shown(page))
        if present == wanted:
            continue
        if is_check:
            print(f"{shown(page)}: stale; run python -m reports.readme", file=sys.stderr)
            outcome = STALE
            continue
        replace_file(page, wanted.encode("utf-8"))
        print(f"{shown(page)}: tables replaced")
    if not outcome:
        print("the tables are up to date")
    return outcome


def with_tables(text: str, results: Path, *, name: str) -> str:
    """Put each table that a page names in place of the old one.

    Raises:
        ResultsError: There is no such table, or it has no end.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    wanted = [found[1] for found in TABLE.findall(text)]
    if not {*wanted} <= {*TABLES} or len(wanted) != text.count("<!-- table:"):
        raise ResultsError(
            f"{name}: <!-- table:NAME --> must be a line, with {' or '.join(TABLES)} for a name, "
            "and have a line <!-- /table --> after it"
        )

    def filled(found: re.Match[str]) -> str:
        begin, table, end = found.groups()
        return begin + TABLES[table](results).replace("\n", newline) + newline + end

    return TABLE.sub(filled, text)


if __name__ == "__main__":
    sys.exit(main())
