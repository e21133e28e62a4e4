"""The curves of what probes found: errors, attention, influence, and what the state holds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves, label_ends
from reports.drawing.frame import PANEL_HEIGHT_INCHES, beside_row, framed
from reports.plots.accuracy import ByLength, length_curves
from reports.selection.captions import seeds_sentence, settings_of
from reports.selection.curves import Curves, Facts, points
from results.schema.probe_rows import CONTEXT, DECODER, INITIAL, LINEAR, MLP, TRAINED
from results.stats.edit_distance import edit_distances
from results.store.records import SHARED_COLUMNS
from results.wording import NEVER_IN_A_NAME

EDIT_SHARE = Panel("edit_share", "edits per\nwrong item")
UNRELATED = "unrelated_edits"
ERRORS_FIGURE = ByLength(
    panels={EDIT_SHARE: ()},
    explanation="One slip by a place is few edits and many wrong items.",
)
ENTROPY = Panel("weight_entropy_bits", "weight entropy (bits)", is_fraction=False)
NEAR_RANK = ByLength(
    panels={Panel("near_rank_mass", "weight within\none rank"): (), ENTROPY: ()},
    explanation="Teacher-forced. Rank: the place in the answer that a source item is copied to.",
)
# Rows of earlier versions have no ranks.
TRUE_ITEMS = ByLength(
    panels={Panel("aligned_mass", "weight at the\ntrue items"): (), ENTROPY: ()},
    explanation="Teacher-forced.",
)
AFTER_ONE, WITHOUT = "corrupted_accuracy", "intact_accuracy"
CORRUPTION_PANELS = (
    Panel(AFTER_ONE, "share right,\none wrong item fed"),
    Panel(WITHOUT, "share right,\nall items true"),
)
STATE_PANELS = (
    Panel(LINEAR, "bits of a source item,\nlinear probe", is_fraction=False),
    Panel(MLP, "bits of a source item,\nMLP probe", is_fraction=False),
    Panel(DECODER, "bits of a target item,\nfresh decoder", is_fraction=False),
)
WHEN = {INITIAL: "before training", TRAINED: "after training"}


def with_settings(found: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Add the settings of their rows of accuracy.csv to the rows that a probe found."""
    names = [name for name in accuracy.columns if name not in found.columns]
    both = found.merge(accuracy[[*SHARED_COLUMNS, *names]], on=list(SHARED_COLUMNS), how="inner")
    return both.astype({name: accuracy[name].dtype for name in SHARED_COLUMNS})


def error_curves(errors: pd.DataFrame, samples: pd.DataFrame | None) -> Curves:
    """Turn errors.csv into curves, and samples.csv into their baseline; both with settings."""
    share = errors["edit_distance_items"] / errors["wrong_items"].where(errors["wrong_items"] > 0)
    curves = length_curves(errors.assign(edit_share=share), ERRORS_FIGURE)
    if samples is None:
        return curves
    unrelated = unrelated_edits(samples).assign(
        row=EDIT_SHARE.name, line=f"{NEVER_IN_A_NAME}{UNRELATED}", is_complete=True
    )
    return replace(curves, table=pd.concat([curves.table, unrelated], ignore_index=True))


def alignment_drawn(alignment: pd.DataFrame) -> ByLength:
    """Choose the panels that rows of alignment.csv have values for."""
    return TRUE_ITEMS if alignment["near_rank_mass"].isna().all() else NEAR_RANK


def unrelated_edits(samples: pd.DataFrame) -> pd.DataFrame:
    """Count edits per wrong item between the targets of different sources of one seed.

    It is where an answer has nothing to do with its target, for every task: of long sorted
    sequences even unrelated ones are alike.

    Returns:
        column (the task), length, x, y: over all pairs; no row where no two targets differ.
    """
    # Every model of a seed answers the same sources.
    targets = samples.drop_duplicates(["task", "seed", "length", "sample"])
    rows = []
    for (task, length), alike in targets.groupby(["task", "length"]):
        edits, wrong = 0, 0
        for _, same_seed in alike.groupby("seed"):
            items = np.array([text.split() for text in same_seed["target"]])
            left, right = (items[places] for places in np.triu_indices(len(items), 1))
            edits += int(edit_distances(left, right).sum())
            wrong += int((left != right).sum())
        if wrong:
            rows.append((task, length, edits / wrong))
    table = pd.DataFrame(rows, columns=["column", "length", "y"])
    return table.assign(x=table["length"].astype(float))


def influence_of(influence: pd.DataFrame) -> pd.DataFrame:
    """Turn rows of influence.csv of one configuration and length into the table of a figure.

    Of all measures it has the norm of the final state's derivative to each input.
    """
    here = influence[influence["measure"] == CONTEXT]
    # A norm of 0 has no place on a logarithmic axis.
    known = here["effect"].where(here["effect"] > 0)
    item = here["source_item"]
    place = {"row": here["task"], "column": here["parameters"], "length": item, "x": item}
    return points(here, seeds=int(here["seed"].nunique()), y=known, **place)


def influence_figure(table: pd.DataFrame, *, title: str, facts: Facts) -> Figure:
    """Draw what `influence_of` made: before and after training on one scale, a row per task."""
    looks = style.styles_for(table["line"].unique())
    tasks = style.titles_of(table["row"].unique())
    norm = "|d final state / d x|"
    panels = [
        Panel(
            task,
            f"{beside_row(name, PANEL_HEIGHT_INCHES)}:\n{norm}" if len(tasks) > 1 else norm,
            is_fraction=False,
            is_logarithmic=True,
        )
        for task, name in tasks.items()
    ]
    grid = draw_curves(table, panels, columns=WHEN, looks=looks)
    grid.axes[0, 0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    sentence = seeds_sentence(table, int(table["seed"].nunique()), mean="geometric mean")
    return framed(
        grid.figure,
        title=title,
        looks=label_ends(grid, table, looks),
        xlabel="source item",
        caption=f"Only models with a final state. {sentence} {settings_of(facts)}.",
    )


def corruption_of(corruption: pd.DataFrame) -> pd.DataFrame:
    """Turn rows of corruption.csv of one configuration and length into the table of a figure.

    Of each seed the wrong items are averaged. Near the end of a short answer few have items after
    them, so every distance is a mean over those that have.
    """
    places = ["task", "model", "seed", "items_after"]
    scores = [panel.name for panel in CORRUPTION_PANELS]
    means = corruption.groupby(places)[scores].mean().reset_index()
    means = means.rename(columns={"items_after": "length"})
    place = {"column": means["task"], "x": means["length"]}
    seeds = int(means["seed"].nunique())
    parts = [points(means, seeds=seeds, row=name, y=means[name], **place) for name in scores]
    return pd.concat(parts, ignore_index=True)


def corruption_figure(table: pd.DataFrame, *, title: str, facts: Facts) -> Figure:
    """Draw what `corruption_of` made of one source length, one column per task."""
    return _by_item(
        table,
        CORRUPTION_PANELS,
        title=title,
        xlabel="items after the wrong one",
        explanation="All other items fed are true. At 0 the wrong item is not fed yet.",
        facts=facts,
    )


def state_of(state: pd.DataFrame) -> pd.DataFrame:
    """Turn rows of state.csv of one configuration and length into the table of a figure."""
    item, seeds = state["item"], int(state["seed"].nunique())
    place = {"row": state["probe"], "column": state["task"], "x": item, "length": item}
    return points(state, seeds=seeds, y=state["bits"], **place)


def state_figure(table: pd.DataFrame, *, title: str, facts: Facts) -> Figure:
    """Draw what `state_of` made of one source length, one column per task."""
    return _by_item(
        table,
        STATE_PANELS,
        title=title,
        xlabel="position (items)",
        explanation="Trained on the state alone; the decoder also reads the true items before.",
        facts=facts,
    )


def _by_item(
    table: pd.DataFrame,
    panels: Sequence[Panel],
    *,
    title: str,
    xlabel: str,
    explanation: str,
    facts: Facts,
) -> Figure:
    looks = style.styles_for(table["line"].unique())
    tasks = style.titles_of(table["column"].unique())
    grid = draw_curves(table, panels, columns=tasks, looks=looks)
    grid.axes[0, 0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    sentence = seeds_sentence(table, int(table["seed"].nunique()))
    return framed(
        grid.figure,
        title=title,
        looks=label_ends(grid, table, looks),
        xlabel=xlabel,
        caption=f"{explanation} {sentence} {settings_of(facts)}.",
    )
