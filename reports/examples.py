"""Show sources, targets and each model's answers, errors marked: `python -m reports.examples`."""

import os
import string
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import pandas as pd

from reports.selection.curves import own_length_rows, protocols_of
from reports.selection.folder import (
    add_config_option,
    add_results_option,
    parse_names,
    results_folder,
    rows_of_configurations,
    rows_of_names,
    shown,
)
from reports.selection.looks import labels_of
from results.command_line import NothingToReport, Parser, run_command
from results.errors import ResultsError
from results.store.csv_files import SAMPLES
from results.tables import has_table, parse_ids, read_samples
from results.wording import columns_of, told_apart

# In the order of the ids, so that a sorted answer looks sorted.
CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
ALPHABETS = {"digits": CHARACTERS, "letters": LETTERS}
RANGES = {"digits": "0-9, A-Z, a-z", "letters": "A-Z, a-z, 0-9"}
NO_ITEM = "·"
COLUMNS_AT_MOST, MODEL_COLUMNS = 100, 40
SAMPLES_SHOWN = 3
RED, PLAIN = "\x1b[1;31m", "\x1b[0m"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = Parser(prog="python -m reports.examples", description=__doc__)
    add_results_option(parser)
    parser.add_argument("--task", help="task to show (default: all)")
    parser.add_argument(
        "--length",
        type=int,
        help="length to show (default: the shortest, and the longest that fits)",
    )
    parser.add_argument(
        "--models",
        type=parse_names,
        default=(),
        metavar="NAME[,NAME]",
        help="models to show (default: all)",
    )
    parser.add_argument(
        "--symbols",
        choices=ALPHABETS,
        default="digits",
        help="how symbols are written: digits (0-9, A-Z) or letters (A-Z first)",
    )
    add_config_option(parser)
    return run_command(
        parser,
        arguments,
        lambda options: show(
            options.results,
            task=options.task,
            length=options.length,
            models=options.models,
            symbols=options.symbols,
            config_ids=options.config,
        ),
    )


def show(
    results: Path | None,
    *,
    task: str | None = None,
    length: int | None = None,
    models: Sequence[str] = (),
    symbols: str = "digits",
    config_ids: Sequence[str] = (),
) -> int:
    """Print the examples.

    Args:
        symbols: Of `ALPHABETS`, what symbols are written with.

    Raises:
        ResultsError: samples.csv is damaged, or has no such task, length or model.
        NothingToReport: There is no sample at all.
    """
    folder = results_folder(results)
    samples = read_samples(folder) if has_table(folder, SAMPLES) else pd.DataFrame()
    if samples.empty:
        raise NothingToReport(f"no samples in {folder}: run python -m bench.run first")
    is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    chosen = rows_of_configurations(rows_of_names(samples, "--models", models), config_ids)
    chosen = select(chosen, task=task, length=length)
    print(
        f"read {shown(folder)}. {'Red' if is_coloured else '^ below'}: a wrong item. "
        f"Up to {len(CHARACTERS)} symbols are written {RANGES[symbols]}; more as numbers.\n"
    )
    for line in example_lines(
        chosen, length=length, is_coloured=is_coloured, characters=ALPHABETS[symbols]
    ):
        print(line)
    return 0


def select(samples: pd.DataFrame, *, task: str | None, length: int | None) -> pd.DataFrame:
    """Keep the samples of one protocol, and of the task and length asked for.

    Raises:
        ResultsError: There are none, or a model has several configurations; names them.
    """
    own = own_length_rows(samples)
    chosen = own[own["protocol"] == protocols_of(own)[0]] if len(own) else own
    for (its_task, model), rows in chosen.groupby(["task", "model"]):
        if rows["config_id"].nunique() > 1:
            choices = ", ".join(sorted(rows["config_id"].unique()))
            raise ResultsError(
                f"{its_task}, {model}: configurations are mixed; choose one with "
                f"--config ID: {choices}"
            )
    for name, wanted in (("task", task), ("length", length)):
        if wanted is None:
            continue
        present = sorted(chosen[name].unique())
        if wanted not in present:
            there = ", ".join(map(str, present)) or "none"
            raise ResultsError(f"--{name}: no sample has {wanted!r}; there are: {there}")
        chosen = chosen[chosen[name] == wanted]
    return chosen


class Writing:
    """How the ids up to `largest_id` are written: one character each, or as numbers."""

    def __init__(self, largest_id: int, characters: str = CHARACTERS) -> None:
        self._characters = characters
        self._is_short = largest_id < len(characters)
        self._width = 1 if self._is_short else len(str(largest_id))
        self._gap = "" if self._is_short else " "

    def columns(self, items: int) -> int:
        """Count the columns of the screen that this many items take."""
        return items * self._width + max(0, items - 1) * len(self._gap)

    def texts(self, ids: Iterable[int], *, items: int) -> list[str]:
        """Write each id with the same width, filled up to this many items."""
        texts = [self._characters[item] if self._is_short else str(item) for item in ids]
        texts += [NO_ITEM] * (items - len(texts))
        return [text.rjust(self._width) for text in texts]

    def join(self, texts: Sequence[str]) -> str:
        """Join the items to a line."""
        return self._gap.join(texts)


def example_lines(
    samples: pd.DataFrame,
    *,
    length: int | None,
    is_coloured: bool,
    characters: str = CHARACTERS,
) -> Iterator[str]:
    """Yield the examples of each task, at the length asked for or at two that fit the screen."""
    titles = told_apart(samples["task"])
    models = labels_of(samples["model"], most=MODEL_COLUMNS)
    for task, rows in samples.groupby("task"):
        # One way of writing for all that is shown of a task, so that lines can be compared.
        texts = pd.concat([rows["source"], rows["target"], rows["answer"]]).unique()
        largest = max(max(parse_ids(text), default=0) for text in texts)
        writing = Writing(largest, characters)
        margin = 2 + max(columns_of(models[model]) for model in rows["model"].unique()) + 2
        lengths = sorted(int(each) for each in rows["length"].unique())
        if length is None:
            share_columns = 2 + len(f"{lengths[-1]}/{lengths[-1]}")
            room = COLUMNS_AT_MOST - margin - share_columns
            fitting = [each for each in lengths if writing.columns(each) <= room]
            lengths = sorted({lengths[0], *fitting[-1:]})
        for each in lengths:
            yield from _lines_of_length(
                rows[rows["length"] == each],
                heading=f"{titles[str(task)]}, length {each}",
                models=models,
                writing=writing,
                margin=margin,
                is_coloured=is_coloured,
            )


def _lines_of_length(
    rows: pd.DataFrame,
    *,
    heading: str,
    models: Mapping[str, str],
    writing: Writing,
    margin: int,
    is_coloured: bool,
) -> Iterator[str]:
    # Models of one seed share their test sequences: take the seed that most models have.
    counts = rows.groupby("seed")["model"].nunique()
    seed = counts[counts == counts.max()].index.min()
    absent = sorted(set(rows["model"]) - set(rows.loc[rows["seed"] == seed, "model"]))
    rows = rows[rows["seed"] == seed]
    yield f"{heading} (protocol {rows['protocol'].iloc[0]}, seed {seed})"
    if absent:
        yield f"  no sample with this seed: {', '.join(models[each] for each in absent)}"
    shown_samples = list(rows.groupby(["sample", "source", "target"]))[:SAMPLES_SHOWN]
    for (_, source, target), answers in shown_samples:
        gold = parse_ids(str(target))
        yield ""
        for name, ids in (("source", parse_ids(str(source))), ("target", gold)):
            yield f"  {name}".ljust(margin) + writing.join(writing.texts(ids, items=len(ids)))
        for model, label in models.items():
            for answer in answers.loc[answers["model"] == model, "answer"]:
                start = f"  {label}{' ' * (margin - 2 - columns_of(label))}"
                yield from answer_lines(
                    start, parse_ids(answer), gold, writing=writing, is_coloured=is_coloured
                )
    yield ""


def answer_lines(
    start: str,
    answer: Sequence[int],
    target: Sequence[int],
    *,
    writing: Writing,
    is_coloured: bool,
) -> Iterator[str]:
    """Yield an answer, its wrong items red, or with `^` below them."""
    # An item that is missing or one too many is wrong, too: None equals no id.
    wrong = [one != other for one, other in zip_longest(answer, target)]
    texts = writing.texts(answer, items=len(wrong))
    share = f"  {len(wrong) - sum(wrong)}/{len(wrong)}"
    if is_coloured:
        red = [
            f"{RED}{text}{PLAIN}" if is_wrong else text
            for text, is_wrong in zip(texts, wrong, strict=True)
        ]
        yield start + writing.join(red) + share
        return
    yield start + writing.join(texts) + share
    if any(wrong):
        marks = [
            ("^" if is_wrong else " ") * len(text)
            for text, is_wrong in zip(texts, wrong, strict=True)
        ]
        yield " " * columns_of(start) + writing.join(marks).rstrip()


if __name__ == "__main__":
    sys.exit(main())
