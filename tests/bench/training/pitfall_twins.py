"""Ways of measuring that are wrong in one respect each, as other suites have them."""

from dataclasses import replace

from torch import nn

from bench.cli.summary import summary_table
from bench.plan.runs import plan_matrix
from bench.timing import measure as timing
from bench.training.evaluate import score
from bench.training.seeding import stream
from models.attention.layers import DotAttention
from models.decoder import Decoder
from tasks.sampling import sample_batch


def without_baselines(answers, task, entry, **sizes):
    """Report accuracies with nothing to hold them against."""
    baselines = ("chance_accuracy", "constant_accuracy", "repeat_accuracy")
    return score(answers, task, entry, **sizes) | dict.fromkeys(baselines)


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
    known = "test" if split == "validation" else split
    return sample_batch(task, generator, split=known, **options)


def trained_on_test(task, generator, *, split, **options):
    """Hold nothing back."""
    return sample_batch(task, generator, split="test", **options)


def one_stream_for_all(seed, model):
    """Give every seed the same data."""
    return lambda _, purpose, *coordinates: stream(0, purpose, *coordinates)


def streams_by_model(seed, model):
    """Give every model data of its own."""
    return lambda _, purpose, *coordinates: stream(seed, f"{model}/{purpose}", *coordinates)


def best_of_seeds(rows):
    """Show the best seed of each model as if it were the model."""
    best = {}
    for row in sorted(rows, key=lambda row: row.token_accuracy):
        best[row.task, row.model, row.length] = row
    return summary_table(list(best.values()))


def tuned_for_attention(settings, *, tasks, models):
    """Give the models with attention a learning rate of their own."""
    attends = {entry.name for entry in models if entry.attends}
    recipe = replace(settings.recipe, learning_rate=settings.recipe.learning_rate / 4)
    return tuple(
        replace(run, recipe=recipe) if run.model in attends else run
        for run in plan_matrix(settings, tasks=tasks, models=models)
    )


def stopped_early_without_attention(settings, *, tasks, models):
    """Let the models without attention give up sooner."""
    attends = {entry.name for entry in models if entry.attends}
    recipe = replace(settings.recipe, plateau_fraction=settings.recipe.plateau_fraction / 10)
    return tuple(
        run if run.model in attends else replace(run, recipe=recipe)
        for run in plan_matrix(settings, tasks=tasks, models=models)
    )


class WiderForDot(Decoder):
    """A decoder with one more layer, for one kind of attention only."""

    def __init__(self, config, *, build_attention):
        super().__init__(config, build_attention=build_attention)
        if build_attention is DotAttention:
            further = nn.Linear(config.hidden, config.hidden)
            self.output = nn.Sequential(further, nn.Tanh(), self.output)


class AttentionFirst(Decoder):
    """Draws the attention first, so that the rest begins elsewhere with each kind."""

    def __init__(self, config, *, build_attention):
        build_attention(config.hidden)
        super().__init__(config, build_attention=build_attention)


class HalfContextForDot(Decoder):
    """Treats what one kind of attention found in its own way."""

    def forward(self, target_in, state, *, memory, keys):
        if isinstance(self.attention, DotAttention):
            memory = memory / 2
        return super().forward(target_in, state, memory=memory, keys=keys)


def cold(measurement):
    """Time a model from its very first call."""
    prepare = timing._prepared

    def uncalled(asked, cell, *, peak, processors):
        phase = timing._phase(asked, cell, length=cell.length, batch_size=asked.batch_size)
        return timing._Timed(cell, peak, processors, phase)

    timing._prepared = uncalled
    try:
        yield from timing.measure(measurement)
    finally:
        timing._prepared = prepare


def one_after_another(measurement):
    """Time one model after another, so that a noisy minute falls on one of them."""
    for model in measurement.builders:
        cells = tuple(cell for cell in measurement.cells if cell.model == model)
        yield from timing.measure(replace(measurement, cells=cells))


def without_reference(measurement):
    """Time nothing that tells how fast the machine was at that moment."""
    time_of, product = timing._time, timing._reference_product

    def nothing():
        return None

    timing._reference_product = lambda device: nothing
    timing._time = lambda call, asked: 1.0 if call is nothing else time_of(call, asked)
    try:
        yield from timing.measure(measurement)
    finally:
        timing._time, timing._reference_product = time_of, product
