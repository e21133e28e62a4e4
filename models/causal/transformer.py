"""The Transformer: causal self-attention in several heads, each followed by a two-layer network."""

from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.causal.model import CausalModel, Items
from models.config import ModelConfig

PerHead = Float[Tensor, "batch heads items size"]

HEADS = 4
ROOM_ITEMS = 64


class Cache(NamedTuple):
    """Keys and values of the items so far, in memory that may have room for more.

    It can be extended once. The next cache uses the room, so a second extension would overwrite it.
    """

    keys: PerHead
    values: PerHead
    items: int

    def extended(self, keys: Tensor, values: Tensor) -> "Cache":
        """Write keys and values behind those that are there, and make room if it is full."""
        items = self.items + keys.shape[2]
        room = self
        if items > self.keys.shape[2]:
            # Twice the room would copy less often, but keys that lie far apart are read slowly.
            shape = (*keys.shape[:2], items + ROOM_ITEMS, keys.shape[3])
            room = Cache(keys.new_empty(shape), values.new_empty(shape), items)
            room.keys[:, :, : self.items] = self.keys[:, :, : self.items]
            room.values[:, :, : self.items] = self.values[:, :, : self.items]
        room.keys[:, :, self.items : items] = keys
        room.values[:, :, self.items : items] = values
        return room._replace(items=items)


class SelfAttention(nn.Module):
    """Averages the values of all items up to this one by softmax(q.k / sqrt(d)), in each head.

    Its state is all keys and values so far. What an item knows of its place:

    * `rotary`: queries and keys are turned by angles that grow with the position;
    * `alibi`: a penalty on the score grows with the distance, in each head at another slope;
    * `none`: nothing but that later items are hidden.

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1; Su et al. 2021, arXiv:2104.09864,
    equation 34 (rotary); Press, Smith and Lewis 2022, arXiv:2108.12409, section 3 (ALiBi);
    Kazemnejad et al. 2023, arXiv:2305.19466 (none).
    """

    def __init__(self, width: int, *, positions: str) -> None:
        super().__init__()
        # Rotary positions turn pairs of numbers within a head.
        if width % (2 * HEADS):
            raise ValueError(
                f"hidden: a Transformer of {HEADS} heads needs a multiple of {2 * HEADS}, "
                f"got {width}"
            )
        self.positions = positions
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Items, state: Cache | None) -> tuple[Items, Cache]:
        """Attend from items to themselves and to all whose keys and values are the state."""
        items, before = x.shape[1], 0 if state is None else state.items
        queries_and_keys, value = self.project(x).unflatten(-1, (3, HEADS, -1)).split((2, 1), dim=2)
        if self.positions == "rotary":
            # Keys are kept turned: the angle between two items depends on their distance alone.
            queries_and_keys = rotated(queries_and_keys, first=before)
        query, key, value = (
            each.transpose(1, 2) for each in (*queries_and_keys.unbind(2), value.squeeze(2))
        )
        state = Cache(key, value, items) if state is None else state.extended(key, value)
        key, value = state.keys[:, :, : state.items], state.values[:, :, : state.items]
        mask = self._mask(x, before)
        if items == 1:
            # The fused call below takes 6 times as long for one item of 64 sequences.
            scores = query @ key.mT / query.shape[-1] ** 0.5
            mixed = torch.softmax(scores if mask is None else scores + mask, dim=-1) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2)), state

    def _mask(self, x: Items, before: int) -> Float[Tensor, "1 heads items all_items"] | None:
        """Make what is added to the scores, -inf for items that are still to come."""
        items = x.shape[1]
        if items == 1 and self.positions != "alibi":
            return None  # The newest item sees all.
        places = torch.arange(before + items, dtype=x.dtype, device=x.device)
        distance = places[before:, None] - places
        penalty = torch.zeros_like(distance)[None]
        if self.positions == "alibi":
            slopes = 2.0 ** (-8 / HEADS * torch.arange(1, HEADS + 1).to(x))
            penalty = slopes[:, None, None] * distance
        # Four axes: for a mask of three, torch computes and keeps all weights, 3 times as slow.
        return (-penalty).masked_fill(distance < 0, -torch.inf)[None]

    def memory_numbers(self, items: int) -> int:
        """Count the keys and values of so many items."""
        return 2 * items * self.out.in_features

    def flops(self, items: int) -> int:
        """Count the operations for one sequence, hidden items included: they are computed too."""
        weights = self.project.weight.numel() + self.out.weight.numel()
        return 2 * weights * items + 4 * self.out.in_features * items**2


def rotated(
    x: Float[Tensor, "batch items both heads size"], *, first: int, base: float = 10_000.0
) -> Float[Tensor, "batch items both heads size"]:
    """Turn numbers 2j and 2j + 1 by the angle position x base^(-2j / size).

    Args:
        first: Position of the first item.
    """
    pairs = x.unflatten(-1, (-1, 2))
    places = torch.arange(first, first + x.shape[1], dtype=x.dtype, device=x.device)
    exponents = torch.arange(pairs.shape[-2], dtype=x.dtype, device=x.device) / pairs.shape[-2]
    angles = (places[:, None] * base**-exponents)[:, None, None]
    # A pair as a complex number, whose product with exp(i angle) is the pair turned.
    turned = torch.view_as_complex(pairs) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2)


class FeedForward(nn.Module):
    """Runs each item by itself through two layers: W2 max(0, W1 x). It has no state.

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 2.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # Not four times the width, as there: at 3/2 the model is as large as `seq2seq+dot`.
        inner = 3 * width // 2
        self.layers = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))

    def forward(self, x: Items, state: Any) -> tuple[Items, Any]:
        """Run each item by itself."""
        return self.layers(x), state

    def memory_numbers(self, items: int) -> int:
        """Count nothing: no item sees another."""
        return 0

    def flops(self, items: int) -> int:
        """Count the operations for one sequence."""
        return 2 * sum(each.numel() for each in self.parameters() if each.dim() == 2) * items


def _build(config: ModelConfig, *, positions: str) -> CausalModel:
    layer = (partial(SelfAttention, positions=positions), FeedForward)
    return CausalModel(config, build_mixers=(config.layers or 2) * layer)


# One builder per row of `MODELS`. Their dotted names are part of the ids of runs, so they stay.


def build(config: ModelConfig) -> CausalModel:
    """Build `transformer`, with rotary positions."""
    return _build(config, positions="rotary")


def build_alibi(config: ModelConfig) -> CausalModel:
    """Build `transformer-alibi`."""
    return _build(config, positions="alibi")


def build_nope(config: ModelConfig) -> CausalModel:
    """Build `transformer-nope`, without positions."""
    return _build(config, positions="none")
