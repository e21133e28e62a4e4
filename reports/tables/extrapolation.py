"""Lay out what is answered beyond the length trained for, given true items and alone."""

from itertools import product

import pandas as pd

from reports.tables.lengths import names_of
from results.errors import ResultsError
from results.schema.rows import OK
from results.stats.over_seeds import mean_over_seeds

COLUMNS = {
    "teacher_forced_token_accuracy": ("teacher-forced", 3),
    "token_accuracy": ("free-running", 3),
    "correct_prefix_items": ("right before the first error", 0),
    "carried_bits": ("bits carried", 0),
    "target_bits": ("of", 0),
}


def extrapolation_table(frame: pd.DataFrame) -> str:
    """Lay out as Markdown the scores at the longest tests of the models trained to most items.

    Args:
        frame: accuracy.csv of models that are tested beyond what they were trained for.

    Raises:
        ResultsError: No row was tested beyond its training.
    """
    rows = frame[(frame["status"] == OK) & (frame["length"] > frame["train_length"])]
    if rows.empty:
        raise ResultsError("no row was tested beyond the length that it was trained for")
    rows = rows[rows["train_length"] == rows["train_length"].max()]
    trained, seeds = int(rows["train_length"].iloc[0]), rows["seed"].nunique()
    titles = ["tested at", "task", "model", *(title for title, _ in COLUMNS.values())]
    lines = [f"Trained to {trained}, mean of {seeds} seeds.", ""]
    lines += [f"| {' | '.join(titles)} |", f"|---:|---|---|{'---:|' * len(COLUMNS)}"]
    tasks, models = names_of(rows)
    by = ["length", "task", "model"]
    means = {name: mean_over_seeds(rows, name, by).set_index(by)["mean"] for name in COLUMNS}
    for length, task, model in product(sorted(rows["length"].unique()), tasks, models):
        point = (length, task, model)
        if point in means["token_accuracy"]:
            cells = [f"{means[name][point]:.{digits}f}" for name, (_, digits) in COLUMNS.items()]
            names = (str(length), tasks[task], models[model])
            lines.append(f"| {' | '.join([*names, *cells])} |")
    return "\n".join(lines)
