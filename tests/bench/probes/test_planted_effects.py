"""Effects planted in models are seen by the probes that exist for them, and by no others.

Each effect is a model with it beside the same model without; a probe sees it where its reading
is another, by however little.
"""

import math

import pytest
import torch

from bench.probes.attention import alignment_columns
from bench.probes.influence import context_norms, margin_gradients, occlusion_effects
from bench.training import evaluate
from bench.training.evaluate import answer_test_sequences, score
from bench.training.seeding import seeded_initialisation, stream
from models import MODELS
from models.config import ModelConfig
from models.interface import attention_weights
from models.seq2seq import Seq2Seq, build_uniform
from tasks import TASKS
from tasks.sampling import sample_batch
from tests.plugins.planted import (
    Blind,
    CarryingEncoder,
    Copying,
    CutEncoder,
    NumberPerItem,
    Planted,
)

LENGTH, HALF, SEQUENCES = 8, 4, 64
COPY = TASKS["copy"]
ALIGNMENT, OCCLUSION, GRADIENT, CONTEXT, BITS = (
    "alignment",
    "occlusion",
    "gradient",
    "context",
    "carried bits",
)


@pytest.fixture(autouse=True)
def few_test_sequences(monkeypatch):
    monkeypatch.setattr(evaluate, "TEST_SEQUENCES", SEQUENCES)


def built(builder, *, symbols=4, **choices):
    with seeded_initialisation(1):
        return builder(ModelConfig(symbols=symbols, hidden=8), **choices).eval()


def batch_of(model):
    return sample_batch(
        COPY,
        stream(1, "test", LENGTH),
        batch_size=SEQUENCES,
        length=LENGTH,
        symbols=model.config.symbols,
        split="test",
    )


# The probes, as readings of a model.


@torch.no_grad()
def alignment_of(model):
    batch = batch_of(model)
    weights = attention_weights(model, batch.source, batch.target_in)
    return list(alignment_columns(weights, COPY.align(batch.source)).values())


def occlusion_of(model):
    draw = stream(1, "occlusion", LENGTH)
    return occlusion_effects(model, batch_of(model), torch.arange(LENGTH), generator=draw)


def gradients_of(model):
    return margin_gradients(model, batch_of(model), torch.arange(LENGTH))


def context_of(model):
    return context_norms(model, batch_of(model))


def carried_bits_of(model):
    sizes = {"length": LENGTH, "symbols": model.config.symbols}
    answers = answer_test_sequences(model, COPY, seed=1, **sizes)
    model.eval()
    return score(answers, COPY, MODELS["seq2seq+dot"], **sizes)["carried_bits"]


PROBES = {
    ALIGNMENT: alignment_of,
    OCCLUSION: occlusion_of,
    GRADIENT: gradients_of,
    CONTEXT: context_of,
    BITS: carried_bits_of,
}


# The effects.


def carrying(*, shift=0, unseen=0.0):
    """Return a `Copying` with a context, which it does not read, blind to a part of its source."""
    model = built(Copying, task=COPY, shift=shift)
    model.encoder = CarryingEncoder(model.config)
    model.encoder.embedding = Blind(model.encoder.embedding, share=unseen)
    return model


def cut(numbers):
    """Return a real encoder-decoder whose attention is the alignment, of so many numbers."""
    model = built(Planted, task=COPY)
    with seeded_initialisation(1):
        model.encoder = CutEncoder(model.config, numbers=numbers)
    return model


def per_item(numbers):
    return built(NumberPerItem, symbols=2, task=COPY, numbers=numbers)


EVERYTHING_READ = {OCCLUSION, GRADIENT, BITS}
EFFECTS = {
    "attention that is the alignment": (
        lambda: built(build_uniform),
        lambda: built(Planted, task=COPY),
        {ALIGNMENT, *EVERYTHING_READ},
    ),
    "attention a place off": (
        lambda: built(Planted, task=COPY),
        lambda: built(Planted, task=COPY, shift=1),
        {ALIGNMENT, *EVERYTHING_READ},
    ),
    "attention a place off, of one that copies": (
        lambda: carrying(),
        lambda: carrying(shift=1),
        {ALIGNMENT, *EVERYTHING_READ},
    ),
    "attention a place off where nothing is read": (
        lambda: carrying(unseen=1.0),
        lambda: carrying(unseen=1.0, shift=1),
        {ALIGNMENT},
    ),
    "blind to the first half": (
        lambda: carrying(),
        lambda: carrying(unseen=0.5),
        {CONTEXT, *EVERYTHING_READ},
    ),
    "a context that is not read": (
        lambda: built(Copying, task=COPY),
        lambda: carrying(),
        {CONTEXT},
    ),
    "a context of three numbers": (
        lambda: cut(8),
        lambda: cut(3),
        {CONTEXT, *EVERYTHING_READ},
    ),
    "a context without numbers": (
        lambda: cut(8),
        lambda: cut(0),
        {CONTEXT, *EVERYTHING_READ},
    ),
    "a number for each of three items": (
        lambda: per_item(LENGTH),
        lambda: per_item(3),
        {CONTEXT, *EVERYTHING_READ},
    ),
    "nothing": (lambda: cut(8), lambda: cut(8), set()),
}


def is_other(reading, other):
    return not torch.equal(*(torch.as_tensor(each) for each in (reading, other)))


def seen_by(name, probes=PROBES):
    """Return the probes that tell the model with an effect from the one without."""
    without, with_effect, _ = EFFECTS[name]
    return {
        probe for probe, read in probes.items() if is_other(read(without()), read(with_effect()))
    }


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_is_seen_by_its_probes_and_by_no_others(name):
    assert seen_by(name) == EFFECTS[name][2]


# Twins: each takes one probe for another.


@torch.no_grad()
def weights_for_effects(model):
    batch = batch_of(model)
    return attention_weights(model, batch.source, batch.target_in)


def answer_for_the_state(model):
    return gradients_of(model).square().sum(dim=1).sqrt()


def effects_for_weights(model):
    effects, truth = gradients_of(model), COPY.align(batch_of(model).source)
    shares = effects / effects.sum(dim=-1, keepdim=True).clamp(min=1e-9)
    return list(alignment_columns(shares, truth).values())


@pytest.mark.parametrize(
    ("probe", "broken", "name"),
    [
        (OCCLUSION, weights_for_effects, "blind to the first half"),
        (GRADIENT, weights_for_effects, "attention a place off where nothing is read"),
        (CONTEXT, answer_for_the_state, "attention a place off"),
        (CONTEXT, answer_for_the_state, "a context that is not read"),
        (CONTEXT, weights_for_effects, "a context of three numbers"),
        (ALIGNMENT, effects_for_weights, "blind to the first half"),
        (ALIGNMENT, effects_for_weights, "attention a place off where nothing is read"),
        (BITS, context_of, "a context that is not read"),
        (BITS, context_of, "attention that is the alignment"),
    ],
)
def test_probe_of_something_else_is_rejected(probe, broken, name):
    assert seen_by(name, {probe: broken}) != EFFECTS[name][2] & {probe}


# How it is seen.


def check_first_half_is_not_seen(model):
    """Nothing of it is in any reading; of the rest, as much as of a model that sees it all."""
    whole = carrying()
    for read in (occlusion_of, gradients_of, context_of):
        assert read(model)[..., :HALF].eq(0.0).all()
        assert torch.equal(read(model)[..., HALF:], read(whole)[..., HALF:])
    # Of unseen items all symbols are equally likely: they carry nothing, and others as before.
    assert carried_bits_of(model) == pytest.approx(carried_bits_of(whole) / 2)
    assert alignment_of(model) == alignment_of(whole)


def test_first_half_that_is_not_seen_is_in_no_effect_and_in_no_bit():
    check_first_half_is_not_seen(carrying(unseen=0.5))


@pytest.mark.parametrize("share", [0.0, 0.4, 0.65, 1.0])
def test_other_parts_are_rejected(share):
    with pytest.raises(AssertionError):
        check_first_half_is_not_seen(carrying(unseen=share))


def check_carries(numbers, model):
    """One bit for each number, less what the answer is unsure of; in the context each by 1."""
    is_carried = torch.arange(LENGTH) < numbers
    unsure_bits = math.log2(1 + math.exp(-2))  # Of logits -1 and 1.
    assert carried_bits_of(model) == pytest.approx(numbers * (1 - unsure_bits), abs=1e-5)
    assert torch.equal(context_of(model), is_carried.float().expand(SEQUENCES, -1))
    # The other symbol is the wrong one, by a margin of 2; its slope is 2 too.
    expected = torch.diag(2.0 * is_carried).expand(SEQUENCES, -1, -1)
    torch.testing.assert_close(occlusion_of(model), expected)
    assert torch.equal(gradients_of(model), expected)
    assert alignment_of(model) == alignment_of(per_item(LENGTH))


@pytest.mark.parametrize("numbers", [0, 1, 3, LENGTH])
def test_bits_that_are_carried_are_those_of_the_numbers_that_are_left(numbers):
    check_carries(numbers, per_item(numbers))


@pytest.mark.parametrize("numbers", [0, 2, 4, LENGTH])
def test_other_numbers_are_rejected(numbers):
    with pytest.raises(AssertionError):
        check_carries(3, per_item(numbers))


def check_context_is_that_of_the_encoder(model):
    """Of the same seed, whatever the attention: it has no part in the state that passes."""
    norms = context_of(model)
    assert norms.min() > 0
    assert torch.equal(norms, context_of(built(build_uniform)))


@pytest.mark.parametrize("shift", [-1, 0, 1])
@pytest.mark.parametrize("name", TASKS)
def test_attention_leaves_the_context_as_it_was(name, shift):
    check_context_is_that_of_the_encoder(built(Planted, task=TASKS[name], shift=shift))


@pytest.mark.parametrize("numbers", [0, 3, 7])
def test_context_of_fewer_numbers_is_not_taken_for_that_of_the_encoder(numbers):
    check_context_is_that_of_the_encoder(cut(8))
    with pytest.raises(AssertionError):
        check_context_is_that_of_the_encoder(cut(numbers))


def check_nothing_reaches_the_answer(model):
    for read in (occlusion_of, gradients_of, context_of):
        assert read(model).eq(0.0).all()


def without_attention(numbers):
    model = built(Seq2Seq)
    with seeded_initialisation(1):
        model.encoder = CutEncoder(model.config, numbers=numbers)
    return model


def test_nothing_passes_a_context_without_numbers():
    check_nothing_reaches_the_answer(without_attention(0))


@pytest.mark.parametrize("builder", [lambda: without_attention(1), lambda: cut(0)])
def test_one_number_or_a_way_past_the_context_is_seen(builder):
    with pytest.raises(AssertionError):
        check_nothing_reaches_the_answer(builder())
