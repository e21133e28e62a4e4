"""Effects planted in models are seen by the probes that exist for them, and by no others.

Each effect is a model with it beside the same model without; a probe sees it where its reading
is another, by however little.
"""

import math

import pytest
import torch

from bench.probes.attention import alignment_row
from bench.probes.influence import context_norms, margin_gradients, occlusion_effects
from bench.training.evaluate import answer_test_sequences, score
from bench.training.seeding import seeded_initialisation, stream
from models import MODELS
from models.config import ModelConfig
from models.interface import attention_weights
from tasks import TASKS
from tasks.sampling import sample_batch
from tests.plugins.planted import (
    Blind,
    CarryingEncoder,
    Copying,
    NumberPerItem,
)
from tests.rows import accuracy_row

LENGTH, HALF, SEQUENCES = 8, 4, 64
COPY = TASKS["copy"]


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
    row = alignment_row(accuracy_row(), weights, COPY.align(batch.source), agreement=None)
    return [row.aligned_fraction, row.near_fraction, row.aligned_mass, row.near_mass]


def occlusion_of(model):
    draw = stream(1, "occlusion", LENGTH)
    return occlusion_effects(model, batch_of(model), torch.arange(LENGTH), generator=draw)


def gradients_of(model):
    return margin_gradients(model, batch_of(model), torch.arange(LENGTH))


def context_of(model):
    return context_norms(model, batch_of(model))


def bits_of(model):
    """Compute the carried bits."""
    sizes = {"length": LENGTH, "symbols": model.config.symbols}
    answers = answer_test_sequences(model, COPY, seed=1, **sizes)
    model.eval()
    return score(answers, COPY, MODELS["seq2seq+dot"], **sizes)["carried_bits"]


PROBES = (alignment_of, occlusion_of, gradients_of, context_of, bits_of)
ANSWER = {occlusion_of, gradients_of, bits_of}  # They see whatever changes the answer.


# The effects.


def copying(*, shift=0, unseen=0.0, scale=1.0):
    """A model that copies, and that does not read its context; maybe blind to a part."""
    model = built(Copying, task=COPY, shift=shift)
    model.encoder = CarryingEncoder(model.config, scale=scale)
    model.encoder.embedding = Blind(model.encoder.embedding, share=unseen)
    return model


def per_item(numbers):
    return built(NumberPerItem, symbols=2, task=COPY, numbers=numbers)


def test_effect_is_seen_by_its_probes_and_by_no_others():
    for without, with_effect, seeing in (
        # Attention a place off; the same where nothing is read; a context that is not read.
        (copying(), copying(shift=1), {alignment_of, *ANSWER}),
        (copying(unseen=1.0), copying(unseen=1.0, shift=1), {alignment_of}),
        (copying(scale=0.0), copying(), {context_of}),
        (copying(), copying(), set()),
    ):
        found = {
            probe
            for probe in PROBES
            if not torch.equal(*(torch.as_tensor(probe(each)) for each in (without, with_effect)))
        }
        assert found == seeing


def test_first_half_that_is_not_seen_is_in_no_effect_and_in_no_bit():
    """Of the rest there is as much as of a model that sees it all."""
    whole, blind = copying(), copying(unseen=0.5)
    for read in (occlusion_of, gradients_of, context_of):
        assert read(blind)[..., :HALF].eq(0.0).all()
        assert torch.equal(read(blind)[..., HALF:], read(whole)[..., HALF:])
    # Of unseen items all symbols are equally likely: they carry nothing, and others as before.
    assert bits_of(blind) == pytest.approx(bits_of(whole) / 2)
    assert alignment_of(blind) == [1.0] * 4


@pytest.mark.parametrize("numbers", [0, 1, 3, LENGTH])
def test_bits_that_are_carried_are_those_of_the_numbers_that_are_left(numbers):
    """One bit for each number, less what the answer is unsure of; in the context each by 1."""
    model, is_carried = per_item(numbers), torch.arange(LENGTH) < numbers
    unsure_bits = math.log2(1 + math.exp(-2))  # Of logits -1 and 1.
    assert bits_of(model) == pytest.approx(numbers * (1 - unsure_bits), abs=1e-5)
    assert torch.equal(context_of(model), is_carried.float().expand(SEQUENCES, -1))
    # The other symbol is the wrong one, by a margin of 2; its slope is 2 too.
    expected = torch.diag(2.0 * is_carried).expand(SEQUENCES, -1, -1)
    torch.testing.assert_close(occlusion_of(model), expected)
    assert torch.equal(gradients_of(model), expected)
