"""Each mixer in float64: all items at once against one by one, and against its equations."""

import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.causal.gated_deltanet import CHUNK_ITEMS, GatedDeltaNet, gated_delta_rule
from models.causal.mamba2 import Mamba2, state_space
from models.causal.minlstm import MinLstm, scan
from models.causal.model import Recomputed
from models.causal.state_space import ShortConvolution
from models.causal.transformer import FeedForward, SelfAttention, build, rotated
from models.config import ModelConfig

WIDTH = 16


class CausalMean(nn.Module):
    """A layer of a user, without a state."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return self.linear(x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None])


MIXERS = {
    "rotary": partial(SelfAttention, positions="rotary"),
    "alibi": partial(SelfAttention, positions="alibi"),
    "none": partial(SelfAttention, positions="none"),
    "feed-forward": FeedForward,
    "mamba2": Mamba2,
    "gated-deltanet": GatedDeltaNet,
    "minlstm": MinLstm,
    "recomputed": partial(Recomputed, build_layer=CausalMean),
}


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def built(name):
    torch.manual_seed(0)
    return MIXERS[name](WIDTH).double()


def assert_equal(one, other):
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("items", [1, CHUNK_ITEMS, 2 * CHUNK_ITEMS + 11])
@pytest.mark.parametrize("name", MIXERS)
def test_items_at_once_are_items_one_by_one(name, items):
    """Also across the borders of chunks, and beyond the room of a cache."""
    mixer, x = built(name), drawn(3, items, WIDTH)
    at_once, _ = mixer(x, None)
    state, steps = None, []
    with torch.no_grad():
        for item in x.split(1, dim=1):
            y, state = mixer(item, state)
            steps.append(y)
    assert_equal(at_once.detach(), torch.cat(steps, dim=1))


@pytest.mark.parametrize("first", [2, CHUNK_ITEMS + 5])
@pytest.mark.parametrize("name", MIXERS)
def test_several_items_go_on_from_a_state(name, first):
    mixer, x = built(name), drawn(3, 2 * CHUNK_ITEMS + 11, WIDTH)
    with torch.no_grad():
        at_once, _ = mixer(x, None)
        before, state = mixer(x[:, :first], None)
        after, _ = mixer(x[:, first:], state)
    assert_equal(at_once, torch.cat((before, after), dim=1))


# The equations, as the papers have them.


def test_rotary_scores_depend_on_the_distance_alone():
    """Su et al. 2021, equation 16, and equation 13 in two dimensions."""
    x = drawn(1, 1, 2, 1, 8)
    (query, key), (later, other) = (
        (rotated(x, first=place)[0, 0, 0, 0], rotated(x, first=place + 4)[0, 0, 1, 0])
        for place in (3, 90)
    )
    assert_equal(query @ key, later @ other)
    flat = drawn(1, 1, 1, 1, 2)
    cosine, sine = math.cos(5), math.sin(5)
    turn = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    assert_equal(rotated(flat, first=5).flatten(), turn @ flat.flatten())


@pytest.mark.parametrize("positions", ["none", "alibi"])
def test_attention_is_the_softmax_of_its_scores(positions):
    """Vaswani et al. 2017, equation 1; Press et al. 2022: slopes 1/4, 1/16, 1/64, 1/256."""
    mixer, x = built(positions), drawn(2, 5, WIDTH)
    query, key, value = mixer.project(x).view(2, 5, 3, 4, 4).permute(2, 0, 3, 1, 4)
    expected = torch.zeros(2, 4, 5, 4, dtype=torch.float64)
    for head, slope in enumerate((1 / 4, 1 / 16, 1 / 64, 1 / 256)):
        for t in range(5):
            scores = (query[:, head, t, None] * key[:, head, : t + 1]).sum(-1) / 2
            if positions == "alibi":
                scores = scores - slope * (t - torch.arange(t + 1))
            weights = torch.softmax(scores, dim=-1)
            expected[:, head, t] = (weights[..., None] * value[:, head, : t + 1]).sum(1)
    assert_equal(mixer(x, None)[0], mixer.out(expected.transpose(1, 2).flatten(2)))


def test_state_space_is_its_recurrence():
    """Dao and Gu 2024, equation 2, from a state that is not 0."""
    items = 2 * CHUNK_ITEMS + 11
    query, key = drawn(2, items, 8), drawn(2, items, 8, seed=1)
    value, memory = drawn(2, items, 3, 5, seed=2), drawn(2, 8, 3, 5, seed=3)
    log_decay = -drawn(2, items, 3, seed=4).abs()
    y, last = state_space(query, key, value, log_decay, memory)
    for t in range(items):
        memory = memory * log_decay[:, t].exp()[:, None, :, None]
        memory = memory + torch.einsum("bk,bhv->bkhv", key[:, t], value[:, t])
        assert_equal(y[:, t], torch.einsum("bk,bkhv->bhv", query[:, t], memory))
    assert_equal(last, memory)


def test_gated_delta_rule_is_its_recurrence():
    """Yang, Kautz and Hatamizadeh 2024, equation 10, with the matrix of their paper in full."""
    items = 2 * CHUNK_ITEMS + 11
    query, value = drawn(2, 3, items, 8), drawn(2, 3, items, 5, seed=1)
    key = functional.normalize(drawn(2, 3, items, 8, seed=2), dim=-1)
    log_decay, strength = -drawn(2, 3, items, seed=3).abs(), drawn(2, 3, items, seed=4).sigmoid()
    memory = drawn(2, 3, 8, 5, seed=5)
    y, last = gated_delta_rule(query, key, value, log_decay, strength, memory)
    for t in range(items):
        k, b = key[:, :, t, :, None], strength[:, :, t, None, None]
        erase = torch.eye(8, dtype=torch.float64) - b * k @ k.mT
        memory = log_decay[:, :, t, None, None].exp() * erase @ memory
        memory = memory + b * k @ value[:, :, t, None]
        assert_equal(y[:, :, t], (query[:, :, t, None] @ memory).squeeze(2))
    assert_equal(last, memory)


def test_min_lstm_is_its_recurrence():
    """Feng et al. 2024, section 3.2, and their scan in log space, appendix B."""
    mixer, x = built("minlstm"), drawn(2, 9, WIDTH)
    forget, admit, value = mixer.project(x).chunk(3, dim=-1)
    f, i = forget.sigmoid(), admit.sigmoid()
    keep, add = f / (f + i), i / (f + i) * torch.where(value >= 0, value + 0.5, value.sigmoid())
    h, states = torch.zeros(2, WIDTH), []
    for t in range(9):
        h = keep[:, t] * h + add[:, t]
        states.append(h)
    expected = torch.stack(states, dim=1)
    assert_equal(mixer(x, None)[0], mixer.out(expected))
    total = keep.log().cumsum(1)
    in_logarithms = (total + (add.log() - total).logcumsumexp(1)).exp()
    assert_equal(scan(keep, add, None), in_logarithms)


def test_short_convolution_is_that_of_torch():
    convolution, x = ShortConvolution(6).double(), drawn(2, 9, 6)
    weight = convolution.weight.t()[:, None]
    padded = functional.pad(x.transpose(1, 2), (3, 0))
    expected = functional.conv1d(padded, weight, convolution.bias, groups=6)
    assert_equal(convolution(x, None)[0], functional.silu(expected).transpose(1, 2))


def test_mamba2_is_that_of_transformers():
    """A second opinion, by other authors, of the whole layer."""
    peer_of = pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

    config = peer_of.Mamba2Config(
        hidden_size=WIDTH, num_heads=4, head_dim=8, state_size=8, n_groups=1, expand=2,
        conv_kernel=4, chunk_size=CHUNK_ITEMS, use_bias=False, layer_norm_epsilon=1e-7,
    )  # fmt: skip
    mixer, peer, x = built("mamba2").float(), Mamba2Mixer(config, layer_idx=0), drawn(2, 75, WIDTH)
    own = mixer.state_dict()
    peer.load_state_dict(
        {
            "in_proj.weight": own["project.weight"],
            "conv1d.weight": own["convolution.weight"].t()[:, None],
            "conv1d.bias": own["convolution.bias"],
            "A_log": own["log_rate"],
            "dt_bias": own["step_bias"],
            "D": own["skip"],
            "norm.weight": own["norm.weight"],
            "out_proj.weight": own["out.weight"],
        }
    )
    torch.testing.assert_close(
        mixer(x.float(), None)[0], peer.torch_forward(x.float()), rtol=1e-4, atol=1e-5
    )


def test_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match=r"^hidden: .* needs a multiple of 8, got 12"):
        build(ModelConfig(symbols=4, hidden=12))
