"""What edits per wrong item are where an answer has nothing to do with its target."""

import numpy as np
import pandas as pd

from results.stats.edit_distance import edit_distances
from results.tables import parse_ids

UNRELATED = "unrelated_edits"


def unrelated_edits(samples: pd.DataFrame) -> pd.DataFrame:
    """Return edits per wrong item between the targets of different sources of one seed.

    Taken from the targets themselves, so that it holds for every task: of long sorted sequences
    even unrelated ones are alike.

    Args:
        samples: Rows of samples.csv of one configuration.

    Returns:
        task, length, baseline, value: sums over all pairs; no row where no two targets differ.
    """
    # Every model of a seed answers the same sources.
    targets = samples.drop_duplicates(["task", "seed", "length", "sample"])
    rows = []
    for (task, length), alike in targets.groupby(["task", "length"]):
        edits, wrong = 0, 0
        for _, same_seed in alike.groupby("seed"):
            items = np.array([parse_ids(text) for text in same_seed["target"]])
            left, right = (items[places] for places in np.triu_indices(len(items), 1))
            edits += int(edit_distances(left, right).sum())
            wrong += int((left != right).sum())
        if wrong:
            rows.append((task, length, UNRELATED, edits / wrong))
    return pd.DataFrame(rows, columns=["task", "length", "baseline", "value"])
