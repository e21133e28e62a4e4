"""All models of a folder in one table, the published ones beside them, and how each fails.

`model_table` makes a row for each model of a task and setting. `model_text` writes them for a
screen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from reports.selection.captions import counted
from reports.selection.curves import own_length_rows
from reports.tables.failing import HELPED, KEEPS, NOT_HELPED, way_of_failing
from results.schema.rows import OK, SETTING_COLUMNS
from results.stats.over_seeds import one_version
from results.stats.threshold_length import ABOVE, BELOW, crossings, mean_crossing
from results.wording import columns_of, told_apart

HERE, PUBLISHED = "here", "published"
LEAST_SEEDS = 3  # Below, nothing is said of who is better.
SHOWN_LENGTHS = 4
MARK, NOTHING = "> ", "-"
# Models of one table may differ in these, as each family has its own learning rate.
OF_A_MODEL = ("channel_numbers", "channel_snr", "learning_rate")
SHARED = [name for name in SETTING_COLUMNS if name not in (*OF_A_MODEL, "budget_updates")]
IN_THE_TITLE = ("symbols", "cell", "hidden", "embedding", "encoder")
BLOCK = ["task", "protocol", *SHARED]
# Where a block and its budget come from.
PART = ["origin", "budget_updates"]
TIMED_AS = ("cell", "hidden", "encoder", "device")
# Title, second line of the title, and columns of each number of a line, after the lengths.
COLUMNS = (
    ("half", "lost", "half_lost", 6),
    ("bits", "", "bits", 8),
    ("memory", "numbers", "memory_numbers", 8),
    ("para-", "meters", "parameters", 7),
    ("item", "trained", "train_rate", 8),
    ("s/second", "decoded", "decode_rate", 8),
)
LENGTH_COLUMNS = 4
LEAST_LABEL_COLUMNS = 16
WAY_COLUMNS = 16
LEGEND = (
    "Half lost: where items right fall half-way from all to the best constant answer.",
    "Bits: carried at the longest length. Memory: numbers from source to answer.",
    f"{KEEPS}: nine tenths of the way from there are kept. {HELPED}: given the true items",
    f"before (truth), half or more of the lost items are right. {NOT_HELPED}: fewer are.",
    "Loops: answers in samples.csv that end in a block that repeats.",
    "Items a second: one thread, timed alone, as in throughput.csv.",
)


@dataclass(frozen=True)
class Tables:
    """The tables of a folder; all but `rows`, of accuracy.csv, may be empty."""

    rows: pd.DataFrame
    timings: pd.DataFrame = field(default_factory=pd.DataFrame)
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)
    positions: pd.DataFrame = field(default_factory=pd.DataFrame)


def model_table(own: Tables, published: Tables | None = None) -> pd.DataFrame:
    """Describe every model of a folder, and the published ones of the same task and settings.

    The budget may differ: it is in the table. Lengths are those of the folder.

    Returns:
        A row for each model of each block: the columns of `BLOCK` and of `PART`; model;
        is_yours, for a model that was named by its builder; settings, which tell several lines of
        one model apart; seeds; lengths and rights, up to four; half_lost, a text; bits,
        target_bits, memory_numbers, parameters, train_rate, decode_rate, all at the longest
        length; and what `way_of_failing` finds there.

    Raises:
        ResultsError: A model is in the table with two versions of its code.
    """
    one_version(own.rows)
    rows = own_length_rows(own.rows)
    lines = []
    # Settings such as `layers` are empty where nobody chose them.
    for _, of_block in rows.groupby(BLOCK, sort=False, dropna=False):
        lengths = _few(sorted({*of_block["length"]}))
        # By the items right at the longest length, so that a place in the table is a rank.
        lines += sorted(_lines(of_block, own, lengths, origin=HERE), key=_rank)
        if published is not None:
            beside = own_length_rows(published.rows)
            for name in BLOCK:
                value = of_block[name].iloc[0]
                is_alike = beside[name].isna() if pd.isna(value) else beside[name] == value
                beside = beside[is_alike]
            # A published model that is nowhere near these lengths has nothing to say.
            if beside["length"].isin(lengths).any():
                of_these = _lines(beside, published, lengths, origin=PUBLISHED)
                lines += sorted(of_these, key=_rank)
    return pd.DataFrame(lines)


def _rank(line: Mapping[str, Any]) -> tuple[int, float]:
    alone = line["alone"]
    return line["budget_updates"], -1.0 if pd.isna(alone) else alone


def _few(lengths: Sequence[int]) -> tuple[int, ...]:
    """Pick evenly spread lengths, the shortest and the longest among them."""
    last, shown = len(lengths) - 1, min(SHOWN_LENGTHS, len(lengths))
    return tuple(int(lengths[round(i * last / max(1, shown - 1))]) for i in range(shown))


def _lines(
    rows: pd.DataFrame, tables: Tables, lengths: Sequence[int], *, origin: str
) -> Iterator[dict[str, Any]]:
    for _, of_line in rows.groupby(["budget_updates", "model", "config_id"], sort=False):
        first = of_line.iloc[0]
        finished = of_line[of_line["status"] == OK]
        means = finished.groupby("length")["token_accuracy"].mean()
        at_end = finished[finished["length"] == lengths[-1]]
        is_alike = rows["budget_updates"] == first["budget_updates"]
        twins = rows[is_alike & (rows["model"] == first["model"])]
        yield {
            **{name: first[name] for name in BLOCK},
            "origin": origin,
            "budget_updates": int(first["budget_updates"]),
            "model": str(first["model"]),
            "config_id": first["config_id"],
            "is_yours": ":" in first["model"] and origin == HERE,
            "settings": _varying(first, twins),
            "seeds": finished["seed"].nunique(),
            "lengths": tuple(lengths),
            "rights": tuple(means.get(length, float("nan")) for length in lengths),
            "half_lost": _half_lost(finished),
            "bits": at_end["carried_bits"].mean(),
            "target_bits": at_end["target_bits"].mean(),
            "memory_numbers": at_end["memory_numbers"].astype(float).mean(),
            "parameters": at_end["parameters"].astype(float).mean(),
            "train_rate": _rate("train_step", tables.timings, first, lengths[-1]),
            "decode_rate": _rate("decode", tables.timings, first, lengths[-1]),
            **way_of_failing(
                of_line, lengths[-1], samples=tables.samples, positions=tables.positions
            ),
        }


def _varying(line: Any, twins: pd.DataFrame) -> str:
    """Name the settings of a line that differ from those of the same model elsewhere."""
    return ", ".join(
        f"{name} {line[name]:g}"
        for name in OF_A_MODEL
        if twins[name].nunique(dropna=False) > 1 and not pd.isna(line[name])
    )


def _half_lost(rows: pd.DataFrame) -> str:
    """Write where a curve loses half, as the mean over seeds or a bound for all of them."""
    found = crossings(rows, "normalised_accuracy", ["model"])
    if found.empty:
        return NOTHING
    (mean,) = mean_crossing(found, ["model"]).to_dict("records")
    if not pd.isna(mean["length"]):
        return f"{mean['length']:.0f}"
    kinds = {*found["kind"]}
    if kinds == {BELOW}:
        return f"<{found['length'].min():.0f}"
    # A seed that loses half, and one that does not, share the bound of the earlier.
    is_bound = ABOVE in kinds and not found["length"].isna().any() and BELOW not in kinds
    return f">{found['length'].min():.0f}" if is_bound else NOTHING


def _rate(phase: str, timings: pd.DataFrame, line: Any, length: int) -> float:
    """Look up the items per second at a length, or the longest one timed below it."""
    # accuracy.csv has the rate of the training itself. It depends on what ran beside it.
    if timings.empty:
        return float("nan")
    its = timings[(timings["model"] == line["model"]) & (timings["status"] == OK)]
    its = its[(its["phase"] == phase) & (its["length"] <= length)]
    for name in TIMED_AS:
        its = its[its[name] == line[name]]
    longest = its[its["length"] == its["length"].max()]
    return float(longest["tokens_per_second"].mean())


def model_text(table: pd.DataFrame, *, columns: int = 80) -> str:
    """Write the table for a screen of so many columns, a block for each task and setting."""
    if table.empty:
        return "No model has finished a length yet."
    several = [
        name
        for name in SHARED
        if name not in IN_THE_TITLE and table[name].nunique(dropna=False) > 1
    ]
    texts = [
        "\n".join([*_numbers(block, several, columns), "", *_failures(block, columns)])
        for _, block in table.groupby(BLOCK, sort=False, dropna=False)
    ]
    return "\n\n".join([*texts, "\n".join(LEGEND)])


def _numbers(block: pd.DataFrame, several: Sequence[str], columns: int) -> Iterator[str]:
    first = block.iloc[0]
    lengths = first["lengths"]
    # The task has as many bits for each model.
    of_bits = "" if pd.isna(bits := block["target_bits"].max()) else f"of {bits:,.0f}"
    upper, lower = "", ""
    for length in lengths:
        lower += f"{length:>{max(LENGTH_COLUMNS, len(str(length)) + 1)}}"
    upper = f"{'items right at':>{len(lower)}}" if len(lower) > 14 else " right"[: len(lower)]
    for top, bottom, _, width in COLUMNS:
        upper += f"{top:>{width}}"
        lower += f"{bottom or of_bits:>{width}}"
    labels = _labels(block, columns - max(len(upper), len(lower)))
    width = max(map(columns_of, labels.values()))
    extra = "".join(f", {name} {first[name]:g}" for name in several if not pd.isna(first[name]))
    yield (
        f"{told_apart([first['task']])[first['task']]}: {first['symbols']} symbols, "
        f"{first['protocol']}, {first['cell']} of {first['hidden']} units, "
        f"encoder {first['encoder']}{extra}"
    )
    yield (" " * width + upper).rstrip()
    yield " " * width + lower
    for (origin, budget), part in block.groupby(PART, sort=False):
        seeds = sorted({*part["seeds"]})
        span = counted(seeds[-1], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
        yield f"{origin}, at most {budget:,} updates a stage, {span}"
        for index, line in part.iterrows():
            cells = [
                f"{_share(right):>{max(LENGTH_COLUMNS, len(str(length)) + 1)}}"
                for length, right in zip(lengths, line["rights"], strict=True)
            ]
            cells += [f"{_cell(line[name], name):>{wide}}" for *_, name, wide in COLUMNS]
            yield _padded(labels[index], width) + "".join(cells)


def _failures(block: pd.DataFrame, columns: int) -> Iterator[str]:
    own = block[block["origin"] == HERE]
    titles = (
        ("", "", WAY_COLUMNS),
        ("right", "alone", 6),
        ("given", "truth", 7),
        ("first", "1/4", 7),
        ("last", "1/4", 6),
        ("loops", "", 8),
    )
    labels = _labels(own, columns - sum(width for *_, width in titles))
    width = max(map(columns_of, labels.values()), default=0)
    heading = f"how it fails at {own['lengths'].iloc[0][-1]}"
    upper = "".join(f"{top:>{wide}}" for top, _, wide in titles)
    lower = "".join(f"{bottom:>{wide}}" for _, bottom, wide in titles)
    gap = " " * width
    yield heading + (gap + upper)[len(heading) :]
    yield (gap + lower).rstrip()
    for index, line in own.iterrows():
        loops = f"{line['looping']} of {line['answers']}" if line["answers"] else NOTHING
        shares = [_share(line[name]) for name in ("alone", "given", "first", "last")]
        cells = zip((*shares, loops), (wide for *_, wide in titles[1:]), strict=True)
        text = "".join(f"{cell:>{wide}}" for cell, wide in cells)
        yield f"{_padded(labels[index], width)}  {line['way']:<{WAY_COLUMNS - 2}}{text}"


def _labels(lines: pd.DataFrame, most: int) -> Mapping[Any, str]:
    """Name the lines with a mark for yours, in as many columns as there are left."""
    most = max(LEAST_LABEL_COLUMNS, most - len(MARK) - 1)
    found = list(lines[["model", "settings", "is_yours"]].itertuples(index=False, name=None))
    texts = [f"{model}, {settings}" if settings else model for model, settings, _ in found]
    short = told_apart(texts, most=most)
    marks = [MARK if is_yours else " " * len(MARK) for *_, is_yours in found]
    labels = (mark + short[text] for mark, text in zip(marks, texts, strict=True))
    return dict(zip(lines.index, labels, strict=True))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns_of(text))


def _cell(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return NOTHING
    if name == "bits":
        return f"{value:,.0f}"
    if name == "memory_numbers" and value < 100_000:
        return f"{value:,.0f}"
    return _short(value)


def _short(number: float) -> str:
    """Write a number with three digits at least: 950, 9.1k, 48.2k, 285k, 1.2M."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.{0 if number >= 100 * unit else 1}f}{letter}"
    return f"{number:.0f}"


def _share(value: float) -> str:
    """Write a fraction without its nought; only 1 itself is written as 1."""
    if pd.isna(value):
        return NOTHING
    return "1.0" if value == 1 else f"{min(value, 0.99):.2f}".removeprefix("0")
