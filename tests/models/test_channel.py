"""A channel passes what its capacity allows, and a leak beside it is seen."""

import math

import pytest
import torch

from bench.training.seeding import initialise, seeded_model, stream
from bench.training.train import item_loss
from models.attention.layers import DotAttention
from models.channel import GaussianChannel, SignChannel
from models.config import ModelConfig
from models.seq2seq import Seq2Seq, build_channel, build_dot_channel, build_signs
from tasks import TASKS
from tasks.sampling import sample_batch

LENGTH, SYMBOLS = 3, 4


def config_of(numbers, snr=3.0):
    return ModelConfig(symbols=SYMBOLS, hidden=16, channel_numbers=numbers, channel_snr=snr)


def what_arrives(channel, sent):
    arrived = []
    channel.leave.register_forward_pre_hook(lambda _, given: arrived.extend(given))
    with torch.no_grad(), seeded_model(1, "answers"):
        channel(sent)
    return arrived[-1]


@pytest.mark.parametrize(("numbers", "snr"), [(16, 3.0), (8, 15.0), (32, 1.0)])
def test_three_channels_of_sixteen_bits(numbers, snr):
    model = initialise(build_channel, config_of(numbers, snr), seed=1)
    assert model.capacity_bits() == 16
    assert model.memory_numbers(200) == numbers


def test_every_source_has_power_one_and_meets_the_noise_of_its_ratio():
    channel = GaussianChannel(config_of(8, 15.0), width=32)
    sent = torch.randn(4000, 32, generator=stream(1, "states")) * 9
    arrived = what_arrives(channel, sent)
    code = channel.enter(sent)
    code = code / code.norm(dim=1, keepdim=True) * math.sqrt(8)
    noise = arrived - code
    assert (noise.var() * 15).item() == pytest.approx(1, abs=0.05)
    assert (noise * code).mean().abs().item() < 0.02
    # One state twice: what was sent is alike, what arrives is not.
    twice = what_arrives(channel, sent[:1].repeat(2, 1))
    assert not torch.equal(twice[0], twice[1])


def test_two_signs_are_four_values_to_the_last_bit():
    channel = SignChannel(config_of(2), width=32)
    sent = torch.randn(2000, 32, generator=stream(1, "states"))
    sent[0] = 0
    assert len({tuple(row.tolist()) for row in what_arrives(channel, sent)}) == 4


def bits_and_error(model):
    """Train for a while; bits carried per sequence on new ones, and their standard error."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    draw = stream(1, "train")

    def batch(size, split):
        kind = {"length": LENGTH, "symbols": SYMBOLS, "split": split}
        return sample_batch(TASKS["copy"], draw, batch_size=size, **kind)

    with seeded_model(1, "training"):
        for _ in range(400):
            optimizer.zero_grad()
            given = batch(64, "train")
            item_loss(model(given.source, given.target_in), given.target).backward()
            optimizer.step()
        held_out = batch(2000, "test")
        with torch.no_grad():
            logits = model.eval()(held_out.source, held_out.target_in).log_softmax(dim=-1)
    each = logits.gather(2, held_out.target.unsqueeze(2)).sum(dim=(1, 2)) / math.log(2)
    bits = LENGTH * math.log2(SYMBOLS) + each
    return bits.mean().item(), bits.std().item() / math.sqrt(len(bits))


def leaking(config):
    """The planted fault: the memory is handed over beside the channel, and nobody says so."""
    model = Seq2Seq(config, build_attention=DotAttention, build_channel=GaussianChannel)
    model.capacity_bits = model.channel.capacity_bits
    return model


@pytest.mark.parametrize(
    ("build", "leaks"),
    [(build_channel, False), (build_signs, False), (leaking, True)],
    ids=["noise", "signs", "leak"],
)
def test_no_model_passes_its_capacity_and_a_leak_does(build, leaks):
    model = initialise(build, config_of(2, 3.0), seed=1)
    bits, error = bits_and_error(model)
    assert model.capacity_bits() == 2
    assert (bits > 2 + 3 * error) is leaks
    # Else the bound would hold for a model that has learned nothing.
    assert bits > 0.5


def test_the_control_names_no_capacity_and_counts_its_memory():
    model = initialise(build_dot_channel, config_of(8), seed=1)
    assert model.capacity_bits() is None
    assert model.memory_numbers(10) == 8 + 10 * 16
