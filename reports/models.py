"""Show all models of a folder beside the published ones: `python -m reports.models`.

An example of their answers follows. `bench.run` starts this command at its end.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from reports.examples import Writing, answer_lines
from reports.selection.captions import counted
from reports.selection.curves import own_length_rows
from reports.selection.folder import add_results_option, results_folder
from reports.tables.extrapolation import beyond_lines
from reports.tables.models import HERE, LEAST_SEEDS, MARK, Tables, model_table, model_text
from results.command_line import NothingToReport, Parser, run_command
from results.store.csv_files import ACCURACY, ERRORS, POSITIONS, SAMPLES, THROUGHPUT
from results.tables import (
    REFERENCE,
    has_table,
    parse_ids,
    read_accuracy,
    read_probes,
    read_samples,
    read_throughput,
)
from results.wording import columns_of, shown_command, told_apart

LEAST_COLUMNS, MOST_COLUMNS = 80, 120
LABEL_COLUMNS = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.models", description=__doc__)
    add_results_option(parser)
    return run_command(parser, arguments, lambda options: show(options.results))


def show(results: Path | None, *, reference: Path = REFERENCE) -> int:
    """Print the table, what may be said from it, and one example.

    Raises:
        ResultsError: A CSV is damaged, or a model has rows of two versions of its code.
        NothingToReport: There is no row at all.
    """
    folder = results_folder(results)
    own = _read(folder)
    if own.rows.empty:
        raise NothingToReport(f"--results: no rows in {folder}: run python -m bench.run first")
    is_published = folder.resolve() == reference.resolve()
    published = _read(reference) if not is_published and has_table(reference, ACCURACY) else None
    table = model_table(own, published)
    columns = min(max(shutil.get_terminal_size().columns, LEAST_COLUMNS), MOST_COLUMNS)
    print(model_text(table, columns=columns))
    if beyond := [*beyond_lines(own.rows, columns=columns)]:
        print("", *beyond, "", sep="\n")
    print(*said_of(table, folder), sep="\n")
    example = [*example_of(table, own.samples, columns=columns)]
    if example:
        print("", *example, sep="\n")
    return 0


def _read(folder: Path) -> Tables:
    empty = pd.DataFrame()
    return Tables(
        rows=read_accuracy(folder) if has_table(folder, ACCURACY) else empty,
        timings=read_throughput(folder) if has_table(folder, THROUGHPUT) else empty,
        samples=read_samples(folder) if has_table(folder, SAMPLES) else empty,
        positions=read_probes(folder, POSITIONS),
    )


def said_of(table: pd.DataFrame, folder: Path) -> Iterator[str]:
    """Yield what the table allows to say of the folder's models, and what to run next."""
    own = table[table["origin"] == HERE] if len(table) else table
    if own.empty:
        return
    yours = own.loc[own["is_yours"], "model"]
    if len(yours):
        yield f"{MARK.strip()} marks a model that was named by its builder."
    if (seeds := int(own["seeds"].min())) < LEAST_SEEDS:
        yield f"{counted(seeds, 'seed')}: no verdict is said below {LEAST_SEEDS}."
        yield f"Verdict:  the same bench.run with --seeds {LEAST_SEEDS}"
    elif len({*own["model"]}) > 1:
        pair = f"{_rival(own)},{yours.iloc[0] if len(yours) else own['model'].iloc[0]}"
        yield f"Verdict:  {shown_command('bench.compare', '--models', pair, '--results', folder)}"
    if not has_table(folder, ERRORS) and (folder / "checkpoints").is_dir():
        yield f"Reasons:  {shown_command('bench.probe', '--results', folder)}"
    yield f"Examples: {shown_command('reports.examples', '--results', folder)}"


def _rival(own: pd.DataFrame) -> str:
    """Name the model that gets most right at the longest length; yours, or the first, excepted."""
    first = own["model"].iloc[0] if not own["is_yours"].any() else None
    others = own[~own["is_yours"] & (own["model"] != first)]
    best = (others if len(others) else own).sort_values("alone", ascending=False)
    return str(best["model"].iloc[0])


def example_of(table: pd.DataFrame, samples: pd.DataFrame, *, columns: int) -> Iterator[str]:
    """Yield a target and two answers: yours or the worst, and the best.

    It is of the first task, at the longest length that fits into so many columns.
    """
    if table.empty or samples.empty:
        return
    block = table[(table["task"] == table["task"].iloc[0]) & (table["origin"] == HERE)]
    block = block[block["protocol"] == block["protocol"].iloc[0]].dropna(subset="alone")
    ranked = block.sort_values("alone")
    if ranked.empty:
        return
    worse = ranked[ranked["is_yours"]] if ranked["is_yours"].any() else ranked
    chosen = dict.fromkeys(
        (line["task"], line["protocol"], line["model"], line["config_id"])
        for line in (worse.iloc[0], ranked.iloc[-1])
    )
    names = told_apart((model for *_, model, _ in chosen), most=LABEL_COLUMNS)
    margin = 2 + max(columns_of(text) for text in (*names.values(), "target")) + 2
    own = own_length_rows(samples)
    keys = own[["task", "protocol", "model", "config_id"]].itertuples(index=False, name=None)
    own = own[[key in chosen for key in keys]]
    place = _longest_shared(own, len(chosen), room=columns - margin)
    if place is None:
        return
    length, seed, sample = place
    rows = own[(own["length"] == length) & (own["seed"] == seed) & (own["sample"] == sample)]
    target = parse_ids(rows["target"].iloc[0])
    answers = {row["model"]: parse_ids(row["answer"]) for _, row in rows.iterrows()}
    writing = Writing(max(max(ids, default=0) for ids in (target, *answers.values())))
    yield f"{block['task'].iloc[0]}, length {length}, seed {seed}; ^ marks a wrong item"
    yield "  target".ljust(margin) + writing.join(writing.texts(target, items=len(target)))
    for *_, model, _ in chosen:
        start = f"  {names[model]}{' ' * (margin - 2 - columns_of(names[model]))}"
        yield from answer_lines(start, answers[model], target, writing=writing, is_coloured=False)


def _longest_shared(
    samples: pd.DataFrame, models: int, *, room: int
) -> tuple[int, int, int] | None:
    """Find the longest sequence that all the models answered and that fits; None if none does."""
    shared = samples.groupby(["length", "seed", "sample"]).filter(lambda rows: len(rows) == models)
    for length in sorted(shared["length"].unique(), reverse=True):
        rows = shared[shared["length"] == length].sort_values(["seed", "sample"])
        ids = [parse_ids(text) for text in (*rows["target"], *rows["answer"])]
        writing = Writing(max(max(each, default=0) for each in ids))
        share = len(f"  {length}/{length}")
        if max(writing.columns(len(each)) for each in ids) + share <= room:
            first = rows.iloc[0]
            return int(length), int(first["seed"]), int(first["sample"])
    return None


if __name__ == "__main__":
    sys.exit(main())
