"""What the rows say, in sentences that never say more than the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.page.material import CURVE, DOT, PLAIN, Material, finished
from reports.selection.captions import PUBLISHED_BUDGET, counted, model_settings
from reports.tables.models import LEAST_SEEDS
from results.schema.rows import SETTING_COLUMNS
from results.stats.threshold_length import ABOVE, crossings, mean_crossing
from results.wording import spans

HALF_EXPLAINED = (
    "Half is lost at the length where the accuracy is half way between the best constant answer "
    "and all items right. Between two lengths it is read off a straight line over log length."
)
WORDS = {
    "budget_updates": "updates",
    "hidden": "units of state",
    "encoder": "encoder",
    "cell": "cell",
    "learning_rate": "learning rate",
    "symbols": "symbols",
}


@dataclass(frozen=True)
class Reach:
    """How far one model gets on one task.

    Attributes:
        half: Length at which half is lost, the mean of the seeds; None if it is not lost in all.
        is_kept: Whether no seed loses half up to the longest length.
        longest: The longest length with a score.
        right: Share of items right there, the mean of the seeds.
    """

    half: float | None
    is_kept: bool
    longest: int
    right: float


def reaches(rows: pd.DataFrame) -> dict[tuple[str, str], Reach]:
    """Find how far each model gets on each task, by task and model."""
    done = finished(rows)
    found = {}
    kinds = crossings(done, "normalised_accuracy", ["task", "model"]) if len(done) else done
    for (task, model), own in done.groupby(["task", "model"]):
        longest = int(own["length"].max())
        there = own.loc[own["length"] == longest, "token_accuracy"]
        seeds = kinds[(kinds["task"] == task) & (kinds["model"] == model)]
        found[str(task), str(model)] = Reach(
            half=_half(seeds),
            is_kept=len(seeds) > 0 and bool((seeds["kind"] == ABOVE).all()),
            longest=longest,
            right=float(there.mean()),
        )
    return found


def _half(seeds: pd.DataFrame) -> float | None:
    if seeds.empty:
        return None
    mean = mean_crossing(seeds, CURVE)["length"].iloc[0]
    return None if pd.isna(mean) else float(mean)


def percent(share: float) -> str:
    """Write a share, and never 100 % of what is not all."""
    if 0.995 <= share < 1 or 0 < share < 0.005:
        return (
            f"{100 * share:.1f} %"
            if 0.0005 <= share < 0.9995
            else "nearly " + ("all" if share > 0.5 else "none")
        )
    return f"{100 * share:.0f} %"


def finding(task: str, found: Mapping[tuple[str, str], Reach], labels: Mapping[str, str]) -> str:
    """Say in one sentence who loses half of the items of a task, and who does not."""
    own = {model: reach for (of_task, model), reach in found.items() if of_task == task}
    lost = {model: reach.half for model, reach in own.items() if reach.half is not None}
    kept = {model: reach for model, reach in own.items() if reach.is_kept}
    best = DOT if DOT in kept else max(kept, key=lambda each: kept[each].right, default="")
    if lost:
        loser = PLAIN if PLAIN in lost else max(lost, key=lambda each: lost[each])
        start = f"{labels[loser]} loses half of the items at length {lost[loser]:.0f}"
        if not best:
            return f"{start}."
        reach = kept[best]
        return (
            f"{start}. {labels[best]} still gets {percent(reach.right)} of {reach.longest} right."
        )
    if best:
        reach = kept[best]
        if len(kept) < len(own):
            return f"{labels[best]} gets {percent(reach.right)} of {reach.longest} items right."
        return f"No model loses half of the items by length {reach.longest}."
    return "These rows do not show where half of the items is lost."


def basis(material: Material) -> str:
    """Say what the verdict rests on: seeds, budget against the published one, what is missing."""
    rows = material.main
    seeds = sorted(int(each) for each in rows["seed"].unique())
    budgets = sorted(int(each) for each in rows["budget_updates"].unique())
    parts = [f"{counted(len(seeds), 'seed')}, {_budgets(budgets)}."]
    if len(seeds) < LEAST_SEEDS:
        parts.append("A first look: nothing is judged below 3 seeds.")
    missing = len(rows) - len(finished(rows))
    if missing:
        parts.append(f"{missing:,} of {counted(len(rows), 'row')} did not finish.")
    return " ".join(parts)


def _budgets(budgets: Sequence[int]) -> str:
    text = " and ".join(f"{each:,}" for each in budgets) + " updates at length 10"
    if budgets == [PUBLISHED_BUDGET]:
        return f"{text}, the published budget"
    if len(budgets) == 1:
        share = budgets[0] / PUBLISHED_BUDGET
        ratio = f"{share:g} times" if share >= 2 else f"{share:.0%}".replace("%", " % of")
        return f"{text}, {ratio} the published {PUBLISHED_BUDGET:,}"
    return f"{text} (published: {PUBLISHED_BUDGET:,})"


def settings(material: Material) -> list[str]:
    """List what a reader must know of the rows, a sentence each."""
    rows = material.main
    first = rows.iloc[0]
    seeds = sorted(int(each) for each in rows["seed"].unique())
    lines = [
        f"Seeds {spans(seeds, grid=range(seeds[0], seeds[-1] + 1))}.",
        f"Protocol {first['protocol']}.",
    ]
    if rows["hidden"].nunique() == rows["cell"].nunique() == rows["encoder"].nunique() == 1:
        text = model_settings(first["cell"], hidden=int(first["hidden"]), encoder=first["encoder"])
        lines.append(f"Recurrent models: {text}.")
    for name in SETTING_COLUMNS:
        if name in ("symbols", "channel_numbers", "channel_snr") or rows[name].nunique() == 1:
            continue
        by_value = rows.groupby(name)["model"].unique()
        texts = (
            f"{value} ({', '.join(material.looks[each].label for each in sorted(models))})"
            for value, models in by_value.items()
        )
        lines.append(f"{WORDS.get(name, name).capitalize()} differ: {'; '.join(texts)}.")
    others = material.accuracy["config_id"].nunique() - rows["config_id"].nunique()
    if others > 0:
        lines.append(
            f"The folder has {counted(others, 'further setting')}, shown under "
            "“Information or training?”."
        )
    return lines


def published_note(material: Material) -> str:
    """Name the grey lines, and what differs between them and the folder."""
    if material.reference.empty:
        return ""
    differing = []
    for name in WORDS:
        here, there = (
            sorted({str(each) for each in rows[name]})
            for rows in (material.main, material.reference)
        )
        if here != there and name != "symbols":
            texts = [", ".join(map(_grouped, values)) for values in (there, here)]
            differing.append(f"{WORDS[name]} {texts[0]} (here {texts[1]})")
    seeds = counted(int(material.reference["seed"].nunique()), "seed")
    if not differing:
        return f"Grey: the published rows, {seeds}, the same settings."
    return f"Grey: the published rows, {seeds}. They differ: {'; '.join(differing)}."


def _grouped(text: str) -> str:
    return f"{int(text):,}" if text.isdecimal() else text
