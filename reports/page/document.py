"""Put the page together: tables in, one HTML file out, under 1 MB."""

import json
import math
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2

from reports.page.charts import MARKS, SIZES, Chart
from reports.page.colours import variables
from reports.page.material import Material, gather
from reports.page.sections import (
    accuracy_charts,
    beyond_charts,
    cost_rows,
    information_charts,
    model_rows,
)
from reports.page.sequences import (
    example,
    first_length,
    positions_data,
    samples_data,
    sequences_of,
    weights_data,
)
from reports.page.story import (
    HALF_EXPLAINED,
    basis,
    finding,
    published_note,
    reaches,
    settings,
)
from reports.selection.folder import shown
from reports.tables.claims import (
    CLAIMS_FOLDER,
    OUT_OF_SCOPE,
    all_lines,
    estimate_text,
    of_claim,
)
from reports.tables.claims import Line as ClaimLine
from reports.tables.models import LEAST_SEEDS
from results.claims.measures import CLAIMS
from results.errors import ResultsError
from results.store.csv_files import ACCURACY
from results.tables import REFERENCE, has_table
from results.wording import shown_command, told_apart

HERE = Path(__file__).parent
MOST_BYTES = 1_000_000
END_COLUMNS = 29  # Of a name at the end of a line.
# What is left out of a page that is too large: every second length of the sequences, and so on.
THINNINGS = (1, 2, 4, 8)


def page_of(folder: Path) -> bytes:
    """Render the page of a results folder.

    Raises:
        ResultsError: A CSV is damaged, or the page is larger than 1 MB however much is left out.
        NothingToReport: The folder has no rows.
    """
    material = gather(folder)
    context = _context(material)
    for every in THINNINGS:
        content = _rendered(context, material, every=every).encode("utf-8")
        if len(content) < MOST_BYTES:
            return content
    raise ResultsError(
        f"--results: {folder}: its page has {len(content):,} bytes, and 1 MB is the most; "
        "report fewer models or lengths from a folder of their own"
    )


def _rendered(context: dict[str, Any], material: Material, *, every: int) -> str:
    sequences = context["sequences"]
    samples = samples_data(sequences, every=every)
    positions = positions_data(material, every=every)
    data = context["data"] | {
        "samples": samples,
        "positions": [
            {key: each[key] for key in ("task", "model", "lengths", "items", "means")}
            for each in positions
        ],
    }
    examples = {}
    for task, packed in samples.items():
        length = first_length(material, task, [int(each) for each in packed["lengths"]])
        largest = packed["largest"]
        one = sequences[task][length]
        examples[task] = example(material, one, length=length, largest=largest)
    data["first"] = {task: each["length"] for task, each in examples.items()}
    return _template().render(
        context
        | {"data": data, "examples": examples, "positions": positions, "is_thinned": every > 1}
    )


def _context(material: Material) -> dict[str, Any]:
    found = reaches(material.main)
    labels = {name: look.label for name, look in material.looks.items()}
    accuracy = list(accuracy_charts(material, found))
    information = information_charts(material)
    beyond = beyond_charts(material)
    weights = weights_data(material)
    claims, has_published_claims = _claims(material.folder)
    charts: list[Chart] = [*accuracy, *(chart for _, chart in information), *beyond]
    colours = variables(material.looks.values())
    task = next(iter(material.tasks))
    return {
        "name": "published results" if material.is_published else material.folder.resolve().name,
        "task": task,
        "tasks": material.tasks,
        "models": [
            {"name": name, "label": look.label, "look": f"m{place}", "line": look}
            for place, (name, look) in enumerate(material.looks.items())
        ],
        "verdict": finding(task, found, labels),
        "basis": basis(material),
        "settings": settings(material),
        "half_explained": HALF_EXPLAINED,
        "published": published_note(material),
        "accuracy": accuracy,
        "information": information,
        "beyond": beyond,
        "weights": weights,
        "sequences": sequences_of(material),
        "claims": claims,
        "has_published_claims": has_published_claims,
        "cost": cost_rows(material),
        "compared": model_rows(material),
        "commands": _commands(material.folder),
        "citation": _citation(material),
        "sizes": SIZES,
        "marks": MARKS,
        "colours": colours,
        "css": _text("report.css"),
        "chart_css": _text("chart.css"),
        "script": _text("report.js"),
        "data": {
            "charts": {chart.name: chart.data() for chart in charts},
            "models": [
                {"name": name, "label": look.label, "look": f"m{place}"}
                for place, (name, look) in enumerate(material.looks.items())
            ],
            "tasks": material.tasks,
            "weights": [
                {key: value for key, value in each.items() if key != "picture"} for each in weights
            ],
            "light": colours["light"],
            "folder": material.folder.resolve().name,
        },
    }


def _claims(folder: Path) -> tuple[list[dict[str, Any]], bool]:
    """Lay out the cards: a sentence, and each task with its verdict and seeds.

    Returns:
        The cards, and whether they are of published rows, as the folder itself has none.
    """
    places = [folder / CLAIMS_FOLDER, folder, REFERENCE / CLAIMS_FOLDER]
    for place in places:
        if has_table(place, ACCURACY):
            lines = all_lines(place, is_primary_alone=True)
            if any(line.seeds for line in lines):
                return [_card(name, lines) for name in CLAIMS], place == places[-1] != places[0]
    return [], False


def _card(name: str, lines: Sequence[ClaimLine]) -> dict[str, Any]:
    claim = CLAIMS[name]
    return {
        "name": name,
        "text": claim.text,
        "measured": claim.measured,
        "lines": [
            {
                "task": line.task,
                "verdict": _verdict_text(line.title, len(line.seeds)),
                "estimate": estimate_text(line),
                "asked": "" if line.measure.lines is None else f"{line.measure.lines[1]:g}",
                "seeds": len(line.seeds),
                "remarks": line.remarks,
                **_dots(line),
            }
            for line in of_claim(lines, name, is_primary=True)
        ],
        "scope": [
            f"{task}: {OUT_OF_SCOPE}, because {why}." for task, why in claim.out_of_scope.items()
        ],
    }


def _dots(line: ClaimLine) -> dict[str, Any]:
    """Place the seeds of a card on a line, beside what the sentence asks for."""
    known = [effect for effect in line.seeds.values() if not math.isnan(effect)]
    if line.measure.lines is None or not known:
        return {"dots": [], "asked_at": 0}
    asked = line.measure.lines[1]
    low, high = min(*known, *line.measure.lines), max(*known, *line.measure.lines)
    room = (high - low) or 1.0
    places = [round(14 + 252 * (each - low) / room, 1) for each in (asked, *known)]
    return {"dots": places[1:], "asked_at": places[0]}


def _verdict_text(title: str, seeds: int) -> str:
    if 0 < seeds < LEAST_SEEDS:
        return f"not judged below {LEAST_SEEDS} seeds"
    return title.lower()


def _commands(folder: Path) -> dict[str, str]:
    place = Path(shown(folder))
    return {
        "probe": shown_command("bench.probe", "--results", place),
        "throughput": shown_command("bench.throughput", "--out", place),
        "claims": shown_command("bench.run", "--preset", "claims", "--out", place),
        "figures": shown_command("reports.figures", "--results", place),
        "examples": shown_command("reports.examples", "--results", place),
        "page": shown_command("reports.page", "--results", place),
        "beyond": shown_command("bench.run", "--test-lengths", "x1.5,x2", "--out", place),
    }


def _citation(material: Material) -> str:
    rows = material.main
    commits = sorted({str(each)[:12] for each in rows["commit"].dropna()})
    try:
        release = version("bottleneck-bench")
    except PackageNotFoundError:
        release = "unreleased"
    seeds = sorted(int(each) for each in rows["seed"].unique())
    parts = [
        f"The Bottleneck Bench authors, Bottleneck Bench {release}",
        f"rows of commit {', '.join(commits)}" if commits else "rows without a commit",
        f"seeds {', '.join(map(str, seeds))}",
        f"budget {', '.join(f'{int(each):,}' for each in sorted(rows['budget_updates'].unique()))}"
        " updates",
    ]
    return "; ".join(parts) + "."


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "script_json": script_json,
        "upper_first": lambda text: text[:1].upper() + text[1:],
        "number": lambda value: f"{value:,g}",
        "value": _cell,
        "shorten": lambda text: "\n".join(told_apart([text], most=END_COLUMNS).values()),
    }
    return environment.get_template("report.html.j2")


def script_json(value: Any) -> str:
    """Write JSON that no text in it can end a script element with."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _cell(value: Any, is_share: bool) -> str:
    return "" if value == "" else f"{value:.3f}" if is_share else f"{value:,.1f}"


@cache
def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
