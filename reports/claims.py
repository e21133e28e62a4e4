"""Hold the five claims against the results: `python -m reports.claims`."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from reports.command import (
    NothingToReport,
    Parser,
    add_config_option,
    add_results_option,
    leave_with,
    results_folder,
    rows_of_configurations,
    shown,
)
from reports.curves import own_length_rows, require_one_configuration
from results.claim_effects import Evidence
from results.claims import CLAIMS, MEASURES, Measure
from results.csv_files import ALIGNMENT, INFLUENCE
from results.summary import check_groups
from results.tables import read_accuracy, read_probes
from results.verdicts import NOT_MEASURED, Finding, judge, overall

FORMATS = ("text", "markdown", "json")
NO_VALUE = "–"


@dataclass(frozen=True)
class Line:
    """One measure on one task.

    Attributes:
        claim: C1 to C5.
        measure: What is measured.
        threshold: Where the claim begins to hold, with the direction.
        command: What measures it.
        task: Task, or the tasks pooled; empty where nothing is measured.
        finding: What the seeds say; None where nothing is measured.
    """

    claim: str
    measure: str
    threshold: str
    command: str
    task: str = ""
    finding: Finding | None = None

    @property
    def verdict(self) -> str:
        """SUPPORTED, REFUTED, INCONCLUSIVE or not measured."""
        return NOT_MEASURED if self.finding is None else self.finding.verdict

    def as_json(self) -> dict[str, object]:
        """Return the line as JSON holds it; numbers that are not known are null."""
        numbers = {} if self.finding is None else asdict(self.finding)
        known = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in numbers.items()
        }
        place = {"measure": self.measure, "threshold": self.threshold, "task": self.task}
        return place | known | {"verdict": self.verdict, "command": self.command}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="reports.claims", description=__doc__)
    add_results_option(parser)
    add_config_option(parser)
    parser.add_argument("--format", default="text", choices=FORMATS, help="(default: text)")
    options = parser.parse_args(arguments)
    return leave_with(
        lambda: show(options.results, config_ids=options.config, form=options.format),
        name=parser.prog,
    )


def show(results: Path | None, *, config_ids: Sequence[str], form: str) -> int:
    """Print every claim with its measures and verdicts.

    Raises:
        ResultsError: A CSV is damaged, or sizes are mixed.
        NothingToReport: There is no row.
    """
    folder = results_folder(results)
    evidence = evidence_of(folder, config_ids=config_ids)
    lines = [line for measure in MEASURES for line in lines_of(measure, evidence)]
    if form == "json":
        print(json.dumps(_as_json(lines), indent=2))
        return 0
    print(f"read {shown(folder)}", file=sys.stderr)
    for claim, text in CLAIMS.items():
        of_claim = [line for line in lines if line.claim == claim]
        verdict = overall([line.verdict for line in of_claim])
        print(
            _as_markdown(claim, text, verdict, of_claim)
            if form == "markdown"
            else _as_text(claim, text, verdict, of_claim)
        )
        print()
    return 0


def evidence_of(folder: Path, *, config_ids: Sequence[str]) -> Evidence:
    """Read what claims are judged by, of one size of state and alphabet.

    Raises:
        ResultsError: A CSV is damaged, models were run with several settings, or a seed has two
            rows of one length, from several protocols or paths.
        NothingToReport: There is no row of accuracy.csv.
    """
    accuracy = own_length_rows(rows_of_configurations(read_accuracy(folder), config_ids))
    if accuracy.empty:
        raise NothingToReport(f"no rows in {folder}: run python -m bench.run first")
    for _, rows in accuracy.groupby("encoder"):
        require_one_configuration(rows)
    check_groups(accuracy, "status", ["task", "model", "encoder", "seed"], unit="length")
    encoders = accuracy.drop_duplicates("config_id").set_index("config_id")["encoder"]
    influence = own_length_rows(read_probes(folder, INFLUENCE))
    alignment = own_length_rows(read_probes(folder, ALIGNMENT))
    return Evidence(
        accuracy=accuracy,
        influence=_of(encoders, influence),
        alignment=_of(encoders, alignment),
    )


def _of(encoders: "pd.Series[str]", rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of these configurations, with the encoder of each."""
    kept = rows[rows["config_id"].isin(encoders.index)]
    return kept.assign(encoder=kept["config_id"].map(encoders))


def lines_of(measure: Measure, evidence: Evidence) -> list[Line]:
    """Return what a measure says, task by task; a line that says so where nothing is measured."""
    table = measure.effects(evidence)
    bound = f"{'>=' if measure.is_at_least else '<='} {measure.threshold:g}"
    line = Line(measure.claim, measure.name, bound, command=measure.command)
    return [
        replace(
            line,
            task=str(task),
            finding=judge(
                rows["effect"].to_list(),
                threshold=measure.threshold,
                is_at_least=measure.is_at_least,
                bounds=int(rows["is_bound"].sum()) if "is_bound" in rows else 0,
            ),
        )
        for task, rows in table.groupby("task")
    ] or [line]


def _as_json(lines: Sequence[Line]) -> list[dict[str, object]]:
    return [
        {
            "claim": claim,
            "text": text,
            "verdict": overall([line.verdict for line in lines if line.claim == claim]),
            "measures": [line.as_json() for line in lines if line.claim == claim],
        }
        for claim, text in CLAIMS.items()
    ]


def _as_text(claim: str, text: str, verdict: str, lines: Sequence[Line]) -> str:
    parts = [f"{claim}  {text}", f"    {verdict}"]
    for measure in dict.fromkeys(line.measure for line in lines):
        of_measure = [line for line in lines if line.measure == measure]
        parts.append(f"  {measure} ({of_measure[0].threshold})")
        parts += [f"    {line.task:<16} {_told(line):<48} {line.verdict}" for line in of_measure]
    return "\n".join(parts)


def _as_markdown(claim: str, text: str, verdict: str, lines: Sequence[Line]) -> str:
    head = f"**{claim}: {verdict}.** {text}\n\n| measure | threshold | task | effect | verdict |"
    rows = [
        f"| {line.measure} | {line.threshold} | {line.task or NO_VALUE} | {_told(line)} | "
        f"{line.verdict} |"
        for line in lines
    ]
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _told(line: Line) -> str:
    """Return effect, interval and number of seeds as text, or what would measure them."""
    found = line.finding
    if found is None:
        return line.command
    notes = [f"n = {found.n}"]
    if found.bounds:
        notes.append(f"{found.bounds} of them bounds")
    elif found.n:
        has_interval = not math.isnan(found.low)
        notes.insert(0, f"{found.low:.2f} to {found.high:.2f}" if has_interval else "no interval")
    if found.unknown:
        notes.append(f"{found.unknown} cannot be told")
    effect = f"{found.effect:.2f}" if found.n else NO_VALUE
    return f"{effect} ({', '.join(notes)})"


if __name__ == "__main__":
    sys.exit(main())
