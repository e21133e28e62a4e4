"""The README's table of verdicts: claim by claim, measure by measure, task by task."""

from collections.abc import Sequence

from reports.selection.captions import counted
from reports.tables.claims import (
    Line,
    by_claim,
    by_measure,
    tasks_of,
    verdict_of,
    verdicts_by_task,
)
from results.claims.measures import CLAIMS
from results.claims.verdicts import INCONCLUSIVE, REFUTED, SUPPORTED, Finding

NOTHING = "–"
WORDS = {SUPPORTED: "supported", REFUTED: "**refuted**", INCONCLUSIVE: "inconclusive"}
BOUNDS = {SUPPORTED: "at least ", REFUTED: "at most ", INCONCLUSIVE: "about "}


def claim_table(lines: Sequence[Line]) -> str:
    """Return the verdicts as Markdown, a column for each task."""
    tasks = tasks_of(lines)
    seeds = max((len(line.seeds) for line in lines), default=0)
    rows = [_row("claim; what is measured", "threshold", tasks), "|---" * (2 + len(tasks)) + "|"]
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
    """Return verdict, effect and interval on a task, also where it was pooled with others."""
    for line in lines:
        if task in line.tasks and line.finding is not None:
            notes = [] if len(line.tasks) == 1 else [line.task]
            notes += [] if len(line.seeds) == seeds else [f"n = {len(line.seeds)}"]
            return ", ".join([_told(line.finding), *notes])
    return NOTHING


def _told(found: Finding) -> str:
    if not found.n:
        return "cannot be told"
    effect = f"{found.effect:z.2f}"
    if found.bounds:
        effect = BOUNDS[found.verdict] + effect
    elif found.n > 1:
        effect += f" ({found.low:z.2f} to {found.high:z.2f})"
    return f"{WORDS[found.verdict]} {effect}"
