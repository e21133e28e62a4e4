"""What the five claims come to on the rows of a results folder: one line per measure and task."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from reports.selection.curves import own_length_rows, require_one_configuration
from reports.selection.folder import rows_of_configurations, shown
from results.claims.effects import BOTH, Evidence
from results.claims.measures import CLAIMS, MEASURES, Measure
from results.claims.verdicts import NOT_MEASURED, Finding, judge, overall
from results.command_line import NothingToReport
from results.stats.over_seeds import check_groups
from results.store.csv_files import ALIGNMENT, INFLUENCE
from results.tables import read_accuracy, read_probes

POOLED = {BOTH: ("copy", "reverse")}


@dataclass(frozen=True)
class Line:
    """One measure on one task.

    Attributes:
        claim: C1 to C5.
        measure: What is measured.
        rows: Which rows of which CSV it is computed from.
        threshold: Where the claim begins to hold, with the direction.
        command: What measures it, or would.
        task: Task, or the tasks pooled; empty where nothing is measured.
        finding: What the seeds say; None where nothing is measured.
        seeds: The effect of each seed, NaN where it cannot be told.
    """

    claim: str
    measure: str
    rows: str
    threshold: str
    command: str
    task: str = ""
    finding: Finding | None = None
    seeds: Mapping[int, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """SUPPORTED, REFUTED, INCONCLUSIVE or not measured."""
        return NOT_MEASURED if self.finding is None else self.finding.verdict

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it is about, one by one."""
        return tuple(POOLED.get(self.task, [self.task] if self.task else []))


def verdict_of(lines: Sequence[Line]) -> str:
    """Return the verdict on a claim as a whole, from all its lines."""
    return overall([line.verdict for line in lines])


def verdicts_by_task(lines: Sequence[Line]) -> dict[str, str]:
    """Return the verdict on a claim task by task; tasks that were pooled count in each of them."""
    return {
        task: verdict_of([line for line in lines if task in line.tasks]) for task in tasks_of(lines)
    }


def tasks_of(lines: Sequence[Line]) -> list[str]:
    """Return the tasks that lines are about, in order."""
    return sorted({task for line in lines for task in line.tasks})


def by_claim(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Return the lines of each claim."""
    return {claim: [line for line in lines if line.claim == claim] for claim in CLAIMS}


def by_measure(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Return the lines of each measure of one claim, in their order."""
    names = dict.fromkeys(line.measure for line in lines)
    return {name: [line for line in lines if line.measure == name] for name in names}


def all_lines(folder: Path, *, config_ids: Sequence[str] = ()) -> list[Line]:
    """Return what all measures say on a folder, claim by claim.

    Raises:
        ResultsError, NothingToReport: As of `evidence_of`.
    """
    evidence = evidence_of(folder, config_ids=config_ids)
    place = shlex.quote(shown(folder))
    return [line for measure in MEASURES for line in lines_of(measure, evidence, folder=place)]


def evidence_of(folder: Path, *, config_ids: Sequence[str]) -> Evidence:
    """Read what claims are judged by, of one size of state and alphabet.

    Raises:
        ResultsError: A CSV is damaged, models were run with several settings, or a seed has two
            rows of one length, from several protocols or paths.
        NothingToReport: There is no row of accuracy.csv.
    """
    accuracy = own_length_rows(rows_of_configurations(read_accuracy(folder), config_ids))
    if accuracy.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
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


def lines_of(measure: Measure, evidence: Evidence, *, folder: str) -> list[Line]:
    """Return what a measure says, task by task; a line that says so where nothing is measured.

    Args:
        folder: Where the evidence was read, for a command line.
    """
    table = measure.effects(evidence)
    bound = f"{'>=' if measure.is_at_least else '<='} {measure.threshold:g}"
    command = measure.command(evidence, folder)
    line = Line(measure.claim, measure.name, measure.rows, bound, command)
    return [
        replace(
            line,
            task=str(task),
            seeds=dict(sorted(zip(rows["seed"], rows["effect"], strict=True))),
            finding=judge(
                rows["effect"].to_list(),
                threshold=measure.threshold,
                is_at_least=measure.is_at_least,
                bounds=int(rows["is_bound"].sum()) if "is_bound" in rows else 0,
            ),
        )
        for task, rows in table.groupby("task")
    ] or [line]
