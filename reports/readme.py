"""Regenerate the tables and findings of README.md and docs/ from the committed results.

`python -m reports.readme`. A page has a table wherever it has a line `<!-- table:NAME -->` and,
after it, a line `<!-- /table -->`. For `figure-NAME` the finding, the picture, its rows and its
command take the place of a table, and for `picture-NAME` the finding and the picture alone.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pandas as pd

from reports.figures import Choice, Drawing, drawings_of
from reports.selection.channel import channel_of, with_channel
from reports.selection.curves import own_length_rows
from reports.selection.folder import shown
from reports.tables.accuracy import accuracy_tables, headline_table
from reports.tables.channel import budget_table, channel_table
from reports.tables.claims import CLAIMS_FOLDER, all_lines, claim_table
from reports.tables.extrapolation import extrapolation_table
from results.command_line import NothingToReport, Parser, run_command
from results.errors import ResultsError
from results.store.files import replace_file
from results.tables import REFERENCE, read_accuracy
from results.wording import markdown, shown_command

ROOT = Path(__file__).parent.parent
TABLE = re.compile(r"(<!-- table:(\S+) -->\r?\n).*?(<!-- /table -->)", flags=re.DOTALL)
HEADLINE = ("rnn", "seq2seq", "seq2seq+dot", "seq2seq+additive")
STALE = 1


@dataclass(frozen=True)
class Shown:
    """A figure of a page: of which folder, and cut to which tasks and models."""

    name: str
    folder: str = ""
    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The folder of its picture, in reports/figures."""
        return "cut" if self.tasks else self.folder or REFERENCE.name


# By the names that pages use, after `figure-` or `picture-`.
FIGURES: Mapping[str, Shown] = {
    **{
        name: Shown(name)
        for name in (
            *("accuracy", "teacher_forced", "sequence_accuracy", "carried_bits", "memory"),
            "errors",
            *("positions-copy", "positions-sort", "corruption", "alignment", "influence", "state"),
            *("weights-copy", "weights-sort", "map_attention_100-copy", "map_occlusion_100-copy"),
            "throughput",
        )
    },
    "positions": Shown("positions", tasks=("copy",), models=("seq2seq", "seq2seq+dot")),
    "channel": Shown("channel", folder="channel"),
    "budget": Shown("budget", folder="controls"),
    "beyond": Shown("beyond", tasks=("copy", "sort")),
}


@cache
def _drawings(folder: Path, shown: Shown | None) -> list[Drawing]:
    """List the figures of a folder; of one that is cut, it alone."""
    silent: Choice = Choice(say=lambda text: None)
    if shown is not None:
        silent = Choice((shown.name,), shown.tasks, shown.models, say=lambda text: None)
    return drawings_of(folder, silent)


def figure_block(results: Path, figure: Shown, *, root: Path, is_brief: bool = False) -> str:
    """Write the finding of a figure and its picture; unless it is brief, its rows and command."""
    folder = results / figure.folder
    is_cut = bool(figure.tasks or figure.models)
    try:
        drawings = _drawings(folder, figure if is_cut else None)
    except (ResultsError, NothingToReport):
        drawings = []
    found = [each for each in drawings if figure.name in (each.kind, each.name)]
    place = f"reports/figures/{figure.place}"
    options: list[str] = ["--figure", figure.name]
    for option, names in (("--tasks", figure.tasks), ("--models", figure.models)):
        options += [option, ",".join(names)] if names else []
    rows = "/".join(filter(None, ("results", REFERENCE.name, figure.folder)))
    command = shown_command("reports.figures", "--results", rows, *options, "--out", place)
    blocks = []
    for drawing in found:
        picture = f"{place}/{drawing.name}.png"
        title = markdown(drawing.title)
        blocks.append(f"**{title}.**")
        if (root / picture).is_file():
            blocks.append(f"![{title}]({picture})")
    if is_brief and found:
        return "\n\n".join(blocks)
    said = f"Rows: `{rows}`." if found else f"No rows are published yet in `{rows}`."
    return "\n\n".join((*blocks, f"{said} Command: `{command}`"))


def _default_rows(results: Path) -> pd.DataFrame:
    """Keep the rows of the default matrix: the published folder has those of the claims, too."""
    rows = read_accuracy(results)
    is_default = (rows["encoder"] == "bi") & (rows["cell"] == "lstm")
    return own_length_rows(rows[is_default & rows["model"].isin(HEADLINE)])


def _counted_once(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave reverse out: with the two-way encoder it is copy, mirrored."""
    return rows[rows["task"] != "reverse"]


TABLES: dict[str, Callable[[Path], str]] = {
    "accuracy": lambda results: accuracy_tables(_default_rows(results)),
    "headline": lambda results: headline_table(_counted_once(_default_rows(results))),
    "claims": lambda results: claim_table(all_lines(results / CLAIMS_FOLDER)),
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
        wanted = with_tables(present, results, name=shown(page), root=root, folder=page.parent)
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


def with_tables(
    text: str, results: Path, *, name: str, root: Path = ROOT, folder: Path = ROOT
) -> str:
    """Put each table that a page names in place of the old one.

    Args:
        name: Of the page, for messages.
        root: The clone, in which pictures are looked for.
        folder: Of the page, from which its links run.

    Raises:
        ResultsError: There is no such table, or it has no end.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    wanted = [found[1] for found in TABLE.findall(text)]
    blocks = TABLES | {
        f"{kind}-{each}": partial(figure_block, figure=figure, root=root, is_brief=is_brief)
        for kind, is_brief in (("figure", False), ("picture", True))
        for each, figure in FIGURES.items()
    }
    if not {*wanted} <= {*blocks} or len(wanted) != text.count("<!-- table:"):
        raise ResultsError(
            f"{name}: <!-- table:NAME --> must be a line, with {' or '.join(blocks)} for a name, "
            "and have a line <!-- /table --> after it"
        )

    up = "../" * len(folder.relative_to(root).parts)

    def filled(found: re.Match[str]) -> str:
        begin, table, end = found.groups()
        block = blocks[table](results).replace("](reports/", f"]({up}reports/")
        return begin + block.replace("\n", newline) + newline + end

    return TABLE.sub(filled, text)


if __name__ == "__main__":
    sys.exit(main())
