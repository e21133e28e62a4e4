"""What a phase does, and the operations that it is said to take."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.timing.phases import prepare
from models import MODELS
from models.config import CELLS, ENCODERS, ModelConfig
from results.schema.rows import PHASES

LENGTH, BATCH, HIDDEN = 7, 3, 16
# The counter sees matrix products. Of the scores of additive attention it sees none: an addition,
# a tanh and a multiply-add for each pair and hidden unit. Nor does it see a mean.
UNSEEN = {"seq2seq+additive": 4 * LENGTH * LENGTH * HIDDEN, "seq2seq+uniform": LENGTH * HIDDEN}


def prepared(phase, model="seq2seq+dot", **config):
    return prepare(
        phase,
        MODELS[model].builder,
        config=ModelConfig(symbols=16, hidden=HIDDEN, **config),
        length=LENGTH,
        batch_size=BATCH,
        device="cpu",
    )


def counted(call):
    # The fused layers of oneDNN count as nothing; without it they are products that are seen.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("model", MODELS)
def test_operations_are_those_that_are_counted(model, cell, encoder):
    forward = prepared("forward", model, cell=cell, encoder=encoder)
    assert counted(forward.call) == forward.flops - BATCH * UNSEEN.get(model, 0)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("model", ["rnn", "seq2seq", "seq2seq+dot"])
def test_training_step_takes_about_three_forward_passes(model):
    """Less than that: the first layer's input, an embedding, needs no gradient from a product."""
    step = prepared("train_step", model)
    assert step.flops == 3 * prepared("forward", model).flops
    assert 0.9 * step.flops < counted(step.call) <= step.flops


def test_decoding_takes_what_a_forward_pass_does():
    assert prepared("decode").flops == prepared("forward").flops


def test_a_model_that_does_not_say_has_no_operations():
    phase = prepare(
        "forward",
        "tests.plugins.example:build",
        config=ModelConfig(symbols=16, hidden=HIDDEN),
        length=LENGTH,
        batch_size=BATCH,
        device="cpu",
    )
    assert phase.flops is None


@pytest.mark.parametrize("phase", PHASES)
def test_phase_does_its_work(phase):
    ready = prepared(phase)
    before = [parameter.clone() for parameter in ready.model.parameters()]
    shapes = {"train_step": (), "forward": (BATCH, LENGTH, 16), "decode": (BATCH, LENGTH)}
    result = ready.call()
    assert result.shape == shapes[phase]
    assert not result.requires_grad
    pairs = zip(before, ready.model.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs) == (phase != "train_step")
