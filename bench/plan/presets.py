"""The experiments, one entry each. A flag given overrides its part of an entry. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.plan.recipe import Recipe
from tasks import TASKS

PUBLISHED_BUDGET_UPDATES = 7000
# Nothing was decided on the seeds from here to 1000, and published results begin here.
FIRST_SEED = 21


@dataclass(frozen=True)
class Part:
    """Tasks x models of one size, trained alike."""

    tasks: tuple[str, ...] = tuple(TASKS)
    models: tuple[str, ...] | None = None  # None: those of the default matrix, plug-ins included.
    hidden: int = 64
    encoder: str = "bi"
    cell: str = "lstm"
    symbols: int | None = None  # None: each task has its own alphabet.
    channel_numbers: int = 32
    channel_snr: float = 3.0
    protocol: str = "curriculum"
    learning_rate: float = Recipe.learning_rate
    # None: as in the preset.
    lengths: tuple[int, ...] | None = None
    test_lengths: tuple[int, ...] = ()
    seeds: int | None = None
    budget: int | None = None


@dataclass(frozen=True)
class Preset:
    """An experiment: what it is for, what it costs, and its parts on the same lengths."""

    summary: str
    cost: str  # On two cores.
    lengths: Sequence[int]
    seeds: int
    budget: int = PUBLISHED_BUDGET_UPDATES  # Updates of a stage at most.
    parts: tuple[Part, ...] = (Part(),)
    measures_throughput: bool = True
    has_probes: bool = False  # Those that report.html shows are run at the end.

    def __str__(self) -> str:
        return f"{self.summary}; {self.cost}, budget {self.budget / PUBLISHED_BUDGET_UPDATES:.0%}"


# Capacity in bits -> the learning rate, chosen on seed 1003 (docs/channel.md).
CHANNEL_RATES = {8: 2e-3, 16: 2e-3, 32: 4e-3, 64: 4e-3, 128: 4e-3}


def _channel_part(
    capacity: int,
    *,
    numbers: int | None = None,  # None: one for each bit, as SNR 3 asks for.
    snr: float = 3.0,
    models: tuple[str, ...] = ("seq2seq+channel",),
    budget: int | None = None,
) -> Part:
    """Copy where the target has from half of the capacity to 8 times as many bits."""
    return Part(
        tasks=("copy",),
        models=models,
        channel_numbers=numbers or capacity,
        channel_snr=snr,
        protocol="ascending",
        learning_rate=CHANNEL_RATES[capacity],
        # A symbol has 4 bits.
        lengths=tuple(capacity // 8 * 2**doubling for doubling in range(5)),
        budget=budget,
    )


# One item less than the longest trained, one more, and up to eight times as many.
EXTRAPOLATION_LENGTHS = (49, 51, 60, 75, 100, 200, 400)
# The rate of each family: so far that of the recipe (docs/challengers.md).
CHALLENGER_RATES = {
    "seq2seq+location": 4e-3,
    "transformer": 4e-3,
    "transformer-alibi": 4e-3,
    "transformer-nope": 4e-3,
    "mamba2": 4e-3,
    "gated-deltanet": 4e-3,
    "minlstm": 4e-3,
}


# Costs are half the seconds of the rows in results/reference. That of `paper` is an estimate.
PRESETS: dict[str, Preset] = {
    "quick": Preset(
        "a first look at copy and reverse, one seed",
        cost="under 3 minutes",
        lengths=range(10, 41, 10),
        seeds=1,
        budget=1800,
        parts=(Part(tasks=("copy", "reverse")),),
        has_probes=True,
    ),
    "default": Preset(
        "the published matrix, three tasks, lengths 10 to 200, five seeds",
        cost="34 minutes a seed",
        lengths=range(10, 201, 10),
        seeds=5,
    ),
    "paper": Preset(
        "for a publication, twice the state, five seeds",
        cost="more than a day",
        lengths=range(10, 201, 10),
        seeds=5,
        budget=4 * PUBLISHED_BUDGET_UPDATES,
        parts=(Part(hidden=128),),
    ),
    "claims": Preset(
        "what the verdicts on the five claims need, five seeds",
        cost="about 70 minutes",
        lengths=range(10, 101, 10),
        seeds=5,
        # Rows that the default matrix shares have the same ids, so one folder can have both.
        parts=(
            Part(tasks=("copy", "sort"), models=("seq2seq", "seq2seq+dot", "seq2seq+additive")),
            Part(tasks=("reverse",), models=("seq2seq",)),
            Part(tasks=("reverse", "sort"), models=("rnn-aligned",)),
            Part(tasks=("copy", "sort"), models=("seq2seq+uniform",)),
            *(
                Part(tasks=("copy", "reverse"), models=("seq2seq",), encoder="uni", cell=cell)
                for cell in ("lstm", "gru", "tanh")
            ),
        ),
        measures_throughput=False,
    ),
    "channel": Preset(
        "bits through a channel of known capacity, five seeds",
        cost="about 2 hours",
        lengths=(),
        seeds=5,
        parts=(
            *(
                _channel_part(capacity, numbers=numbers, snr=snr)
                for capacity in CHANNEL_RATES
                for numbers, snr in (
                    (capacity, 3.0),
                    (capacity // 2, 15.0),
                    (2 * capacity, 1.0),
                )
            ),
            *(
                _channel_part(capacity, models=("seq2seq+dot+channel",))
                for capacity in CHANNEL_RATES
            ),
            _channel_part(32, models=("seq2seq+signs",)),
            *(
                _channel_part(capacity, budget=4 * PUBLISHED_BUDGET_UPDATES)
                for capacity in (8, 16, 32)
            ),
        ),
        measures_throughput=False,
    ),
    "challengers": Preset(
        "Transformers, state-space models and location attention on copy and sort, three seeds",
        cost="at most 5 hours",
        lengths=range(10, 101, 10),
        seeds=3,
        parts=(
            # The rows of the default matrix beside them: they have the same ids, so a folder that
            # has them already has nothing more to train.
            Part(tasks=("copy", "sort"), models=("rnn", "seq2seq", "seq2seq+dot")),
            *(
                # The counts that sort asks for fit into any state, so only attention sorts.
                Part(tasks=("copy", "sort"), models=(model,), learning_rate=CHALLENGER_RATES[model])
                for model in ("seq2seq+location", "transformer", "transformer-alibi")
            ),
            *(
                Part(tasks=("copy",), models=(model,), learning_rate=CHALLENGER_RATES[model])
                for model in ("mamba2", "gated-deltanet", "minlstm")
            ),
        ),
        measures_throughput=False,
    ),
    "extrapolation": Preset(
        "trained to 50, one length at a time or mixed, tested to 400, three seeds",
        cost="at most 2 hours",
        lengths=range(10, 51, 10),
        seeds=3,
        # Its curricula are those of `challengers`, begun. So one folder trains them once.
        parts=tuple(
            Part(
                tasks=("copy", "sort"),
                models=(model,),
                learning_rate=CHALLENGER_RATES.get(model, Recipe.learning_rate),
                protocol=protocol,
                lengths=lengths,
                test_lengths=EXTRAPOLATION_LENGTHS,
                budget=budget,
            )
            for model in ("seq2seq+dot", "seq2seq+location", "transformer", "transformer-alibi")
            for protocol, lengths, budget in (
                ("curriculum", tuple(range(10, 51, 10)), PUBLISHED_BUDGET_UPDATES),
                # A stage on 50 lengths has the budgets of all. So each has a sixteenth, and the
                # model trains on about as many items in all as in the curriculum.
                ("mixed", tuple(range(1, 51)), PUBLISHED_BUDGET_UPDATES // 16),
            )
        ),
        measures_throughput=False,
    ),
    "controls": Preset(
        "what the reading leans on: seq2seq by budget, and sort with 1,024 symbols",
        cost="about an hour and a half",
        lengths=range(10, 101, 10),
        seeds=3,
        parts=(
            *(
                Part(tasks=("copy",), models=("seq2seq",), budget=budget)
                for budget in (
                    PUBLISHED_BUDGET_UPDATES // 4,
                    PUBLISHED_BUDGET_UPDATES,
                    4 * PUBLISHED_BUDGET_UPDATES,
                )
            ),
            Part(
                tasks=("copy",),
                models=("seq2seq",),
                budget=16 * PUBLISHED_BUDGET_UPDATES,
                lengths=tuple(range(10, 61, 10)),
                seeds=1,
            ),
            Part(
                tasks=("sort",),
                models=("seq2seq", "seq2seq+dot"),
                symbols=1024,
                lengths=tuple(range(10, 201, 10)),
            ),
        ),
        measures_throughput=False,
    ),
}
