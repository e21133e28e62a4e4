"""Regenerate the tables in README.md from the committed results: `python -m reports.readme`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from reports.selection.folder import shown
from reports.tables.accuracy import accuracy_tables
from reports.tables.claims import all_lines, claim_table
from results.command_line import Parser, run_command
from results.errors import ResultsError
from results.store.files import replace_file
from results.tables import REFERENCE, read_accuracy

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- table:accuracy -->", "<!-- /table -->"
CLAIMS_BEGIN = "<!-- table:claims -->"
STALE = 1


def main(
    arguments: Sequence[str] | None = None, *, readme: Path = README, results: Path = REFERENCE
) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.readme", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; exit with 1 where the tables are stale",
    )
    return run_command(
        parser,
        arguments,
        lambda options: refresh(readme, results, is_check=options.check),
    )


def refresh(readme: Path, results: Path, *, is_check: bool) -> int:
    """Replace the tables in the README, or only compare them with the results.

    Raises:
        ResultsError: The results cannot be read or mix settings, or the README has no markers.
        OSError: The README cannot be read or written.
    """
    # newline="" keeps the line ends that the file has.
    with open(readme, encoding="utf-8", newline="") as file:
        present = file.read()
    name = shown(readme)
    wanted = with_tables(present, accuracy_tables(read_accuracy(results)), name=name)
    if CLAIMS_BEGIN in present:
        wanted = with_tables(wanted, claim_table(all_lines(results)), begin=CLAIMS_BEGIN, name=name)
    if present == wanted:
        print(f"{name}: the tables are up to date")
        return 0
    if is_check:
        print(f"{name}: the tables are stale; run python -m reports.readme", file=sys.stderr)
        return STALE
    replace_file(readme, wanted.encode("utf-8"))
    print(f"{name}: tables replaced")
    return 0


def with_tables(text: str, tables: str, *, name: str, begin: str = BEGIN) -> str:
    """Put the tables between the markers of a text, in place of the old ones.

    Raises:
        ResultsError: There is not exactly one pair of markers.
    """
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end or begin in rest:
        raise ResultsError(f"{name}: one {begin} and an {END} after it are needed")
    newline = "\r\n" if "\r\n" in text else "\n"
    return before + begin + newline + tables.replace("\n", newline) + newline + end + after


if __name__ == "__main__":
    sys.exit(main())
