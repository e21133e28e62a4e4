"""The curves of what probes found: how answers go wrong, where attention looks, influence."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.drawing import style
from reports.drawing.curves import Panel, draw_curves
from reports.drawing.frame import framed
from reports.plots.accuracy import ByLength, length_curves
from reports.selection.captions import seeds_sentence
from reports.selection.curves import Curves, points
from results.schema.probe_rows import CONTEXT, GRADIENT, INITIAL, OCCLUSION, TRAINED
from results.stats.edit_distance import edit_distances
from results.store.records import SHARED_COLUMNS
from results.wording import NEVER_IN_A_NAME

GAP = Panel("teacher_forcing_gap", "gap in token\naccuracy", is_fraction=False)
EDIT_SHARE = Panel("edit_share", "edits per\nwrong item")
UNRELATED = "unrelated_edits"
ERRORS_FIGURE = ByLength(
    title="How answers go wrong, by sequence length",
    panels={GAP: (), EDIT_SHARE: ()},
    explanation="Gap: teacher-forced less free-running. One slip is few edits, many wrong items.",
)
ALIGNMENT_FIGURE = ByLength(
    title="Where attention looks, by sequence length",
    panels={
        Panel("aligned_fraction", "largest weight at\nthe true position"): (),
        Panel("weight_entropy_bits", "weight entropy (bits)", is_fraction=False): (),
    },
    explanation="Share of output items, teacher-forced.",
)
STATE = Panel("state", "|d final state / d x|,\ntrained", False, is_logarithmic=True)
# Of each row of panels: the measure, of which parameters, and the column of influence.csv.
EFFECTS = {
    Panel("own", "occlusion, on the\nown output (nats)", False): (
        OCCLUSION,
        TRAINED,
        "aligned_effect",
    ),
    Panel("all", "occlusion, mean of\nall outputs (nats)", False): (OCCLUSION, TRAINED, "effect"),
    Panel("margin", "gradient of\nthe margin", False, True): (GRADIENT, TRAINED, "effect"),
    STATE: (CONTEXT, TRAINED, "effect"),
    Panel("initial", "|d final state / d x|,\nuntrained", False, True): (
        CONTEXT,
        INITIAL,
        "effect",
    ),
}


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
    """Turn rows of influence.csv of one configuration and length into the table of a figure."""
    seeds = int(influence["seed"].nunique())
    parts = []
    for panel, (measure, parameters, column) in EFFECTS.items():
        is_here = influence["measure"] == measure
        here = influence[is_here & (influence["parameters"] == parameters)]
        # An effect of 0 has no place on a logarithmic axis.
        known = here[column].where(here[column] > 0) if panel.is_logarithmic else here[column]
        place = {"row": panel.name, "column": here["task"], "length": here["source_item"]}
        parts.append(points(here, seeds=seeds, x=here["source_item"], y=known, **place))
    return pd.concat(parts, ignore_index=True)


def influence_figure(table: pd.DataFrame, *, length: int) -> Figure:
    """Draw what `influence_of` made of one source length, one column per task."""
    looks = style.styles_for(table["line"].unique())
    tasks = style.titles_of(table["column"].unique())
    grid = draw_curves(table, list(EFFECTS), columns=tasks, looks=looks)
    has_state = set(table.loc[table["row"] == STATE.name, "line"])
    without = [look.label for model, look in looks.items() if model not in has_state]
    sentences = [
        "Occlusion: what is lost when the item is replaced. Margin: true logit less the largest "
        "other. Teacher-forced.",
        seeds_sentence(table, int(table["seed"].nunique()), mean="mean (geometric on log axes)"),
        f"No final state: {', '.join(without)}." if without else "",
    ]
    return framed(
        grid.figure,
        title=f"How much each source position moves the answer, length {length}",
        looks=looks,
        xlabel="source item",
        caption=" ".join(filter(None, sentences)),
    )
