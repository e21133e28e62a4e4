"""Judge the five claims by a results folder, line by line, and lay the README's table out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import own_length_rows, require_one_configuration
from reports.selection.folder import rows_of_configurations, shown
from results.claims.effects import BOTH, Evidence
from results.claims.measures import CLAIMS, MEASURES, Measure
from results.claims.verdicts import (
    INCONCLUSIVE,
    NOT_MEASURED,
    REFUTED,
    SUPPORTED,
    Finding,
    judge,
    overall,
)
from results.command_line import NothingToReport
from results.stats.over_seeds import check_groups
from results.store.csv_files import ALIGNMENT, INFLUENCE
from results.tables import read_accuracy, read_probes
from results.wording import markdown, told_apart

POOLED = {BOTH: ("copy", "reverse")}
NOTHING = "–"
WORDS = {SUPPORTED: "supported", REFUTED: "**refuted**", INCONCLUSIVE: "inconclusive"}
BOUNDS = {SUPPORTED: "at least ", REFUTED: "at most ", INCONCLUSIVE: "about "}


@dataclass(frozen=True)
class Line:
    """One measure on one task."""

    claim: str
    measure: str
    rows: str
    threshold: str
    command: str  # What measures it, or would.
    task: str = ""  # Or the tasks pooled; empty if nothing is measured.
    finding: Finding | None = None  # None if nothing is measured.
    seeds: Mapping[int, float] = field(default_factory=dict)  # Effects; NaN if not known.

    @property
    def verdict(self) -> str:
        """SUPPORTED, REFUTED, INCONCLUSIVE or not measured."""
        return NOT_MEASURED if self.finding is None else self.finding.verdict

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it is about, one by one."""
        return tuple(POOLED.get(self.task, [self.task] if self.task else []))


def verdict_of(lines: Sequence[Line]) -> str:
    """Give the verdict on a claim as a whole, from all its lines."""
    return overall([line.verdict for line in lines])


def verdicts_by_task(lines: Sequence[Line]) -> dict[str, str]:
    """Give the verdict on a claim for each task; a line on pooled tasks counts for each."""
    return {
        task: verdict_of([line for line in lines if task in line.tasks])
        for task in _tasks_of(lines)
    }


def _tasks_of(lines: Sequence[Line]) -> list[str]:
    return sorted({task for line in lines for task in line.tasks})


def by_claim(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Group lines by claim."""
    return {claim: [line for line in lines if line.claim == claim] for claim in CLAIMS}


def by_measure(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Group the lines of one claim by measure, in their order."""
    names = dict.fromkeys(line.measure for line in lines)
    return {name: [line for line in lines if line.measure == name] for name in names}


def all_lines(folder: Path, *, config_ids: Sequence[str] = ()) -> list[Line]:
    """Judge a folder by all measures, claim by claim.

    Raises:
        ResultsError: A CSV is damaged, models were run with several settings, or a seed has two
            rows of one length.
        NothingToReport: accuracy.csv has no row.
    """
    evidence = _evidence_of(folder, config_ids=config_ids)
    place = Path(shown(folder))
    return [line for measure in MEASURES for line in _lines_of(measure, evidence, folder=place)]


def _evidence_of(folder: Path, *, config_ids: Sequence[str]) -> Evidence:
    accuracy = own_length_rows(rows_of_configurations(read_accuracy(folder), config_ids))
    if accuracy.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    # Encoders are compared with nothing but themselves, so each may have settings of its own.
    for _, rows in accuracy.groupby("encoder"):
        require_one_configuration(rows)
    check_groups(accuracy, "status", ["task", "model", "encoder", "seed"], unit="length")
    encoders = accuracy.drop_duplicates("config_id").set_index("config_id")["encoder"]
    influence, alignment = (
        _with_encoder(own_length_rows(read_probes(folder, name)), encoders)
        for name in (INFLUENCE, ALIGNMENT)
    )
    return Evidence(accuracy=accuracy, influence=influence, alignment=alignment)


def _with_encoder(rows: pd.DataFrame, encoders: "pd.Series[str]") -> pd.DataFrame:
    """Keep the rows of these configurations; add the encoder of each, which probes lack."""
    kept = rows[rows["config_id"].isin(encoders.index)]
    return kept.assign(encoder=kept["config_id"].map(encoders))


def _lines_of(measure: Measure, evidence: Evidence, *, folder: Path) -> list[Line]:
    """Judge by one measure, task by task; one line without a finding if nothing is measured."""
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
                bounds=int(rows["is_bound"].sum()),
            ),
        )
        for task, rows in table.groupby("task")
    ] or [line]


def claim_table(lines: Sequence[Line]) -> str:
    """Lay the verdicts out as Markdown, a column for each task."""
    tasks = _tasks_of(lines)
    seeds = max((len(line.seeds) for line in lines), default=0)
    titles = [markdown(title) for title in told_apart(tasks).values()]
    rows = [_row("claim; what is measured", "threshold", titles), "|---" * (2 + len(tasks)) + "|"]
    for claim, of_claim in by_claim(lines).items():
        verdicts = verdicts_by_task(of_claim)
        title = f"**{claim}: {CLAIMS[claim]}** As a whole {verdict_of(of_claim)}"
        rows.append(_row(title, "", [verdicts.get(task, NOTHING) for task in tasks]))
        for measure, of_measure in by_measure(of_claim).items():
            cells = [_cell(of_measure, task, seeds=seeds) for task in tasks]
            rows.append(_row(measure, of_measure[0].threshold, cells))
    note = (
        f"{counted(seeds, 'seed')} where no other n stands; mean (95 % interval) of their effects."
    )
    return "\n".join([note, "", *rows])


def _row(title: str, threshold: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([title, threshold, *cells])} |"


def _cell(lines: Sequence[Line], task: str, *, seeds: int) -> str:
    """Put verdict, effect and interval on a task into words, also if pooled with others."""
    for line in lines:
        if task in line.tasks and line.finding is not None:
            notes = [] if len(line.tasks) == 1 else [line.task]
            notes += [] if len(line.seeds) == seeds else [f"n = {len(line.seeds)}"]
            return ", ".join([_finding_text(line.finding), *notes])
    return NOTHING


def _finding_text(found: Finding) -> str:
    if not found.n:
        return "cannot be told"
    effect = f"{found.effect:z.2f}"
    if found.bounds:
        effect = BOUNDS[found.verdict] + effect
    elif found.n > 1:
        effect += f" ({found.low:z.2f} to {found.high:z.2f})"
    return f"{WORDS[found.verdict]} {effect}"
