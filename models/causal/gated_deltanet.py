"""Gated DeltaNet: a matrix-valued state that forgets, and corrects what it has under a key."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.causal.model import CausalModel, Items
from models.causal.state_space import ShortConvolution, decay_between, initial_decay
from models.config import ModelConfig

Keys = Float[Tensor, "batch heads items keys"]
Values = Float[Tensor, "batch heads items values"]
Numbers = Float[Tensor, "batch heads items"]
Memory = Float[Tensor, "batch heads keys values"]

CHUNK_ITEMS = 32
HEADS = 2


class GatedDeltaNet(nn.Module):
    """S_t = a_t (I - b_t k_t k_t') S_(t-1) + b_t k_t v_t', o_t = S_t' q_t, in each head.

    q, k and v come from a projection and a short convolution; q and k have length 1. The decay a
    and the strength b lie in (0, 1). The output is normalised, and gated by SiLU(W x).

    Source: Yang, Kautz and Hatamizadeh 2024, arXiv:2412.06464, equation 10 and section 3.4. Their
    values are twice as wide as their keys. These are as wide.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.size = width // HEADS
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.gate = nn.Linear(width, width, bias=False)
        self.convolution = ShortConvolution(3 * width)
        self.strength = nn.Linear(width, HEADS, bias=False)
        self.step = nn.Linear(width, HEADS, bias=False)
        self.log_rate, self.step_bias = initial_decay(HEADS)
        self.norm = nn.RMSNorm(self.size)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self, x: Items, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Items, tuple[Tensor, Tensor]]:
        """Mix items that follow the last inputs of the convolution, and a memory."""
        before, memory = (None, None) if state is None else state
        mixed, before = self.convolution(self.project(x), before)
        query, key, value = mixed.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        log_decay = -self.log_rate.exp() * functional.softplus(self.step(x) + self.step_bias)
        strength = torch.sigmoid(self.strength(x))
        gates = log_decay.transpose(1, 2), strength.transpose(1, 2)
        y, memory = gated_delta_rule(query, key, value, *gates, memory)
        y = self.norm(y.transpose(1, 2)).flatten(2)
        return self.out(y * functional.silu(self.gate(x))), (before, memory)

    def memory_numbers(self, items: int) -> int:
        """Count the numbers of memory and convolution, however many items there were."""
        return HEADS * self.size**2 + self.convolution.memory_numbers()

    def flops(self, items: int) -> int:
        """Count the operations of products and triangular solutions over whole chunks."""
        layers = (self.project, self.gate, self.strength, self.step, self.out)
        weights = sum(layer.weight.numel() for layer in layers)
        size = min(CHUNK_ITEMS, items)
        whole = items + -items % size
        # Three products within chunks, and half of two, which is the triangular solution.
        within = (3 + 1) * 2 * size * self.size
        across = 3 * 2 * self.size**2
        chunks = HEADS * (within + across) * whole
        return 2 * weights * items + chunks


def gated_delta_rule(
    query: Keys,
    key: Keys,
    value: Values,
    log_decay: Numbers,
    strength: Numbers,
    memory: Memory | None,
) -> tuple[Values, Memory]:
    """Compute S_t = a_t (I - b_t k_t k_t') S_(t-1) + b_t k_t v_t' and S_t' q_t, by chunks.

    Let g_t be the product of the decays a of a chunk up to item t, and S_0 the memory before it.
    Then S_t = g_t S_0 + sum over s <= t of (g_t / g_s) k_s u_s', where
    u_t = b_t (v_t - a_t S_(t-1)' k_t). So all u of a chunk solve a triangular system:
    u_t + sum over s < t of b_t (g_t / g_s) (k_t . k_s) u_s = b_t v_t - b_t g_t S_0' k_t.

    Args:
        log_decay: Logarithm of a, below 0.
        strength: b, from 0 to 1.
        memory: S before the first item; None is 0.

    Returns:
        What each item reads, and the last S.

    Source: Yang et al. 2024, arXiv:2406.06484, section 3; arXiv:2412.06464, section 3.3.
    """
    items = value.shape[2]
    if items == 1 and memory is not None:  # The recurrence as it stands.
        memory = log_decay.exp()[..., None] * memory
        u = strength[..., None] * (value - key @ memory)
        memory = torch.addcmul(memory, key.mT, u)
        return query @ memory, memory
    size = min(CHUNK_ITEMS, items)
    # Items of zeros that do not decay change nothing.
    pad = -items % size
    query, key, value = (
        functional.pad(x, (0, 0, 0, pad)).unflatten(2, (-1, size)) for x in (query, key, value)
    )
    log_decay, strength = (
        functional.pad(x, (0, pad)).unflatten(2, (-1, size)) for x in (log_decay, strength)
    )
    decay, strength = log_decay.cumsum(-1), strength[..., None]

    between = decay_between(decay)
    system = strength * (key @ key.mT) * between
    sides = torch.cat((strength * value, strength * decay.exp()[..., None] * key), dim=-1)
    # It reads what is below the diagonal only, and takes the diagonal for 1.
    solved = torch.linalg.solve_triangular(system, sides, upper=False, unitriangular=True)
    fresh, erased = solved.split((value.shape[-1], key.shape[-1]), dim=-1)

    scores = (query @ key.mT) * between
    seen = decay.exp()[..., None] * query
    kept = decay[..., -1].exp()[..., None, None]
    written = (decay[..., -1:] - decay).exp()[..., None] * key
    if memory is None:
        memory = value.new_zeros(*key.shape[:2], key.shape[-1], value.shape[-1])
    y = []
    for chunk in range(key.shape[2]):
        u = fresh[:, :, chunk] - erased[:, :, chunk] @ memory
        y.append(seen[:, :, chunk] @ memory + scores[:, :, chunk] @ u)
        memory = kept[:, :, chunk] * memory + written[:, :, chunk].mT @ u
    return torch.cat(y, dim=2)[:, :, :items], memory


def build(config: ModelConfig) -> CausalModel:
    """Build `gated-deltanet`. Its dotted name is part of the ids of runs, so it stays."""
    return CausalModel(config, build_mixers=(config.layers or 2) * (GatedDeltaNet,))
