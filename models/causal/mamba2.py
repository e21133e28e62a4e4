"""Mamba-2: a matrix-valued state for each head, which decays and takes up one product per item."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.causal.model import CausalModel, Items
from models.causal.state_space import ShortConvolution, decay_between, initial_decay
from models.config import ModelConfig

PerHead = Float[Tensor, "batch items heads values"]
Keys = Float[Tensor, "batch items keys"]
Memory = Float[Tensor, "batch keys heads values"]

CHUNK_ITEMS = 32
HEADS = 4


class Mamba2(nn.Module):
    """S_t = exp(-D_t a) S_(t-1) + D_t b_t x_t', y_t = S_t' c_t + d x_t, gated by z_t.

    x, b and c come from one projection and a short convolution; the step D and the gate z from
    the same projection. b and c are shared by all heads, a, d and D are numbers of a head.

    Source: Dao and Gu 2024, arXiv:2405.21060, equation 2, sections 6 (chunks) and 7 (block).
    The state of a head has hidden / 2 keys.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.keys = 2 * width, width // 2
        self.sizes = (self.inner, self.inner + 2 * self.keys, HEADS)
        self.project = nn.Linear(width, sum(self.sizes), bias=False)
        self.convolution = ShortConvolution(self.sizes[1])
        self.log_rate, self.step_bias = initial_decay(HEADS)
        self.skip = nn.Parameter(torch.ones(HEADS))
        self.norm = nn.RMSNorm(self.inner)
        self.out = nn.Linear(self.inner, width, bias=False)

    def forward(
        self, x: Items, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Items, tuple[Tensor, Tensor]]:
        """Mix items that follow the last inputs of the convolution, and a memory."""
        before, memory = (None, None) if state is None else state
        gate, mixed, step = self.project(x).split(self.sizes, dim=-1)
        mixed, before = self.convolution(mixed, before)
        value, key, query = mixed.split((self.inner, self.keys, self.keys), dim=-1)
        value = value.unflatten(-1, (HEADS, -1))
        step = functional.softplus(step + self.step_bias)
        log_decay = -step * self.log_rate.exp()
        y, memory = state_space(query, key, step[..., None] * value, log_decay, memory)
        y = (y + self.skip[:, None] * value).flatten(2)
        return self.out(self.norm(y * functional.silu(gate))), (before, memory)

    def memory_numbers(self, items: int) -> int:
        """Count the numbers of memory and convolution, however many items there were."""
        return self.keys * self.inner + self.convolution.memory_numbers()

    def flops(self, items: int) -> int:
        """Count the operations of the products over one sequence, whole chunks."""
        weights = self.project.weight.numel() + self.out.weight.numel()
        size = min(CHUNK_ITEMS, items)
        whole = items + -items % size
        within = 2 * size * (self.keys + self.inner)
        across = 4 * self.keys * self.inner
        return 2 * weights * items + (within + across) * whole


def state_space(
    query: Keys,
    key: Keys,
    value: PerHead,
    log_decay: Float[Tensor, "batch items heads"],
    memory: Memory | None,
) -> tuple[PerHead, Memory]:
    """Compute S_t = exp(log_decay_t) S_(t-1) + key_t value_t' and S_t' query_t, by chunks.

    Within a chunk, item t reads of item s (query_t . key_s) value_s, decayed by what lies between.
    Only the memory goes from chunk to chunk.

    Args:
        log_decay: Below 0.
        memory: S before the first item; None is 0.

    Returns:
        What each item reads, and the last S.
    """
    items = value.shape[1]
    if items == 1 and memory is not None:  # The recurrence as it stands.
        added = key[:, 0, :, None, None] * value
        memory = torch.addcmul(added, log_decay.exp()[..., None], memory)
        return torch.bmm(query, memory.flatten(2)).unflatten(2, value.shape[2:]), memory
    size = min(CHUNK_ITEMS, items)
    # Items of zeros that do not decay change nothing.
    pad = -items % size
    query, key = (functional.pad(x, (0, 0, 0, pad)).unflatten(1, (-1, size)) for x in (query, key))
    value = functional.pad(value, (0, 0, 0, 0, 0, pad)).unflatten(1, (-1, size))
    decay = functional.pad(log_decay, (0, 0, 0, pad)).unflatten(1, (-1, size)).cumsum(2)

    scores = (query @ key.mT)[:, :, None] * decay_between(decay.transpose(2, 3))
    within = (scores @ value.transpose(2, 3)).transpose(2, 3)

    left = (decay[:, :, -1:] - decay).exp()[..., None]
    written = (key.mT @ (left * value).flatten(3)).unflatten(3, value.shape[3:])
    kept = decay[:, :, -1].exp()[:, :, None, :, None]
    if memory is None:
        memory = torch.zeros_like(written[:, 0])
    read = []
    for chunk in range(written.shape[1]):
        read.append((query[:, chunk] @ memory.flatten(2)).unflatten(2, value.shape[3:]))
        memory = torch.addcmul(written[:, chunk], kept[:, chunk], memory)
    y = torch.addcmul(within, decay.exp()[..., None], torch.stack(read, dim=1))
    return y.flatten(1, 2)[:, :items], memory


def build(config: ModelConfig) -> CausalModel:
    """Build `mamba2`. Its dotted name is part of the ids of runs, so it stays."""
    return CausalModel(config, build_mixers=(config.layers or 2) * (Mamba2,))
