"""Ways of measuring that are wrong in one respect each, as other suites have them."""

import hashlib
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from bench import throughput, train
from bench.evaluate import score
from bench.plan import plan_matrix
from bench.seeding import stream
from bench.summary_table import summary_table
from models.attention import DotAttention
from models.decoder import Decoder
from tasks.sampling import sample_batch


def without_baselines(answers, task, entry, **sizes):
    """Report an accuracy with nothing to hold it against."""
    scores = score(answers, task, entry, **sizes)
    return {name: None if name.endswith("_accuracy") and "token" not in name else value
            for name, value in scores.items()}


def constant_is_chance(answers, task, entry, **sizes):
    """Take the best constant answer to be a uniform guess, whatever the task."""
    scores = score(answers, task, entry, **sizes)
    return scores | {"constant_accuracy": scores["chance_accuracy"]}


def unnormalised(answers, task, entry, **sizes):
    """Call plain accuracy normalised."""
    scores = score(answers, task, entry, **sizes)
    return scores | {"normalised_accuracy": scores["token_accuracy"]}


def padded(task, generator, *, length, symbols, **options):
    """Mix lengths in a batch, and fill the shorter sources up with a symbol of their own."""
    batch = sample_batch(task, generator, length=length, symbols=symbols, **options)
    source = batch.source.clone()
    source[::2, length // 2 :] = symbols
    return replace(batch, source=source)


def validated_on_test(task, generator, *, split, **options):
    """Let the test sequences decide when a stage ends."""
    return sample_batch(
        task, generator, split="test" if split == "validation" else split, **options
    )


def trained_on_one_stream(seed, purpose, *coordinates):
    """Give every seed the same data, and so every run."""
    return stream(0, purpose, *coordinates)


@contextmanager
def streams_by_model(model):
    """Give every model data of its own."""

    def own(seed, purpose, *coordinates):
        digest = hashlib.sha256(model.encode()).digest()
        return stream(seed + digest[0], purpose, *coordinates)

    before = train.stream
    train.stream = own
    try:
        yield
    finally:
        train.stream = before


def best_of_seeds(rows):
    """Show the best seed of each model as if it were the model."""
    best = {}
    for row in rows:
        key = (row.task, row.model, row.length)
        if key not in best or row.token_accuracy > best[key].token_accuracy:
            best[key] = row
    return summary_table(list(best.values()))


def tuned_for_attention(settings, *, tasks, models):
    """Give the models with attention a learning rate of their own."""
    attends = {entry.name for entry in models if entry.attends}
    recipe = replace(settings.recipe, learning_rate=settings.recipe.learning_rate / 4)
    return tuple(
        replace(run, recipe=recipe) if run.model in attends else run
        for run in plan_matrix(settings, tasks=tasks, models=models)
    )


class ScaledDot(DotAttention):
    """Divides the score by the root of the state size, as Transformers do."""

    def keys(self, memory):
        return memory / self.hidden**0.5


class WiderForDot(Decoder):
    """A decoder with one more layer, for one kind of attention only."""

    def __init__(self, config, *, build_attention):
        super().__init__(config, build_attention=build_attention)
        if build_attention is DotAttention:
            self.output = nn.Sequential(
                nn.Linear(config.hidden, config.hidden), nn.Tanh(), self.output
            )


class SeededByAttention(Decoder):
    """Draws the attention first, so that the rest begins elsewhere with each kind."""

    def __init__(self, config, *, build_attention):
        if build_attention is not None:
            build_attention(config.hidden)
        super().__init__(config, build_attention=build_attention)


class EndSymbol(nn.Module):
    """Stops where it likes: its answer ends with a symbol of its own."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, source, target_in):
        return self.nothing.expand(*target_in.shape, self.config.symbols)

    def generate(self, source, length):
        return source.new_full((len(source), length + 1), self.config.symbols)


def cold(measurement):
    """Time a model from its very first call."""
    for length in measurement.lengths:
        phases = {
            model: throughput._phases(builder, measurement, length=length)
            for model, builder in measurement.builders.items()
        }
        yield from throughput._rows(measurement, phases, length=length)


def one_after_another(measurement):
    """Time one model after another, so that a noisy minute falls on one of them."""
    for model, builder in measurement.builders.items():
        yield from throughput.measure(replace(measurement, builders={model: builder}))
