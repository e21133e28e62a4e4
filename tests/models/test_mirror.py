"""With the two-way encoder, copy and reverse are one experiment, mirrored.

Swap the encoder's directions and the halves of every state vector. The mirrored model then gives
for `reverse` on the reversed source what the model gives for `copy`, and so do its gradients. The
laws of initialisation and of the sources do not change under the swap. So both tasks have one law
of results, and a finding on both is one finding.
"""

import pytest
import torch

from bench.training.seeding import initialise, stream
from bench.training.train import item_loss
from models.config import ModelConfig
from models.seq2seq import build_additive, build_dot, build_plain, build_uniform

CONFIG = ModelConfig(symbols=16, hidden=16)
UNITS = torch.arange(CONFIG.hidden).roll(CONFIG.hidden // 2)
GATES = torch.cat([UNITS + gate * CONFIG.hidden for gate in range(4)])


def swapped(weights):
    """Mirror a table of weights, or of their gradients."""
    mirrored = dict(weights)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        ahead, back = f"encoder.recurrent.{name}_l0", f"encoder.recurrent.{name}_l0_reverse"
        mirrored[ahead], mirrored[back] = weights[back], weights[ahead]
        own = f"decoder.recurrent.{name}_l0"
        mirrored[own] = weights[own][GATES]
        if name == "weight_hh":
            mirrored[own] = mirrored[own][:, UNITS]
    combine = weights["decoder.combine.weight"]
    parts = [UNITS + part for part in range(0, combine.shape[1], CONFIG.hidden)]
    mirrored["decoder.combine.weight"] = combine[:, torch.cat(parts)]
    for name in ("query_projection", "key_projection"):
        own = f"decoder.attention.{name}.weight"
        if own in weights:
            mirrored[own] = weights[own][:, UNITS]
    return mirrored


@pytest.mark.parametrize("build", [build_plain, build_dot, build_additive, build_uniform])
def test_reverse_is_copy_mirrored(build):
    model = initialise(build, CONFIG, seed=1)
    mirror = initialise(build, CONFIG, seed=2)
    mirror.load_state_dict(swapped(model.state_dict()))
    target = torch.randint(16, (8, 30), generator=stream(1, "sources"))
    target_in = torch.cat((torch.full((8, 1), 16), target[:, :-1]), dim=1)
    logits, mirrored = model(target, target_in), mirror(target.flip(1), target_in)
    assert (logits - mirrored).abs().max() < 1e-5
    for each in (logits, mirrored):
        item_loss(each, target).backward()
    expected = swapped({name: each.grad for name, each in model.named_parameters()})
    for name, parameter in mirror.named_parameters():
        assert (parameter.grad - expected[name]).abs().max() < 1e-6, name
