"""One sequence letter by letter, right shares by position, and weights: pictures and packed data.

Numbers are packed in base 36 with a fixed number of digits, so that a page stays under 1 MB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, product, zip_longest
from typing import Any

import numpy as np

from reports.page.charts import heat_picture
from reports.page.material import Material, finished
from results.tables import parse_ids
from results.wording import spans

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FIRST_LENGTH_AT_MOST = 50  # The example that is shown first fits a screen.


@cache
def _codes(width: int) -> list[str]:
    return ["".join(each) for each in product(DIGITS, repeat=width)]


def encoded(numbers: Sequence[int], width: int) -> str:
    """Write whole numbers in base 36, each with the same number of digits."""
    if width <= 2:
        codes = _codes(width)
        return "".join([codes[each] for each in numbers])
    rest = [divmod(each, len(DIGITS)) for each in numbers]
    before = encoded([high for high, _ in rest], width - 1)
    return "".join(
        before[at * (width - 1) : (at + 1) * (width - 1)] + DIGITS[low]
        for at, (_, low) in enumerate(rest)
    )


def letter(symbol: int, largest: int) -> str:
    """Write a symbol as a letter if the alphabet of all that is shown has one, else as a number."""
    return LETTERS[symbol] if largest < len(LETTERS) else str(symbol)


# One sequence.


@dataclass(frozen=True)
class TestSequence:
    """One test sequence, and the answers of the models that were asked it."""

    seed: int
    sample: int
    source: tuple[int, ...]
    target: tuple[int, ...]
    answers: Mapping[str, tuple[int, ...]]

    @property
    def largest(self) -> int:
        """The largest symbol in it."""
        return max(
            max(ids, default=0) for ids in (self.source, self.target, *self.answers.values())
        )


def sequences_of(material: Material) -> dict[str, dict[int, TestSequence]]:
    """Choose one test sequence for each task and length: the first that most models answered."""
    names = ["task", "length", "seed", "sample", "source", "target", "model", "answer"]
    asked: dict[tuple[str, int], dict[tuple[int, int, str, str], dict[str, str]]] = {}
    for task, length, seed, sample, source, target, model, answer in material.samples[
        names
    ].itertuples(index=False, name=None):
        by_sequence = asked.setdefault((task, length), {})
        by_sequence.setdefault((seed, sample, source, target), {}).setdefault(model, answer)
    found: dict[str, dict[int, TestSequence]] = {}
    for task in material.tasks:
        for of_task, length in sorted(asked):
            if of_task == task:
                by_sequence = asked[task, length]
                # Models of one seed share their test sequences.
                key = min(by_sequence, key=lambda each: (-len(by_sequence[each]), each))
                answers = {name: parse_ids(text) for name, text in by_sequence[key].items()}
                seed, sample, source, target = key
                found.setdefault(task, {})[int(length)] = TestSequence(
                    int(seed), int(sample), parse_ids(source), parse_ids(target), answers
                )
    return found


def samples_data(
    sequences: Mapping[str, Mapping[int, TestSequence]], *, every: int = 1
) -> dict[str, Any]:
    """Pack one test sequence and all answers to it, by task and length.

    Args:
        sequences: By task and length.
        every: Keep one in so many lengths, the longest among them.
    """
    found: dict[str, Any] = {}
    for task, by_length in sequences.items():
        largest = max(each.largest for each in by_length.values())
        width = next(each for each in count(1) if largest < len(DIGITS) ** each)
        packed = {
            str(length): {
                "seed": by_length[length].seed,
                "sample": by_length[length].sample,
                "source": encoded(by_length[length].source, width),
                "target": encoded(by_length[length].target, width),
                "answers": {
                    model: encoded(answer, width)
                    for model, answer in by_length[length].answers.items()
                },
            }
            for length in list(by_length)[::-1][::every][::-1]
        }
        found[task] = {"width": width, "largest": largest, "lengths": packed}
    return found


def first_length(material: Material, task: str, lengths: Sequence[int]) -> int:
    """Choose the length whose example says most: where the best model leads by most."""
    rows = finished(material.main)
    rows = rows[(rows["task"] == task) & rows["length"].isin(lengths)]
    rows = rows[rows["length"] <= max(FIRST_LENGTH_AT_MOST, min(lengths))]
    if rows.empty:
        return lengths[0]
    means = rows.groupby(["length", "model"])["token_accuracy"].mean().unstack()
    leads = means.max(axis=1) - means.min(axis=1)
    return int(leads.index[int(leads.argmax())])


def example(material: Material, one: TestSequence, *, length: int, largest: int) -> dict[str, Any]:
    """Lay one sequence out for a page without a script: letters, and which are wrong.

    Args:
        material: For the names of the models.
        one: The sequence.
        length: Its length.
        largest: The largest symbol of the task, which says how all of them are written.
    """
    answers = []
    for model, look in material.looks.items():
        if model not in one.answers:
            continue
        ids = one.answers[model]
        items = [
            ("·" if answer is None else letter(answer, largest), answer != right)
            for answer, right in zip_longest(ids, one.target)
        ]
        wrong = [place for place, (_, is_wrong) in enumerate(items, start=1) if is_wrong]
        answers.append(
            {
                "model": model,
                "label": look.label,
                "items": items,
                "right": len(items) - len(wrong),
                "wrong": spans(wrong, grid=range(1, len(items) + 1)).replace("..", " to "),
            }
        )
    return {
        "length": length,
        "is_wide": largest >= len(LETTERS),
        "source": [letter(each, largest) for each in one.source],
        "target": [letter(each, largest) for each in one.target],
        "answers": answers,
    }


# Positions and weights.


def positions_data(material: Material, *, every: int = 1) -> list[dict[str, Any]]:
    """Picture the share right at each position, a row of pixels a length, and pack the values."""
    rows = material.positions
    if rows.empty:
        return []
    by = ["task", "model", "length", "output_item"]
    means = rows.groupby(by)["token_accuracy"].mean()
    present = {*zip(rows["task"], rows["model"], strict=True)}
    found = []
    for task in material.tasks:
        for place, (model, look) in enumerate(material.looks.items()):
            if (task, model) not in present:
                continue
            grid = means.loc[task, model].unstack()
            grid = grid.reindex(columns=range(1, int(grid.columns.max()) + 1))
            lengths = [int(each) for each in grid.index]
            values = grid.to_numpy(dtype=float)
            thousandths = np.nan_to_num(1000 * values).round().astype(int)
            found.append(
                {
                    "task": task,
                    "model": model,
                    "label": look.label,
                    "look": f"m{place}",
                    "picture": heat_picture(values[::-1]),
                    "lengths": lengths,
                    "items": values.shape[1],
                    "means": {
                        str(length): encoded(thousandths[at, ~np.isnan(values[at])].tolist(), 2)
                        for at, length in enumerate(lengths)
                        if (len(lengths) - 1 - at) % every == 0
                    },
                }
            )
    return found


def weights_data(material: Material) -> list[dict[str, Any]]:
    """Picture the weights of one sequence, and pack them with the symbols of both sides."""
    rows, found = material.weights, []
    for task in material.tasks:
        for model, look in material.looks.items():
            own = rows[(rows["task"] == task) & (rows["model"] == model)] if len(rows) else rows
            if own.empty:
                continue
            # A folder that grew has other lengths too: the nearest to 20 is the one to show.
            length = min(own["length"].unique(), key=lambda each: (abs(each - 20), each))
            own = own[(own["length"] == length) & (own["seed"] == own["seed"].min())]
            grid = own.pivot_table(index="output_item", columns="source_item", values="weight")
            values = grid.to_numpy(dtype=float)
            source = own.drop_duplicates("source_item").sort_values("source_item")["source_symbol"]
            target = own.drop_duplicates("output_item").sort_values("output_item")["target_symbol"]
            largest = int(max(source.max(), target.max()))
            found.append(
                {
                    "task": task,
                    "model": model,
                    "label": look.label,
                    "seed": int(own["seed"].iloc[0]),
                    "length": int(length),
                    "picture": heat_picture(values / max(values.max(), 1e-9)),
                    "source": [letter(int(each), largest) for each in source],
                    "target": [letter(int(each), largest) for each in target],
                    "weights": [
                        encoded([round(1000 * min(1.0, max(0.0, each))) for each in row], 2)
                        for row in values
                    ],
                }
            )
    return found
