"""Regenerate the tables in README.md from the committed results: `python -m reports.readme`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reports.drawing import style
from reports.selection.captions import counted
from reports.selection.curves import own_length_rows, protocols_of, require_one_configuration
from reports.selection.folder import shown
from reports.tables.claims import all_lines, claim_table
from reports.tables.lengths import SOLVED_ACCURACY, length_table
from results.command_line import Parser, run_command
from results.errors import ResultsError
from results.schema.rows import OK
from results.stats.over_seeds import interquartile_means, mean_over_seeds
from results.store.files import replace_file
from results.tables import REFERENCE, read_accuracy

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- table:accuracy -->", "<!-- /table -->"
CLAIMS_BEGIN = "<!-- table:claims -->"
CLAIMS_FOLDER = "claims"
# The lengths of the claims' folder end before attention falls by half; those of the reference tell.
JUDGED_BY_REFERENCE = ("C1",)
LENGTHS = (10, 50, 100, 200)
STALE = 1
POINT = ["task", "model", "length"]
NOTHING = "–"
HOLDS = (
    "**How far it holds**: the length up to which nine tenths or half is kept, of the accuracy "
    "from the best constant answer (0) to all right (1) and of the bits; geometric mean (95 % "
    f"interval). Solved: {SOLVED_ACCURACY:g} of the sequences without an error (Wilson interval)."
)
OVER_TASKS = (
    "**Over all tasks**: token accuracy from the best constant answer (0) to all right (1), "
    "interquartile mean over tasks and seeds"
)


@dataclass(frozen=True)
class Table:
    """One table of the README.

    Attributes:
        score: Column that is shown.
        heading: What stands above.
        digits: Digits after the point.
        beside: Column with a known value to compare with; empty for none.
        beside_label: What that row is called.
    """

    score: str
    heading: str
    digits: int
    beside: str = ""
    beside_label: str = ""


TABLES = (
    Table(
        "token_accuracy",
        "Token accuracy, free-running",
        3,
        beside="constant_accuracy",
        beside_label="best constant answer",
    ),
    Table("sequence_accuracy", "Exact match of the whole sequence, free-running", 3),
    Table(
        "carried_bits",
        "Carried bits per sequence",
        0,
        beside="target_bits",
        beside_label="all the information in the target",
    ),
)


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
    """Put the tables into the README, or only compare them with what stands there.

    Raises:
        ResultsError: The results cannot be read or mix settings, or the README has no markers.
        OSError: The README cannot be read or written.
    """
    # newline="" keeps the line ends that the file has.
    with open(readme, encoding="utf-8", newline="") as file:
        present = file.read()
    wanted = with_tables(present, tables(read_accuracy(results)), name=shown(readme))
    if CLAIMS_BEGIN in present:
        wanted = with_tables(wanted, verdicts(results), begin=CLAIMS_BEGIN, name=shown(readme))
    if present == wanted:
        print(f"{shown(readme)}: the tables are up to date")
        return 0
    if is_check:
        print(
            f"{shown(readme)}: the tables are stale; run python -m reports.readme", file=sys.stderr
        )
        return STALE
    replace_file(readme, wanted.encode("utf-8"))
    print(f"{shown(readme)}: tables replaced")
    return 0


def verdicts(results: Path) -> str:
    """Return the table of the claims as Markdown.

    Raises:
        ResultsError: The results cannot be read or mix settings, or there are none.
    """
    by_reference = [line for line in all_lines(results) if line.claim in JUDGED_BY_REFERENCE]
    others = [
        line for line in all_lines(results / CLAIMS_FOLDER) if line.claim not in JUDGED_BY_REFERENCE
    ]
    return claim_table([*by_reference, *others])


def with_tables(text: str, tables: str, *, name: str, begin: str = BEGIN) -> str:
    """Return the text with the tables between the markers, in place of what stands there.

    Raises:
        ResultsError: There is not exactly one pair of markers.
    """
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not found or not end or begin in rest:
        raise ResultsError(f"{name}: one {begin} and an {END} after it are needed")
    newline = "\r\n" if "\r\n" in text else "\n"
    return before + begin + newline + tables.replace("\n", newline) + newline + end + after


def tables(frame: pd.DataFrame) -> str:
    """Return the tables as Markdown, protocol by protocol.

    Raises:
        ResultsError: There is no row, or settings are mixed.
    """
    if frame.empty:
        raise ResultsError("the results hold no row")
    require_one_configuration(frame)
    rows = own_length_rows(frame)
    parts = []
    for protocol in protocols_of(rows):
        own = rows[rows["protocol"] == protocol]
        parts.append(
            f"Protocol `{protocol}`, {counted(own['seed'].nunique(), 'seed')}: mean "
            "(lowest–highest seed) at the length that the model was trained for; n where "
            "fewer seeds finished."
        )
        parts += [HOLDS, length_table(own)]
        for table in TABLES:
            parts += [f"**{table.heading}**", _markdown(own, table)]
        if own["task"].nunique() > 1:
            parts += [OVER_TASKS, _over_tasks(own)]
    return "\n\n".join(parts)


def _markdown(rows: pd.DataFrame, table: Table) -> str:
    lengths = _lengths(rows)
    lines = _head(["task", "model"], lengths)
    cells = _cells(rows[rows["length"].isin(lengths)], table)
    for task, of_task in rows.groupby("task"):
        for model, look in style.styles_for(of_task["model"].unique()).items():
            line = [cells.get((task, model, length), NOTHING) for length in lengths]
            lines.append(f"| {task} | {look.label} | {' | '.join(line)} |")
        if table.beside:
            known = of_task.dropna(subset=table.beside).groupby("length")[table.beside].first()
            line = [_number(known.get(length), table, mark="*") for length in lengths]
            lines.append(f"| {task} | *{table.beside_label}* | {' | '.join(line)} |")
    return "\n".join(lines)


def _over_tasks(rows: pd.DataFrame) -> str:
    lengths = _lengths(rows)
    lines = _head(["model"], lengths)
    summary = interquartile_means(rows, "normalised_accuracy", ["model", "length"])
    means = summary.dropna(subset="mean").set_index(["model", "length"])["mean"]
    for model, look in style.styles_for(rows["model"].unique()).items():
        known = (means.get((model, length)) for length in lengths)
        texts = [NOTHING if mean is None else f"{mean:.3f}" for mean in known]
        lines.append(f"| {look.label} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _lengths(rows: pd.DataFrame) -> list[int]:
    return [length for length in LENGTHS if (rows["length"] == length).any()]


def _head(names: Sequence[str], lengths: Sequence[int]) -> list[str]:
    titles = [*names, *(f"length {length}" for length in lengths)]
    return [f"| {' | '.join(titles)} |", f"|{'---|' * len(names)}{'---:|' * len(lengths)}"]


def _cells(rows: pd.DataFrame, table: Table) -> dict[tuple[Any, ...], str]:
    """Return the text of every cell by task, model and length."""
    summary = mean_over_seeds(rows, table.score, POINT).set_index(POINT)
    finished = rows[rows["status"] == OK].groupby(POINT)[table.score]
    summary["lowest"], summary["highest"] = finished.min(), finished.max()
    seeds = rows["seed"].nunique()
    cells: dict[Any, str] = {}
    for point, row in summary.to_dict("index").items():
        if not row["n"]:
            cells[point] = "did not finish" if row["failed"] else NOTHING
            continue
        mean, low, high = (_number(row[name], table) for name in ("mean", "lowest", "highest"))
        text = mean if low == mean == high else f"{mean} ({low}–{high})"
        cells[point] = text if row["n"] == seeds else f"{text}, n = {row['n']}"
    return cells


def _number(value: Any, table: Table, *, mark: str = "") -> str:
    return NOTHING if value is None else f"{mark}{value:.{table.digits}f}{mark}"


if __name__ == "__main__":
    sys.exit(main())
