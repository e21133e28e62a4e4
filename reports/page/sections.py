"""What the sections of curves and tables show, from rows to charts and cells."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from reports.page.charts import PUBLISHED, Axis, Chart, Line
from reports.page.material import DOT, PLAIN, Material, finished
from reports.page.story import Reach, finding, percent, reaches
from reports.selection.captions import counted
from reports.selection.channel import BUDGET, NOISE, with_channel
from reports.selection.looks import DASHED, DOTTED, SOLID, labels_of
from reports.tables.models import PART, Tables, model_table
from results.schema.rows import OK, PHASES, SETTING_COLUMNS

USUAL_SNR = 3.0
RIGHT = "items right, answered alone"


def points_of(rows: pd.DataFrame, y: str, *, x: str = "length") -> pd.DataFrame:
    """Name columns as a line needs them."""
    return pd.DataFrame(
        {
            "seed": rows["seed"].astype(int),
            "x": rows[x].astype(float),
            "y": rows[y].astype(float),
            "record_id": rows["record_id"],
        }
    )


def length_axis(rows: pd.DataFrame) -> Axis:
    """Span the lengths of some rows."""
    low, high = float(rows["length"].min()), float(rows["length"].max())
    return Axis("length of the sequence, items", "length", low, high)


# Charts.


def accuracy_charts(material: Material, found: dict[tuple[str, str], Reach]) -> Iterator[Chart]:
    """Draw the share of items right against the length, a chart a task, published rows in grey."""
    labels = {name: look.label for name, look in material.looks.items()}
    for task, title in material.tasks.items():
        own = material.main[material.main["task"] == task]
        published = material.reference
        published = published[
            (published["task"] == task) & published["length"].between(*_ends(own["length"]))
        ]
        floor = (
            own.dropna(subset="constant_accuracy").groupby("length")["constant_accuracy"].first()
        )
        yield Chart(
            name=f"accuracy-{list(material.tasks).index(task)}",
            title=f"{_upper(title)}: {finding(task, found, labels)}",
            x=length_axis(own),
            y=Axis(RIGHT, "token_accuracy", 0, 1, is_share=True),
            lines=[
                *_lines(published, material, look=PUBLISHED, source="published"),
                *_lines(own, material, source="this folder"),
            ],
            task=task,
            has_cursor=True,
            floor=[(float(x), float(y)) for x, y in floor.items()],  # type: ignore[arg-type]
            floor_label="best constant answer",
            grey=_grey(published),
        )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _grey(published: pd.DataFrame) -> str:
    budgets = sorted(int(each) for each in published[BUDGET].unique()) if len(published) else []
    return f"grey: published, {budgets[0]:,} updates" if len(budgets) == 1 else ""


def _ends(values: "pd.Series[Any]") -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _lines(
    rows: pd.DataFrame,
    material: Material,
    *,
    source: str,
    look: str = "",
    y: str = "token_accuracy",
    x: str = "length",
) -> Iterator[Line]:
    done = finished(rows)
    for place, (model, style) in enumerate(material.looks.items()):
        own = done[done["model"] == model] if len(done) else done
        if own.empty:
            continue
        yield Line(
            f"{style.label}, published" if look else style.label,
            look or f"m{place}",
            points_of(own, y, x=x),
            constants={
                "rows": source,
                "task": str(own["task"].iloc[0]),
                "model": model,
                "budget_updates": int(own[BUDGET].iloc[0]),
            },
            dash=style.dash,
            mark="" if look else style.marker,
            model=model,
        )


def _series(
    rows: pd.DataFrame, column: str, label: str, *, y: str, x: str = "length"
) -> Iterator[Line]:
    """Draw a line for each value of a setting, from little to much."""
    values = sorted(rows[column].dropna().unique())
    for place, value in enumerate(values):
        own = rows[rows[column] == value]
        shade = round(place * 4 / max(1, len(values) - 1))  # The sixth is for more than five.
        yield Line(
            label.format(value),
            f"s{shade}",
            points_of(own, y, x=x),
            constants={
                "task": str(own["task"].iloc[0]),
                "model": str(own["model"].iloc[0]),
                column: value.item() if hasattr(value, "item") else value,
            },
            dash=(SOLID, DASHED, DOTTED)[place % 3],
            mark="osdv^"[place % 5],
        )


def information_charts(material: Material) -> list[tuple[str, Chart]]:
    """Draw what budget, state and a channel of known capacity change, as far as there are rows.

    Returns:
        The name of the switch, and its chart.
    """
    rows = finished(material.information)
    charts = []
    for column, switch, label, noun in (
        (BUDGET, "More training", "{:,} updates", "budget"),
        ("hidden", "A larger state", "{:,} units", "state"),
    ):
        own = _varied(rows, column)
        if own.empty:
            continue
        halves = _half_by(own, column)
        charts.append(
            (
                switch,
                Chart(
                    name=f"information-{noun}",
                    title=_moved(halves, noun),
                    x=length_axis(own),
                    y=Axis(RIGHT, "token_accuracy", 0, 1, is_share=True),
                    lines=[*_series(own, column, label, y="token_accuracy")],
                    note=_varied_note(material, own, column),
                ),
            )
        )
    channel = _channel(rows)
    if len(channel):
        low, high = _ends(channel["target_bits"])
        charts.append(
            (
                "A state of known capacity",
                Chart(
                    name="information-channel",
                    title="A state that can pass few bits is full once the answer has more.",
                    x=Axis("bits in the answer", "target_bits", low, high, is_log=True),
                    y=Axis(
                        "bits carried",
                        "carried_bits",
                        max(1.0, float(channel["carried_bits"].min())),
                        float(channel["carried_bits"].max()),
                        is_log=True,
                    ),
                    lines=[
                        *_series(
                            channel, "capacity_bits", "{:g} bits", y="carried_bits", x="target_bits"
                        )
                    ],
                    note="The capacity is half of the numbers times log2(1 + signal / noise).",
                ),
            )
        )
    return charts


def _varied_note(material: Material, rows: pd.DataFrame, column: str) -> str:
    name = str(rows["model"].iloc[0])
    seeds = rows.groupby(column)["seed"].nunique()
    is_own = rows["record_id"].isin(material.accuracy["record_id"])
    origin = "" if is_own.all() else " The rows are published ones." if not is_own.any() else (
        " The rows are of this folder and published ones."
    )  # fmt: skip
    return (
        f"{labels_of([name])[name]} on {rows['task'].iloc[0]}. All else is the same. "
        f"Seeds, in this order: {', '.join(map(str, seeds))}.{origin}"
    )


def _varied(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Keep the rows of the task, model and settings that were tried with most values of one."""
    # The embedding is half of the state: the two change together.
    names = ["task", "model", "protocol"]
    names += [each for each in SETTING_COLUMNS if each not in (column, "embedding")]
    if column != "hidden":
        names.append("embedding")
    if rows.empty:
        return rows
    groups = rows[rows["model"] != NOISE].groupby(names, dropna=False)
    best: tuple[Any, ...] = (1,)
    chosen = rows[:0]
    for key, own in groups:
        is_usual = (key[1] == PLAIN, key[0] == "copy")
        score = (own[column].nunique(), *is_usual, len(own))
        if score[0] > 1 and score > best:
            best, chosen = score, own
    return chosen


def _half_by(rows: pd.DataFrame, column: str) -> list[tuple[Any, float | None]]:
    found = []
    for value, own in rows.groupby(column):
        (reach,) = reaches(own).values()
        found.append((value, reach.half))
    return found


def _moved(halves: Sequence[tuple[Any, float | None]], noun: str) -> str:
    known = [(value, half) for value, half in halves if half is not None]
    if len(known) < 2:
        return f"Items right against the length, by {noun}."
    (first, before), (last, after) = known[0], known[-1]
    more = f"{last / first:.0f} times the {noun}"
    return f"With {more}, half is lost at length {after:.0f} in place of {before:.0f}."


def _channel(rows: pd.DataFrame) -> pd.DataFrame:
    if "capacity_bits" not in rows or rows.empty:
        return rows[:0]
    own = with_channel(rows)
    own = own[(own["model"] == NOISE) & own["capacity_bits"].notna() & (own["task"] == "copy")]
    if own.empty:
        return own
    # Other ratios check that it is the capacity that counts, and not how it is made.
    is_usual = own["channel_snr"] == USUAL_SNR
    own = own[is_usual if is_usual.any() else own["channel_snr"] == own["channel_snr"].max()]
    return own[own[BUDGET] == own[BUDGET].min()]


def beyond_charts(material: Material) -> list[Chart]:
    """Draw accuracy at lengths beyond the one trained for, of the stage trained to the longest."""
    rows = finished(material.beyond)
    rows = rows[rows["model"].isin(material.looks)] if len(rows) else rows
    charts = []
    for task in material.tasks:
        own = rows[rows["task"] == task] if len(rows) else rows
        # The longest stage that has longer tests, in one configuration.
        longer = own[own["length"] > own["train_length"]] if len(own) else own
        if longer.empty:
            continue
        longest = int(longer["train_length"].max())
        config = longer.loc[longer["train_length"] == longest, "config_id"].iloc[0]
        own = own[(own["train_length"] == longest) & (own["config_id"] == config)]
        own = own[own["model"].isin(longer["model"])]
        ends = own.groupby(["model", "length"])["token_accuracy"].mean()
        last = int(own["length"].max())
        at_end = {model: ends[model, last] for model in ends.index.get_level_values(0).unique()
                  if (model, last) in ends.index}  # fmt: skip
        best = DOT if DOT in at_end else max(at_end, key=lambda each: at_end[each])
        charts.append(
            Chart(
                name=f"beyond-{list(material.tasks).index(task)}",
                title=(
                    f"{_upper(material.tasks[task])}: trained to {longest}, "
                    f"{material.looks[best].label} gets {percent(at_end[best])} of {last} right."
                ),
                x=length_axis(own),
                y=Axis(RIGHT, "token_accuracy", 0, 1, is_share=True),
                lines=[*_lines(own, material, source=_source(material, own))],
                task=task,
                has_bands=False,  # Of three seeds that differ so much they would fill the chart.
            )
        )
    return charts


def _source(material: Material, rows: pd.DataFrame) -> str:
    is_own = rows["record_id"].isin(material.accuracy["record_id"]).any()
    return "this folder" if is_own else "published"


# Cost, and the models side by side.


def cost_rows(material: Material) -> dict[str, Any]:
    """Lay out items per second and memory at the longest length that was timed."""
    rows = material.throughput
    done = rows[(rows["status"] == OK) & rows["model"].isin(material.looks)]
    if done.empty:
        return {}
    length = int(done["length"].max())
    at = done[done["length"] == length]
    fastest = at.groupby("phase")["tokens_per_second"].max()
    table, has_noisy = [], False
    for model, look in material.looks.items():
        own = at[at["model"] == model].drop_duplicates("phase").set_index("phase")
        if own.empty:
            continue
        cells = []
        for phase in PHASES:
            rate = own["tokens_per_second"].get(phase)
            is_noisy = own["noise"].get(phase) == "noisy"
            has_noisy = has_noisy or is_noisy
            is_known = rate is not None and not pd.isna(rate)
            cells.append(
                {
                    "text": f"{rate:,.0f}" if is_known else "–",
                    "share": round(100 * float(rate / fastest[phase])) if is_known else 0,
                    "noisy": is_noisy,
                }
            )
        memory = own["peak_memory_bytes"].max()
        table.append(
            {
                "label": look.label,
                "cells": cells,
                "memory": "–" if pd.isna(memory) else f"{memory / 2**20:,.1f}",
            }
        )
    first = done.iloc[0]
    device = first["device_name"] if not pd.isna(first["device_name"]) else first["device"]
    return {
        "length": length,
        "rows": table,
        "device": device,
        "threads": int(first["threads"]),
        "has_noisy": has_noisy,
    }


def model_rows(material: Material) -> list[dict[str, Any]]:
    """Lay all models side by side, task by task: size, items right, bits, speed, how they fail."""
    # How a model fails is asked at the longest length alone: the other rows would take a second.
    longest = {*material.main.groupby("task")["length"].max()}
    own = Tables(
        material.main,
        timings=material.throughput,
        samples=_of_lengths(material.samples, longest),
        positions=_of_lengths(material.positions, longest),
    )
    published = (
        None
        if material.reference.empty
        else Tables(material.reference, timings=material.published_throughput)
    )
    table = model_table(own, published)
    labels = labels_of(table["model"])
    return [
        {
            "task": task,
            "lengths": block["lengths"].iloc[0],
            "bits": _whole(block["target_bits"].max()),
            "parts": [
                {
                    "title": f"{origin}, {budget:,} updates, "
                    f"{counted(int(lines['seeds'].max()), 'seed')}",
                    "rows": [_model_cells(line, labels) for _, line in lines.iterrows()],
                }
                for (origin, budget), lines in block.groupby(PART, sort=False)
            ],
        }
        for task, block in ((task, table[table["task"] == task]) for task in material.tasks)
        if len(block)
    ]


def _of_lengths(rows: pd.DataFrame, lengths: Collection[int]) -> pd.DataFrame:
    return rows[rows["length"].isin(lengths)] if len(rows) else rows


def _model_cells(line: "pd.Series[Any]", labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "label": labels[line["model"]],
        "is_yours": line["is_yours"],
        "cells": [
            *(_share(right) for right in line["rights"]),
            line["half_lost"],
            *(_whole(line[name]) for name in ("bits", "memory_numbers", "parameters")),
            *(_whole(line[name]) for name in ("train_rate", "decode_rate")),
        ],
        "way": _way(line),
    }


def _way(line: "pd.Series[Any]") -> str:
    given = "" if pd.isna(line["given"]) else f", {_share(line['given'])}"
    loops = f"; loops in {line['looping']} of {line['answers']}" if line["looping"] else ""
    return f"{line['way']}{given}{loops}"


def _whole(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:,.0f}"


def _share(value: Any) -> str:
    if value is None or pd.isna(value):
        return "–"
    # What is not all right must not read as if it were.
    return "> .99" if 0.995 <= value < 1 else f"{value:.2f}".removeprefix("0")
