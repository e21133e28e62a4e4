"""Numbers in the prose of README and docs are those of the published rows.

Tables and findings between markers are made from the rows (`reports.readme`). Sentences are not:
each sentence here is written anew from the rows, and looked for in its page.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.selection.channel import CONTROL, channel_of, efficiency, with_channel
from reports.selection.curves import own_length_rows
from reports.tables.claims import CLAIMS_FOLDER, all_lines
from results.claims.effects import BOTH
from results.claims.verdicts import Estimate
from results.stats.threshold_length import crossings, mean_crossing
from results.store.csv_files import ALIGNMENT, CORRUPTION, ERRORS
from results.tables import REFERENCE, read_accuracy, read_probes
from tests import ROOT

RIGHT, GIVEN = "token_accuracy", "teacher_forced_token_accuracy"
BITS, TARGET = "carried_bits", "target_bits"
RECENCY = "last less first source position at one output, over the mean"
ATTENTION = ("seq2seq+dot", "seq2seq+additive")


@cache
def rows(folder: str = ".") -> pd.DataFrame:
    return read_accuracy(REFERENCE / folder)


def mean(name: str, column: str, length: int, folder: str = ".", **settings: Any) -> float:
    """The mean of the seeds of one `task model`, at the length trained for unless settings say."""
    task, model = name.split()
    found = rows(folder)
    for setting, value in (
        {"train_length": length, "task": task, "model": model} | settings
    ).items():
        found = found[found[setting] == value]
    found = found[found["length"] == length]
    assert len(found)
    return float(found[column].astype(float).mean())


def half(
    budget: int = 7000, *, score: str = "normalised_accuracy", seed: int | None = None
) -> float:
    """Where `seq2seq` loses half of a copied sequence."""
    own = own_length_rows(rows("controls"))
    own = own[(own["task"] == "copy") & (own["budget_updates"] == budget)]
    own = own.assign(carried_share=own[BITS] / own[TARGET])
    found = crossings(own if seed is None else own[own["seed"] == seed], score, ["task", "model"])
    return float(mean_crossing(found, ["task", "model"])["length"].iloc[0])


def beyond(name: str, column: str) -> float:
    return mean(name, column, 200, train_length=100)


def of_attention() -> pd.DataFrame:
    own = own_length_rows(rows())
    return own[own["model"].isin(ATTENTION) & own["task"].isin(["copy", "reverse"])]


def shares(capacity: int, budget: int = 7000, **settings: Any) -> list[float]:
    """Shares of the capacity that are carried at four times its bits or more, by build."""
    found = efficiency(channel_of(with_channel(own_length_rows(rows("channel")))))
    found = found[(found["capacity"] == capacity) & (found["budget_updates"] == budget)]
    found = found[found["model"] != CONTROL]
    for setting, value in settings.items():
        found = found[found[setting] == value]
    return sorted(map(float, found["share"]))


ENCODERS = [(task, way) for way in ("uni", "bi") for task in ("reverse", "copy")]


def one_way(task: str, encoder: str, cell: str = "lstm") -> str:
    """Share of 30 items that `seq2seq` has right."""
    settings = {"encoder": encoder, "cell": cell}
    return short(mean(f"{task} seq2seq", RIGHT, 30, "claims", **settings))


def line_of(claim: str, name: str, task: str) -> Estimate:
    """A measure of a claim, its mean and interval; the shortest of the names that begin so."""
    found = {
        line.measure.name: line
        for line in all_lines(REFERENCE / CLAIMS_FOLDER)
        if (line.measure.claim, line.task) == (claim, task)
    }
    return found[min((each for each in found if each.startswith(name)), key=len)].estimate


def uniform_share() -> list[str]:
    found = line_of("C5", "what uniform weights gain of what dot attention gains: free", "copy")
    assert found.n == 5
    return [short(each) for each in (found.mean, found.low, found.high)]


def quarters() -> list[str]:
    """How much the last quarter of the source moves the state, over the first."""
    return [
        short(line_of("C3", "last by first quarter", task).mean) for task in ("copy", "reverse")
    ]


def most_of_training() -> float:
    """The most that four times the budget adds to the share of C, with SNR 3, to 32 bits."""
    return max(
        shares(size, 28_000, build="SNR 3")[0] - shares(size, build="SNR 3")[0]
        for size in (8, 16, 32)
    )


def below_plain() -> str:
    """What sort shows beyond 100 items, in every seed and at every length."""
    found = rows()
    found = found[(found["task"] == "sort") & (found["train_length"] == 100)]
    found = found[found["length"] > 100]
    by = found.pivot_table(index=["length", "seed"], columns="model", values=RIGHT)
    assert (by["seq2seq+dot"] < by["seq2seq"]).all()
    seeds = {3: "three", 5: "five"}[found["seed"].nunique()]
    return f"in all {seeds} seeds"


def largest_weight() -> list[str]:
    """Of copy and reverse the least seed, rounded down; of sort the means."""
    found = read_probes(REFERENCE, ALIGNMENT)
    found = found[(found["length"] == 200) & (found["train_length"] == 200)]
    least = found.loc[found["task"] != "sort", "aligned_fraction"].min()
    means = found[found["task"] == "sort"].groupby("model")["aligned_fraction"].mean()
    return [
        f"{np.floor(1000 * least) / 1000:.3f} and more".removeprefix("0"),
        ", ".join(f"{short(means[name])} ({name.removeprefix('seq2seq+')})" for name in ATTENTION),
    ]


def slips(model: str) -> str:
    """Edit distance over wrong items of copy and reverse at 200, the ends of all seeds."""
    found = read_probes(REFERENCE, ERRORS)
    found = found[(found["length"] == 200) & (found["train_length"] == 200)]
    found = found[(found["model"] == model) & (found["task"] != "sort")]
    ratio = found["edit_distance_items"] / found["wrong_items"]
    return f"{short(ratio.min())} to {short(ratio.max())}"


def after(model: str, items: int, column: str = "corrupted_accuracy") -> str:
    """Accuracy on copies of 100 so many items after a wrong one."""
    found = read_probes(REFERENCE, CORRUPTION)
    found = found[(found["task"] == "copy") & (found["model"] == model)]
    at = (found["length"] == 100) & (found["train_length"] == 100)
    return short(found.loc[at & (found["items_after"] == items), column].mean())


def short(value: float) -> str:
    """Two digits after the point, and none before it."""
    return f"{value:z.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"


def at_least(value: float) -> str:
    """One digit, rounded down: a lower bound stays one."""
    return f"{np.floor(10 * value) / 10:.1f}"


SAID: dict[str, list[Callable[[], str]]] = {
    "README.md": [
        lambda: f"it loses half of the items at length {half():.0f}",
        lambda: f"it gets {mean('copy seq2seq+dot', RIGHT, 200):.0%} of".replace("%", " %"),
        lambda: f"With four times the budget {half():.0f} becomes {half(28_000):.0f}",
        lambda: f"dot attention has {100 * beyond('copy seq2seq+dot', GIVEN):.0f} % of 200 copied",
        lambda: f"{100 * beyond('sort seq2seq+dot', GIVEN):.0f} % of 200 sorted ones",
        lambda: f"four times the training adds at most {short(most_of_training())} of C",
        below_plain,
        lambda: "On copy it gains {} of what dot attention gains ({} to {}, five seeds)".format(
            *uniform_share()
        ),
    ],
    "docs/ko.md": [
        lambda: f"길이 {half():.0f}에서 항목의 절반을 잃습니다",
        lambda: f"200개 가운데 {100 * mean('copy seq2seq+dot', RIGHT, 200):.0f} %를",
        lambda: f"{half():.0f}는 {half(28_000):.0f}이 됩니다",
    ],
    "docs/results.md": [
        lambda: "at length 100 they are {:.0f}, {:.0f} and {:.0f} of 400".format(
            *(
                mean("copy seq2seq", BITS, 100, "controls", budget_updates=budget)
                for budget in (1750, 7000, 28_000)
            )
        ),
        lambda: f"That is {at_least(200 / half())} times as far as",
        lambda: f"and {at_least(200 / half(28_000))} times as far as with four times of it",
        lambda: f"has few bits: {mean('sort seq2seq', TARGET, 200):.0f} at 200 items",
        lambda: f"`seq2seq` end at {mean('sort seq2seq', BITS, 200, 'controls'):.0f} of "
        f"{mean('sort seq2seq', TARGET, 200, 'controls'):.0f}, and "
        f"{100 * mean('sort seq2seq', RIGHT, 200, 'controls'):.1f} % of the items are right",
        lambda: f"passes {mean('sort seq2seq+dot', BITS, 200, 'controls'):.0f} bits, and has "
        f"{100 * mean('sort seq2seq+dot', RIGHT, 200, 'controls'):.0f} % of the items right",
        lambda: f"has only {100 * mean('sort seq2seq', RIGHT, 10, 'controls'):.0f} % of 10 items "
        "right, where dot attention has "
        f"{100 * mean('sort seq2seq+dot', RIGHT, 10, 'controls'):.0f} %.",
        lambda: "In seed 21 half is lost at {:.0f}, {:.0f}, {:.0f} and {:.0f} items".format(
            *(half(budget, seed=21) for budget in (1750, 7000, 28_000, 112_000))
        ),
        lambda: "Half of the bits is lost at {:.0f} and {:.0f} items".format(
            *(half(budget, score="carried_share") for budget in (1750, 7000))
        ),
        lambda: "`seq2seq` gets {} of 30 items right on reverse, and {} on copy. The two-way "
        "encoder gets {} and {}.".format(*(one_way(*each) for each in ENCODERS)),
        lambda: f"a plain tanh cell has {one_way('reverse', 'uni', 'tanh')}, more than the LSTM. "
        f"On copy it has {one_way('copy', 'uni', 'tanh')}.",
        lambda: f"{(of_attention()[RIGHT] >= 0.97).sum()} of {len(of_attention())} rows of",
        lambda: f"the least of them has {of_attention()[RIGHT].min():.3f},".replace(" 0.", " ."),
    ],
    "docs/extrapolation.md": [
        lambda: f"dot attention still has {short(beyond('copy seq2seq+dot', GIVEN))} of 200 copied "
        f"items right, and {short(beyond('reverse seq2seq+dot', GIVEN))} of 200 reversed ones",
        lambda: f"Additive attention has {short(beyond('copy seq2seq+additive', GIVEN))} and "
        f"{short(beyond('reverse seq2seq+additive', GIVEN))},",
        lambda: f"Free-running, dot attention has {short(beyond('copy seq2seq+dot', RIGHT))} and "
        f"{short(beyond('reverse seq2seq+dot', RIGHT))}.",
        lambda: f"accuracy is {short(beyond('sort seq2seq+dot', GIVEN))} with dot and "
        f"{short(beyond('sort seq2seq+additive', GIVEN))} with additive attention, and `seq2seq` "
        f"has {short(beyond('sort seq2seq', GIVEN))}.",
        below_plain,
    ],
    "docs/looking-inside.md": [
        lambda: f"| {' | '.join(largest_weight())} |",
        lambda: f"| {slips('seq2seq+dot')} by seed |",
        lambda: f"| {slips('seq2seq+additive')} by seed |",
        lambda: f"attention has the next item right in {after('seq2seq+additive', 1)} of the "
        f"sequences, and the fifth in {after('seq2seq+additive', 5)}. With dot attention it is "
        f"{after('seq2seq+dot', 1)} and {after('seq2seq+dot', 5)}.",
        lambda: f"`seq2seq` falls from {after('seq2seq', 1, 'intact_accuracy')} to "
        f"{after('seq2seq', 1)},",
        lambda: "on copy ({}). On reverse it is a third as much ({})".format(*quarters()),
        lambda: "still counts {:.1f} times the mean effect more than the first".format(
            line_of("C3", f"{RECENCY}: tanh, trained, longest length", BOTH).mean
        ),
    ],
    "docs/channel.md": [
        lambda: "brings {} to {} of C".format(
            *(short(f(shares(c, build="SNR 3")[0] for c in (8, 16, 32))) for f in (min, max))
        ),
        lambda: f"At 128 bits {short(shares(128)[0])} to {short(shares(128)[-1])} of C is reached, "
        f"and at 64 bits {short(shares(64)[0])} to {short(shares(64)[-1])}.",
        lambda: "With 64 numbers {:.0f}, {:.0f} and {:.0f} bits pass".format(
            *(
                size * shares(size, build=f"SNR {snr}")[0]
                for size, snr in ((32, 1), (64, 3), (128, 15))
            )
        ),
        lambda: f"32 signs carry {short(shares(32, build='signs')[0])} of their 32 bits",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "place"), [(page, place) for page, said in SAID.items() for place in range(len(said))]
)
def test_sentences_say_what_the_rows_say(page, place):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert SAID[page][place]() in text
