"""Lay out what is answered beyond the length trained for, given true items and alone."""

from collections.abc import Iterator

import pandas as pd

from reports.tables.lengths import names_of
from results.errors import ResultsError
from results.schema.rows import OK
from results.wording import columns_of, told_apart

# Where there are more tests, one line is the mean over all of them.
MOST_LENGTHS = 6
# Two configurations of a model are two lines, and never one mean.
POINT = ["tested_at", "task", "model", "protocol", "config_id"]
COLUMNS = {
    "token_accuracy": ("items right", 3),
    "prefix_accuracy": ("before the first error", 3),
    "sequence_accuracy": ("sequences right", 3),
    "teacher_forced_token_accuracy": ("items right given the true ones", 3),
    "carried_bits": ("bits carried", 0),
    "target_bits": ("of", 0),
}
# Those that fit on a screen, with the width of their columns.
ON_SCREEN = {
    "token_accuracy": ("right", 7),
    "prefix_accuracy": ("prefix", 8),
    "sequence_accuracy": ("exact", 7),
    "teacher_forced_token_accuracy": ("given", 7),
}
NOTHING = "–"


def beyond_means(frame: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of tests beyond the longest training over lengths, then over seeds.

    Args:
        frame: accuracy.csv.

    Returns:
        The columns of `POINT` and of `COLUMNS`, trained (the length) and seeds. tested_at is a
        length, or, where there are more than six, `65 to 128`.

    Raises:
        ResultsError: No row was tested beyond its training.
    """
    rows = frame[(frame["status"] == OK) & (frame["length"] > frame["train_length"])]
    if rows.empty:
        raise ResultsError("no row was tested beyond the length that it was trained for")
    rows = rows[rows["train_length"] == rows["train_length"].max()]
    lengths = sorted(int(each) for each in rows["length"].unique())
    together = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > MOST_LENGTHS else None
    # Numbers sort by their size.
    places = {length: together or f"{length}" for length in lengths}
    rows = rows.assign(
        tested_at=pd.Categorical(
            rows["length"].map(places), categories=[*dict.fromkeys(places.values())], ordered=True
        )
    ).astype(dict.fromkeys(COLUMNS, "float64"))
    of_seed = rows.groupby([*POINT, "seed"], observed=True)[[*COLUMNS]].mean()
    means = of_seed.groupby(POINT, observed=True).mean().reset_index()
    return means.assign(trained=int(rows["train_length"].iloc[0]), seeds=rows["seed"].nunique())


def extrapolation_table(frame: pd.DataFrame) -> str:
    """Lay out as Markdown the scores beyond the longest training; raises as `beyond_means`."""
    means = beyond_means(frame)
    has_protocols = means["protocol"].nunique() > 1
    titles = ["tested at", "task", "model", *["trained"] * has_protocols]
    lines = [f"Trained to {means['trained'].iloc[0]}, mean of {means['seeds'].iloc[0]} seeds.", ""]
    lines += [
        f"| {' | '.join([*titles, *(title for title, _ in COLUMNS.values())])} |",
        f"|---:|{'---|' * (len(titles) - 1)}{'---:|' * len(COLUMNS)}",
    ]
    tasks, models = names_of(means)
    for _, line in means.iterrows():
        names = [str(line["tested_at"]), tasks[line["task"]], models[line["model"]]]
        names += [line["protocol"]] * has_protocols
        cells = [
            NOTHING if pd.isna(line[name]) else f"{line[name]:.{digits}f}"
            for name, (_, digits) in COLUMNS.items()
        ]
        lines.append(f"| {' | '.join([*names, *cells])} |")
    return "\n".join(lines)


def beyond_lines(frame: pd.DataFrame, *, columns: int) -> Iterator[str]:
    """Write the scores beyond the longest training for a screen; nothing where there are none.

    Args:
        columns: Of the screen.
    """
    try:
        means = beyond_means(frame)
    except ResultsError:
        return
    yield (
        f"Trained to {means['trained'].iloc[0]}, tested at longer ones. Right: items; prefix: "
        "those before\nthe first error; exact: sequences; given: items, given the true ones before."
    )
    most = columns - sum(width for _, width in ON_SCREEN.values())
    texts = [
        f"{line['task']} {line['model']}, {line['protocol']}, {line['tested_at']}"
        for _, line in means.iterrows()
    ]
    short = told_apart(texts, most=most)
    width = max(map(columns_of, short.values()))
    yield " " * width + "".join(f"{title:>{wide}}" for title, wide in ON_SCREEN.values())
    for text, (_, line) in zip(texts, means.iterrows(), strict=True):
        cells = (
            f"{NOTHING if pd.isna(line[name]) else f'{line[name]:.3f}':>{wide}}"
            for name, (_, wide) in ON_SCREEN.items()
        )
        yield short[text] + " " * (width - columns_of(short[text])) + "".join(cells)
