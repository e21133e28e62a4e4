"""Hold the five claims against the results: `python -m reports.claims`."""

import argparse
import json
import math
import sys
from collections.abc import Sequence

from reports.selection.folder import add_results_option, results_folder, shown
from reports.tables.claims import (
    OUT_OF_SCOPE,
    Line,
    all_lines,
    commands_to_measure,
    estimate_text,
    of_claim,
    p_text,
)
from results.claims.measures import CLAIMS
from results.command_line import DONE, Parser, run_command

TEXT, TRACE, JSON = "text", "trace", "json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.claims", description=__doc__)
    add_results_option(parser)
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
    lines = all_lines(folder)
    if given.format == JSON:
        print(json.dumps([_as_json(claim, lines) for claim in CLAIMS], indent=2))
        return DONE
    print(f"read {shown(folder)}", file=sys.stderr)
    for claim in CLAIMS:
        print(_as_text(claim, lines, is_traced=given.format == TRACE), end="\n\n")
    missing = sum(not line.seeds for line in lines)
    if missing:
        print(f"{missing} of {len(lines)} lines are not measured: {commands_to_measure(folder)}")
    return DONE


def _as_json(claim: str, lines: Sequence[Line]) -> dict[str, object]:
    about = CLAIMS[claim]
    return {
        "claim": claim,
        "text": about.text,
        # The reason of a task that is out of scope.
        "scope": dict.fromkeys(about.tasks) | dict(about.out_of_scope),
        "primary": [_line_as_json(line) for line in of_claim(lines, claim, is_primary=True)],
        "secondary": [_line_as_json(line) for line in of_claim(lines, claim, is_primary=False)],
    }


def _line_as_json(line: Line) -> dict[str, object]:
    found, judged = line.estimate, line.verdict
    none, asked = line.measure.lines or (None, None)
    return {
        "measure": line.measure.name,
        "task": line.task,
        "rows": line.measure.rows,
        "estimate": _known(found.mean),
        "low": _known(found.low),
        "high": _known(found.high),
        "n": found.n,
        "bounds": line.bounds,
        "none": none,
        "asked": asked,
        "p": None if judged is None else _known(judged.p),
        "p_holm": None if judged is None else _known(judged.p_holm),
        "verdict": None if judged is None else judged.verdict,
        "remarks": line.remarks,
        "seeds": {str(seed): _known(effect) for seed, effect in line.seeds.items()},
    }


def _known(value: float) -> float | None:
    """Replace NaN by null: JSON has no NaN."""
    return None if math.isnan(value) else value


def _as_text(claim: str, lines: Sequence[Line], *, is_traced: bool) -> str:
    about = CLAIMS[claim]
    parts = [f"{claim}  {about.text}"]
    for line in of_claim(lines, claim, is_primary=True):
        parts += [f"  {line.task}: {'; '.join([line.title, *line.remarks])}"]
        parts += _measured(line, is_traced=is_traced)
    parts += [f"  {task}: {OUT_OF_SCOPE}: {why}" for task, why in about.out_of_scope.items()]
    secondary = [line for line in of_claim(lines, claim, is_primary=False) if line.seeds]
    if secondary:
        parts.append("  also measured, without a verdict:")
    for line in secondary:
        parts += _measured(line, is_traced=is_traced)
    return "\n".join(parts)


def _measured(line: Line, *, is_traced: bool) -> list[str]:
    facts = [estimate_text(line)] if line.seeds else []
    if line.measure.lines:
        none, asked = line.measure.lines
        facts.append(f"no effect {none:g}, asked {asked:g}")
        facts += [f"p {p_text(line.verdict)}"] if line.verdict and p_text(line.verdict) else []
    else:
        facts += line.remarks
    place = "" if line.measure.lines else f" [{line.task}]"
    parts = [f"    {line.measure.name}{place}: {'; '.join(fact for fact in facts if fact)}"]
    if is_traced:
        parts.append(f"      from {line.measure.rows}")
        effects = (
            f"{seed} {'cannot be told' if math.isnan(effect) else format(effect, '.4g')}"
            for seed, effect in line.seeds.items()
        )
        parts += [f"      seed {', '.join(effects)}"] if line.seeds else []
    return parts


if __name__ == "__main__":
    sys.exit(main())
