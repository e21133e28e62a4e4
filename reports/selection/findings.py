"""The titles of the figures: the finding where rows support it, else what is drawn.

A rule says no more than its rows do: every seed has to agree, and shares are rounded away from
0 % and 100 %. Budget, seeds and settings are in the caption.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.selection.channel import BUDGET, CONTROL, Channel, efficiency, half_lengths
from reports.selection.memory import ALL_BITS
from results.claims.evidence import ATTENTION, PLAIN
from results.schema.probe_rows import CONTEXT, DECODER, INITIAL, TRAINED, TRUTH
from results.schema.rows import OK
from results.stats.threshold_length import AT, crossings, mean_crossing
from results.wording import told_apart

DONE = {"copy": "copied", "reverse": "reversed", "sort": "sorted"}
NAMES = {"seq2seq+dot": "dot attention", "seq2seq+additive": "additive attention"}
LEAST_GAP = 0.1  # A difference of shares that is worth a title.
RIGHT = 0.5
FOLDS = 10.0
MOSTLY = 0.9
DIFFUSE = 0.25
SIMILAR = 1.05
MOST_COLUMNS = 30


@dataclass(frozen=True)
class Title:
    """How a figure is called where no finding is supported, and the rule of its finding."""

    neutral: str
    rule: Callable[..., str]


def title_of(name: str, rows: pd.DataFrame | Channel, **about: object) -> str:
    """Write the title of a figure.

    Args:
        name: Of the figure, without what follows where a folder has several of it.
        rows: What it is drawn from, of one configuration.
        about: What the figure shows of them: a task, a length, a measure.
    """
    title = TITLES[name]
    shown = {key: _name(str(value)) for key, value in about.items()}
    return title.rule(rows, **about) or title.neutral.format(**shown)


def percent(share: float) -> str:
    """Write a share without a fraction; never 0 % or 100 % for what is neither."""
    text = f"{share:.0%}".replace("%", " %")
    if 0 < share < 1 and text in ("0 %", "100 %"):
        return "less than 1 %" if text == "0 %" else "over 99 %"
    return text


def _task(rows: pd.DataFrame) -> str:
    """Choose the task that a title is about: copy if it is there."""
    tasks = sorted(map(str, rows["task"].unique()))
    return next((task for task in DONE if task in tasks), tasks[0])


def _name(text: str) -> str:
    """Write a name as a few columns of plain text."""
    return told_apart([text], most=MOST_COLUMNS)[text]


def _done(task: str) -> str:
    """Write a task as an adjective of its items."""
    return DONE.get(task, _name(task))


def _by_seed(rows: pd.DataFrame, model: str, column: str) -> "pd.Series[float]":
    """Average a column over the rows of each seed; empty unless every row has a value."""
    mine = rows[rows["model"] == model]
    values = mine[column].astype(float)
    if "status" in mine:
        values = values.where(mine["status"] == OK)
    return values.groupby(mine["seed"]).mean() if values.notna().all() else values[:0]


def _attention(rows: pd.DataFrame) -> str:
    """Choose the attention that a title is about."""
    return next((name for name in ATTENTION if (rows["model"] == name).any()), "")


def _pair(
    rows: pd.DataFrame, column: str, *, least: float = 0.0
) -> tuple[float, float, str] | None:
    """Compare the plain model with one of attention; none unless every seed of it is above.

    Returns:
        The mean without attention, that with it, and the name of the attention.
    """
    name = _attention(rows)
    plain, other = _by_seed(rows, PLAIN, column), _by_seed(rows, name, column)
    if plain.empty or other.empty or other.min() - plain.max() <= least:
        return None
    return float(plain.mean()), float(other.mean()), NAMES[name]


def _at_longest(rows: pd.DataFrame) -> tuple[str, int, pd.DataFrame]:
    task = _task(rows)
    mine = rows[rows["task"] == task]
    length = int(mine["length"].max())
    return task, length, mine[mine["length"] == length]


def _half(rows: pd.DataFrame, task: str, model: str) -> float | None:
    """Find where half is lost, as a geometric mean; none unless every seed has such a length."""
    mine = rows[(rows["task"] == task) & (rows["model"] == model) & (rows["status"] == OK)]
    found = crossings(mine, "normalised_accuracy", ["task", "model"])
    missing = set(rows.loc[rows["model"] == model, "seed"]) - set(found["seed"])
    if found.empty or missing:
        return None
    mean = mean_crossing(found, ["task", "model"])["length"].iloc[0]
    return None if pd.isna(mean) else float(mean)


def accuracy(rows: pd.DataFrame) -> str:
    """Say where half is lost without attention, and what is right at the longest with it."""
    task, length, longest = _at_longest(rows)
    half = _half(rows, task, PLAIN)
    pair = _pair(longest, "token_accuracy", least=LEAST_GAP)
    if half is None:
        return ""
    lost = f"Without attention, half of a {_done(task)} sequence is lost at {half:.0f} items"
    if pair is None:
        # The finding of the whole figure needs both, if both are there.
        return "" if _attention(rows) else lost
    _, share, name = pair
    return f"{lost}; with {name} {percent(share)} of {length} are right"


def teacher_forced(rows: pd.DataFrame) -> str:
    """Say where the model loses most to reading its own answers."""
    task = _task(rows)
    mine = rows[(rows["task"] == task) & (rows["model"] == PLAIN) & (rows["status"] == OK)]
    if mine.empty:
        return ""
    alone, given = mine["token_accuracy"], mine["teacher_forced_token_accuracy"]
    table = mine.assign(gap=given - alone)
    length = int(str(table.groupby("length")["gap"].mean().idxmax()))
    at = table[table["length"] == length]
    if not (at["gap"] >= LEAST_GAP).all():
        return ""
    right, by_itself = (
        percent(float(at[name].mean()))
        for name in ("teacher_forced_token_accuracy", "token_accuracy")
    )
    return (
        f"Given the true items before it, Seq2Seq has {right} of {length} {_done(task)} items "
        f"right, and by itself {by_itself}"
    )


def sequence_accuracy(rows: pd.DataFrame) -> str:
    """Say from which length on no sequence is right without attention, and how many with it."""
    task = _task(rows)
    mine = rows[rows["task"] == task]
    for length, at in mine.groupby("length"):
        pair = _pair(at, "sequence_accuracy", least=LEAST_GAP)
        if pair is not None and _by_seed(at, PLAIN, "sequence_accuracy").max() < 0.01:
            return (
                f"Without attention, less than 1 % of the sequences of {length} items are "
                f"{_done(task)} without an error; with {pair[2]} {percent(pair[1])}"
            )
    return ""


def carried_bits(rows: pd.DataFrame) -> str:
    """Say how many bits of the longest target reach the answer."""
    task, length, longest = _at_longest(rows)
    pair = _pair(longest, "carried_bits")
    if pair is None:
        return ""
    total = float(longest["target_bits"].astype(float).mean())
    return (
        f"At this budget, {pair[0]:.0f} of the {total:.0f} bits of {length} {_done(task)} items "
        f"reach the answer without attention, and {pair[1]:.0f} with {pair[2]}"
    )


def budget(rows: pd.DataFrame) -> str:
    """Say by how much a larger budget moves the length at which half is lost."""
    task = _task(rows)
    model = str(rows["model"].iloc[0])
    mine = rows[(rows["task"] == task) & (rows["status"] == OK)]
    found = half_lengths(mine)
    least, most = int(found[BUDGET].min()), int(found[BUDGET].max())
    short, long = found[found[BUDGET] == least], found[found[BUDGET] == most]
    if (found["kind"] != AT).any() or long["length"].min() <= short["length"].max():
        return ""
    before, after = mean_crossing(found, [BUDGET]).set_index(BUDGET).loc[[least, most], "length"]
    name = "Seq2Seq" if model == PLAIN else NAMES.get(model, _name(model))
    return (
        f"With {most / least:.3g} times the budget, {name} loses half of a {_done(task)} sequence "
        f"at {after:.0f} items instead of {before:.0f}"
    )


def channel(found: Channel) -> str:
    """Say that nothing exceeds its channel, and what share long targets fill at least budget."""
    shares = efficiency(found)
    shares = shares[(shares["model"] != CONTROL) & (shares[BUDGET] == found.least_budget)]
    points = found.points[found.points["model"] != CONTROL]
    if shares.empty or points["share"].max() > 1:
        return ""
    low, high = (percent(float(end)) for end in (shares["share"].min(), shares["share"].max()))
    share = low if low == high else f"{low.removesuffix(' %')} to {high}"
    sizes = sorted(shares["capacity"].unique())
    across = f"{sizes[0]:g} bits" if len(sizes) == 1 else f"{sizes[0]:g} to {sizes[-1]:g} bits"
    return (
        f"No model carries more bits than its channel passes; long sequences fill {share} of "
        f"{across}"
    )


def memory(points: pd.DataFrame) -> str:
    """Say how many bits a number carries where the state is fixed, and where memory grows."""
    points = points[points["task"] == _task(points)]
    longest = points[points["length"] == points["length"].max()]
    is_fixed = points.groupby("model")["memory_numbers"].nunique() == 1
    is_full = longest.groupby("model")["share"].max() < ALL_BITS
    is_free = longest.groupby("model")["share"].min() >= ALL_BITS
    fixed = [name for name in is_full.index if is_fixed[name] and is_full[name]]
    growing = [name for name in is_free.index if not is_fixed[name] and is_free[name]]
    if not fixed or not growing or points["length"].nunique() < 2:
        return ""
    of_fixed = longest[longest["model"].isin(fixed)]
    each = (of_fixed["carried_bits"] / of_fixed["memory_numbers"]).groupby(of_fixed["model"]).mean()
    low, high = f"{each.min():.2g}", f"{each.max():.2g}"
    bits = f"{low} bit{'s' * (low != '1')}" if low == high else f"{low} to {high} bits"
    return (
        f"Of {longest['length'].max()} {_done(_task(points))} items, a state of fixed size carries "
        f"{bits} for each of its numbers; memory that grows with the source carries all"
    )


def beyond(rows: pd.DataFrame, *, trained: int) -> str:
    """Say what attention loses beyond the length trained for."""
    task, name = _task(rows), _attention(rows)
    mine = rows[(rows["task"] == task) & (rows["train_length"] == trained)]
    own = _by_seed(mine[mine["length"] == trained], name, "token_accuracy")
    far = int(mine["length"].max())
    longer = _by_seed(mine[mine["length"] == far], name, "token_accuracy")
    if own.empty or longer.empty or own.min() - longer.max() < LEAST_GAP:
        return ""
    return (
        f"Beyond the {trained} items trained for, {NAMES[name]} falls off: {percent(own.mean())} "
        f"of {trained} {_done(task)} items are right, and {percent(longer.mean())} of {far}"
    )


def positions(rows: pd.DataFrame, *, task: str) -> str:
    """Say how many of the first items of the longest answers are right, and no others."""
    mine = rows[rows["task"] == task]
    length = int(mine["length"].max())
    at = mine[mine["length"] == length]
    first = _first_right(at, PLAIN)
    if not first or first == length:
        return ""
    text = f"Of {length} {_done(task)} items, Seq2Seq has the first {first} right more often than "
    text += "not, and no other"
    name = _attention(at)
    return f"{text}; {NAMES[name]} has all" if name and _first_right(at, name) == length else text


def _first_right(rows: pd.DataFrame, model: str) -> int:
    """Count the first positions that are right more often than not; 0 if others are as well."""
    mine = rows[rows["model"] == model].sort_values("output_item")
    means = mine.groupby("output_item")["token_accuracy"].mean()
    for values in (means, *(each for _, each in mine.groupby("seed")["token_accuracy"])):
        is_right = (values > RIGHT).to_numpy()
        if not is_right[: is_right.sum()].all():
            return 0
    return int((means > RIGHT).sum())


def errors(rows: pd.DataFrame) -> str:
    """Say how answers go wrong: by slips, or altogether."""
    task, length, longest = _at_longest(rows)
    table = longest[longest["wrong_items"] > 0]
    table = table.assign(share=table["edit_distance_items"] / table["wrong_items"])
    name = _attention(table)
    plain, other = _by_seed(table, PLAIN, "share"), _by_seed(table, name, "share")
    if plain.empty or other.empty or other.max() > RIGHT or plain.min() < MOSTLY - LEAST_GAP:
        return ""
    return (
        f"At {length} {_done(task)} items, answers with {NAMES[name]} slip by a place: "
        f"{other.mean():.2f} edits repair a wrong item; without attention it takes "
        f"{plain.mean():.2f}"
    )


def corruption(rows: pd.DataFrame, *, length: int) -> str:
    """Say what one wrong item costs the item after it."""
    task = _task(rows)
    after = rows[(rows["task"] == task) & (rows["items_after"] == 1)]
    intact = _by_seed(after, PLAIN, "intact_accuracy")
    harmed = _by_seed(after, PLAIN, "corrupted_accuracy")
    if intact.empty or (intact - harmed).min() < LEAST_GAP:
        return ""
    return (
        f"At {length} {_done(task)} items, Seq2Seq has the item after a wrong one right in "
        f"{percent(harmed.mean())} of the sequences, and in {percent(intact.mean())} without it"
    )


def alignment(rows: pd.DataFrame) -> str:
    """Say how much weight is within one rank of the item that is needed."""
    sort = rows[rows["task"] == "sort"]
    task, length, longest = _at_longest(sort if len(sort) else rows)
    name = _attention(longest)
    mass = _by_seed(longest, name, "near_rank_mass") if name else pd.Series(dtype=float)
    if mass.empty:
        return ""
    return (
        f"Of the weight of {NAMES[name]}, {percent(mass.mean())} is on the {_done(task)} item that "
        f"is needed or a neighbour in rank, at {length} items"
    )


def influence(rows: pd.DataFrame, *, length: int) -> str:
    """Say how unlike the inputs count in the final state before and after training."""
    task = _task(rows)
    mine = rows[
        (rows["task"] == task) & (rows["model"] == PLAIN) & (rows["measure"] == CONTEXT)
    ].astype({"effect": float})
    folds = {}
    for parameters in (INITIAL, TRAINED):
        effects = mine[mine["parameters"] == parameters].groupby("seed")["effect"]
        if not effects.ngroups or not (effects.min() > 0).all():
            return ""
        folds[parameters] = effects.max() / effects.min()
    if (folds[INITIAL] / folds[TRAINED]).min() < FOLDS:
        return ""
    before, after = (
        f"{float(f'{np.exp(np.log(each).mean()):.2g}'):,.0f}" for each in folds.values()
    )
    return (
        f"Before training, {length} inputs differ {before}-fold in how much they move the state of "
        f"Seq2Seq; after it, {after}-fold"
    )


def state(rows: pd.DataFrame, *, length: int) -> str:
    """Say how many bits a fresh decoder reads from the frozen state."""
    task = _task(rows)
    mine = rows[
        (rows["task"] == task) & (rows["model"] == PLAIN) & (rows["probe"] == DECODER)
    ].astype({"bits": float})
    if mine.empty:
        return ""
    total = mine.groupby("seed")["bits"].sum().mean()
    return (
        f"A fresh decoder reads {total:.0f} bits of {length} {_done(task)} items from the frozen "
        "state of Seq2Seq"
    )


def attention_map(rows: pd.DataFrame, *, task: str, length: int, measure: str) -> str:
    """Say whether each output item looks at its source item, or, on average, at none."""
    here = rows[(rows["task"] == task) & (rows["length"] == length)]
    drawn, place = here[here["measure"] == measure], ["output_item", "source_item"]
    if drawn.empty:
        return ""
    if drawn["value"].max() < DIFFUSE:
        return f"Averaged over sequences, attention has no fixed place to look at in {_name(task)}"
    truth = here[(here["measure"] == TRUTH) & (here["value"] > RIGHT)]
    true = drawn.merge(truth[["model", *place]], on=["model", *place])
    hits = (true["value"] > RIGHT).groupby(true["model"]).mean()
    if set(hits.index) != set(drawn["model"]) or hits.min() < MOSTLY:
        return ""
    return f"Attention looks at the source item that each {_done(task)} item comes from"


def weights(rows: pd.DataFrame, *, task: str) -> str:
    """Count for how many outputs of one sequence the largest weight is on the right symbol."""
    mine = rows[(rows["task"] == task) & (rows["model"] == _attention(rows))]
    if mine.empty:
        return ""
    most = mine.loc[mine.groupby("output_item")["weight"].idxmax()]
    right = int((most["source_symbol"] == most["target_symbol"]).sum())
    return (
        f"In one {_done(task)} sequence, {NAMES[_attention(rows)]} looks most at the right symbol "
        f"for {right} of {len(most)} outputs"
    )


def occlusion_map(rows: pd.DataFrame, *, task: str, length: int, measure: str) -> str:
    """Say whether replacing an input harms most the output that is copied from it."""
    here = rows[(rows["task"] == task) & (rows["length"] == length)]
    drawn = here[here["measure"] == measure]
    truth = here[(here["measure"] == TRUTH) & (here["value"] > RIGHT)]
    if drawn.empty or truth.empty:
        return ""
    worst = drawn.loc[drawn.groupby(["model", "output_item"])["value"].idxmax()]
    names = ["model", "output_item", "source_item"]
    hits = worst.merge(truth[names], on=names).groupby("model").size()
    models = [name for name in (*ATTENTION, PLAIN) if (drawn["model"] == name).any()]
    is_hit = {name: hits.get(name, 0) >= MOSTLY * (worst["model"] == name).sum() for name in models}
    having = [NAMES[name] for name in models if is_hit[name] and name in NAMES]
    if not having:
        return ""
    text = f"Replacing an input costs most at its own {_done(task)} output, with {having[0]}"
    return f"{text} and without" if is_hit.get(PLAIN) else text


def throughput(timings: pd.DataFrame) -> str:
    """Say how many times as fast the plain model is at the longest length."""
    name = _attention(timings)
    rows = timings[timings["status"] == OK]
    both = [set(rows.loc[rows["model"] == each, "length"]) for each in (PLAIN, name)]
    length = max(both[0] & both[1], default=None)
    if length is None:
        return ""
    ratios = {}
    for phase in ("train_step", "decode"):
        at = rows[(rows["length"] == length) & (rows["phase"] == phase)]
        rate = at.set_index("model")["tokens_per_second"].astype(float)
        if {PLAIN, name} <= set(rate.index):
            ratios[phase] = rate[PLAIN] / rate[name]
    if len(ratios) < 2 or min(ratios.values()) < SIMILAR:
        return ""
    train, decode = ratios.values()
    return (
        f"At {length} items, Seq2Seq trains {train:.1f} times as fast as with {NAMES[name]}, and "
        f"answers {decode:.1f} times as fast"
    )


TITLES: Mapping[str, Title] = {
    "accuracy": Title("Share of items answered right, by sequence length", accuracy),
    "teacher_forced": Title(
        "Share of items answered right, given the true items before", teacher_forced
    ),
    "sequence_accuracy": Title(
        "Share of sequences answered without an error, by length", sequence_accuracy
    ),
    "carried_bits": Title("Bits that get from source to answer, by length", carried_bits),
    "budget": Title("Share of items answered right, by length and budget", budget),
    "channel": Title("Bits that pass through a channel of known capacity", channel),
    "memory": Title("Bits carried, by the numbers that pass from source to answer", memory),
    "beyond": Title("Share of items answered right beyond the length trained for", beyond),
    "positions": Title("Which items are answered right, {task}", positions),
    "errors": Title("How answers go wrong, by sequence length", errors),
    "corruption": Title("Accuracy after one wrong item is fed, length {length}", corruption),
    "alignment": Title("Where attention looks, by sequence length", alignment),
    "influence": Title("How much each input moves the final state, length {length}", influence),
    "state": Title("Bits that a reader finds in the frozen state, length {length}", state),
    "map_attention": Title("Where attention looks, {task}, length {length}", attention_map),
    "map_occlusion": Title(
        "What each output loses when one input is replaced, {task}, length {length}", occlusion_map
    ),
    "weights": Title("Where attention looks in one sequence, {task}", weights),
    "throughput": Title("Items per second, by sequence length", throughput),
}
