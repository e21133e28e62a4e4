"""Judge the five claims by a results folder, line by line, and lay the README's table out."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reports.selection.captions import counted
from reports.selection.folder import shown
from results.claims.effects import AT_LEAST, DID_NOT_TRAIN
from results.claims.evidence import Evidence, select
from results.claims.measures import CLAIMS, MEASURES, Measure
from results.claims.verdicts import Case, Estimate, Verdict, estimate, judge
from results.command_line import NothingToReport
from results.schema.columns import columns_of
from results.store.csv_files import ALIGNMENT, INFLUENCE, ROW_TYPES
from results.tables import read_accuracy, read_columns
from results.wording import markdown, shown_command

# Of its rows, in a results folder.
CLAIMS_FOLDER = "claims"
NOT_MEASURED, OUT_OF_SCOPE = "not measured", "out of scope"


@dataclass(frozen=True)
class Line:
    """One measure on one task."""

    measure: Measure
    task: str
    seeds: Mapping[int, float] = field(default_factory=dict)  # Effects; NaN if not known.
    bounds: int = 0  # Effects that are lower bounds.
    untrained: int = 0  # Seeds without an effect because a control did not train.
    verdict: Verdict | None = None  # None for a secondary measure, and if nothing is measured.

    @property
    def estimate(self) -> Estimate:
        """The mean of the seeds, with its interval."""
        return estimate([*self.seeds.values()], is_ratio=self.measure.is_ratio)

    @property
    def title(self) -> str:
        """The verdict, or that there is none yet; empty for a secondary measure."""
        if self.verdict is not None:
            return self.verdict.verdict
        return NOT_MEASURED if self.measure.lines and not self.seeds else ""

    @property
    def remarks(self) -> list[str]:
        """What a reader must know of the estimate besides."""
        effects = self.seeds.values()
        known = [effect for effect in effects if not math.isnan(effect)]
        remarks = [] if self.verdict is None else [self.verdict.reason]
        if self.bounds:
            remarks.append(f"lower bounds: {self.bounds} of {len(effects)}")
        if self.verdict is None and len(known) < len(effects):
            remarks.append(f"seeds that cannot be told: {len(effects) - len(known)}")
        outside = sum(not 0 <= effect <= 1 for effect in known)
        if self.measure.is_share and outside:
            remarks.append(f"shares outside 0 to 1: {outside} of {len(effects)}")
        return [remark for remark in remarks if remark]


def all_lines(folder: Path, *, is_primary_alone: bool = False) -> list[Line]:
    """Judge a folder by all measures, or by those with a verdict: a line for a measure and task.

    Raises:
        ResultsError: A CSV is damaged, or a seed has two rows of one length.
        NothingToReport: accuracy.csv has no row.
    """
    measures = [each for each in MEASURES if each.lines or not is_primary_alone]
    lines = [*_unjudged(_evidence_of(folder), measures)]
    places = [place for place, line in enumerate(lines) if line.measure.lines and line.seeds]
    verdicts = judge([_case(lines[place]) for place in places])
    for place, verdict in zip(places, verdicts, strict=True):
        lines[place] = replace(lines[place], verdict=verdict)
    return lines


def _evidence_of(folder: Path) -> Evidence:
    accuracy = read_accuracy(folder)
    if accuracy.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    finer = (
        read_columns(folder, name, [item.name for item in columns_of(ROW_TYPES[name])])
        for name in (INFLUENCE, ALIGNMENT)
    )
    return select(accuracy, *finer)


def _unjudged(evidence: Evidence, measures: Iterable[Measure]) -> Iterator[Line]:
    for measure in measures:
        effects = measure.effects(evidence)
        for task in measure.tasks:
            rows = effects[effects["task"] == task].sort_values("seed")
            yield Line(
                measure,
                task,
                seeds=dict(zip(rows["seed"], rows["effect"], strict=True)),
                bounds=int((rows["note"] == AT_LEAST).sum()),
                untrained=int((rows["note"] == DID_NOT_TRAIN).sum()),
            )


def _case(line: Line) -> Case:
    assert line.measure.lines is not None
    none, asked = line.measure.lines
    return Case(
        [*line.seeds.values()],
        none=none,
        asked=asked,
        is_ratio=line.measure.is_ratio,
        bounds=line.bounds,
        untrained=line.untrained,
    )


def of_claim(lines: Sequence[Line], claim: str, *, is_primary: bool) -> list[Line]:
    """Keep the primary or the secondary lines of a claim."""
    kept = [line for line in lines if line.measure.claim == claim]
    return [line for line in kept if bool(line.measure.lines) == is_primary]


def commands_to_measure(folder: Path) -> str:
    """Name the commands that measure what is missing in a folder, and nothing else."""
    place = Path(shown(folder))
    return " && ".join(
        (
            shown_command("bench.run", "--preset", "claims", "--out", place),
            shown_command("bench.probe", "--results", place),
        )
    )


def estimate_text(line: Line) -> str:
    """Write the mean, its interval and the number of seeds."""
    found = line.estimate
    if not found.n:
        return ""
    has_interval = not math.isnan(found.low)
    interval = f" ({found.low:z.2f} to {found.high:z.2f})" if has_interval else ""
    mean = f"{'at least ' if line.bounds else ''}{found.mean:z.2f}"
    return f"{mean}{interval}, {counted(found.n, 'seed')}"


def p_text(verdict: Verdict) -> str:
    """Write p after Holm's correction; nothing if nothing could be tested."""
    p = verdict.p_holm
    return "" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def claim_table(lines: Sequence[Line]) -> str:
    """Lay the verdicts out as Markdown: a row for each claim, a cell with its tasks."""
    rows = ["| sentence | measured | verdict |", "|---|---|---|"]
    for name, claim in CLAIMS.items():
        judged = of_claim(lines, name, is_primary=True)
        verdicts = "<br>".join([_verdict_cell(line) for line in judged])
        rows.append(f"| {claim.text} | {claim.measured} | {verdicts} |")
    return "\n".join(rows)


def _verdict_cell(line: Line) -> str:
    said = "; ".join(filter(None, (estimate_text(line), *line.remarks)))
    return f"{line.task}: **{line.title}**{', ' if said else ''}{markdown(said)}"
