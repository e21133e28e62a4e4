"""Hold the five claims against the results: `python -m reports.claims`."""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reports.selection.folder import add_config_option, add_results_option, results_folder, shown
from reports.tables.claims import (
    NOTHING,
    Line,
    all_lines,
    by_claim,
    by_measure,
    verdict_of,
    verdicts_by_task,
)
from results.claims.measures import CLAIMS
from results.command_line import DONE, Parser, run_command
from results.wording import told_apart

TEXT, TRACE, JSON = "text", "trace", "json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.claims", description=__doc__)
    add_results_option(parser)
    add_config_option(parser)
    parser.add_argument(
        "--format",
        default=TEXT,
        choices=(TEXT, TRACE, JSON),
        help="trace is text with the effect of every seed and the rows that it comes from "
        "(default: text)",
    )
    return run_command(parser, arguments, show)


def show(given: argparse.Namespace) -> int:
    """Print every claim with its measures and verdicts."""
    folder = results_folder(given.results)
    claims = by_claim(all_lines(folder, config_ids=given.config))
    if given.format == JSON:
        print(json.dumps([_as_json(*item) for item in claims.items()], indent=2))
        return DONE
    print(f"read {shown(folder)}", file=sys.stderr)
    for claim, of_claim in claims.items():
        print(_as_text(claim, of_claim, is_traced=given.format == TRACE), end="\n\n")
    return DONE


def _as_json(claim: str, lines: Sequence[Line]) -> dict[str, object]:
    return {
        "claim": claim,
        "text": CLAIMS[claim],
        "verdict": verdict_of(lines),
        "tasks": verdicts_by_task(lines),
        "measures": [_line_as_json(line) for line in lines],
    }


def _line_as_json(line: Line) -> dict[str, object]:
    place = {"measure": line.measure, "threshold": line.threshold, "task": line.task}
    numbers = {} if line.finding is None else asdict(line.finding)
    source = {"command": line.command, "rows": line.rows, "seeds": _known(line.seeds)}
    return place | _known(numbers) | {"verdict": line.verdict} | source


def _known(numbers: Mapping[Any, object]) -> dict[str, object]:
    """Replace NaN by null: JSON has no NaN."""
    return {
        str(name): None if isinstance(value, float) and math.isnan(value) else value
        for name, value in numbers.items()
    }


def _as_text(claim: str, lines: Sequence[Line], *, is_traced: bool) -> str:
    parts = [f"{claim}  {CLAIMS[claim]}", f"    {_verdicts(lines)}"]
    titles = told_apart(line.task for line in lines)
    for measure, of_measure in by_measure(lines).items():
        parts.append(f"  {measure} ({of_measure[0].threshold})")
        if is_traced:
            parts.append(f"    from {of_measure[0].rows}")
        for line in of_measure:
            parts.append(f"    {titles[line.task]:<16} {_finding(line):<48}  {line.verdict}")
            if is_traced and line.seeds:
                parts.append(f"      {_seeds(line)}")
    return "\n".join(parts)


def _verdicts(lines: Sequence[Line]) -> str:
    """Name the verdict on the whole, on each task, and how much was not measured."""
    by_task = verdicts_by_task(lines)
    titles = told_apart(by_task)
    notes = [f"{titles[task]} {verdict}" for task, verdict in by_task.items()]
    notes = notes if len(by_task) > 1 else []
    unmeasured = sum(line.finding is None for line in lines)
    if 0 < unmeasured < len(lines):
        notes.append(f"{unmeasured} of {len(lines)} lines not measured")
    return f"{verdict_of(lines)} ({', '.join(notes)})" if notes else verdict_of(lines)


def _finding(line: Line) -> str:
    """Name effect, interval and number of seeds, or the command that would measure them."""
    found = line.finding
    if found is None:
        return line.command
    notes = [f"n = {found.n}"]
    if found.bounds:
        notes.append(f"{found.bounds} of them bounds")
    elif found.n:
        has_interval = not math.isnan(found.low)
        notes.insert(0, f"{found.low:z.2f} to {found.high:z.2f}" if has_interval else "no interval")
    if found.unknown:
        notes.append(f"{found.unknown} cannot be told")
    effect = f"{found.effect:z.2f}" if found.n else NOTHING
    return f"{effect} ({', '.join(notes)})"


def _seeds(line: Line) -> str:
    effects = (
        f"{seed} {'cannot be told' if math.isnan(effect) else format(effect, '.4g')}"
        for seed, effect in line.seeds.items()
    )
    return f"seed {', '.join(effects)}"


if __name__ == "__main__":
    sys.exit(main())
