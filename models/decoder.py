"""Writes the target: one skeleton, with the attention injected."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.config import ModelConfig
from models.recurrent import RecurrentState, build_recurrent, recurrent_flops


class Attention(Protocol):
    """Averages the memory for each query. It keeps no state between calls.

    `keys` is whatever `forward` wants to have computed once per source.
    """

    def path(self) -> str:
        """Return how it is computed: `plain`, `compiled` or `chunked`."""
        ...

    def warm_up(self) -> None:
        """Compile what it needs, if anything."""
        ...

    def keys(self, memory: Float[Tensor, "batch source hidden"]) -> Any:
        """Compute once per source what every query is compared with."""
        ...

    def __call__(
        self,
        query: Float[Tensor, "batch target hidden"],
        keys: Any,
        memory: Float[Tensor, "batch source hidden"],
    ) -> tuple[Float[Tensor, "batch target hidden"], Float[Tensor, "batch target source"]]:
        """Return a context per target position and the weights, each row of which sums to 1."""
        ...

    def flops(self, source_length: int, target_length: int) -> int:
        """Floating-point operations for one sequence, the keys included."""
        ...


class Decoder(nn.Module):
    """State h_t, context c_t, output from tanh(W [h_t; c_t]), or tanh(W h_t) without attention.

    The attention does not feed the recurrence, so all the states of a known target are one
    fused call, and greedy decoding runs the same code on one item at a time.

    Source: Luong, Pham and Manning 2015, arXiv:1508.04025, equations 5 and 6, without the input
    feeding of their section 3.3.
    """

    def __init__(
        self, config: ModelConfig, *, build_attention: Callable[[int], Attention] | None
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.symbols + 1, config.embedding)
        self.recurrent = build_recurrent(config)
        # The attention is built last, so that two kinds of it begin with the same decoder.
        width = config.hidden if build_attention is None else 2 * config.hidden
        self.combine = nn.Linear(width, config.hidden)
        self.output = nn.Linear(config.hidden, config.symbols)
        self.attention = None if build_attention is None else build_attention(config.hidden)

    def keys(self, memory: Float[Tensor, "batch source hidden"]) -> Any:
        """Compute once per source what the attention compares its queries with."""
        return None if self.attention is None else self.attention.keys(memory)

    def forward(
        self,
        target_in: Int[Tensor, "batch target"],
        state: RecurrentState,
        *,
        memory: Float[Tensor, "batch source hidden"],
        keys: Any,
    ) -> tuple[
        Float[Tensor, "batch target symbols"],
        RecurrentState,
        Float[Tensor, "batch target source"] | None,
    ]:
        """Return logits, the state after the last item, and the attention weights if there are."""
        states, state = self.recurrent(self.embedding(target_in), state)
        if self.attention is None:
            features, weights = states, None
        else:
            context, weights = self.attention(states, keys, memory)
            features = torch.cat((states, context), dim=-1)
        return self.output(torch.tanh(self.combine(features))), state, weights

    def flops(self, source_length: int, target_length: int) -> int:
        """Floating-point operations for one target sequence, the attention's keys included."""
        readout = 2 * (self.combine.weight.numel() + self.output.weight.numel()) * target_length
        attending = 0
        if self.attention is not None:
            attending = self.attention.flops(source_length, target_length)
        return recurrent_flops(self.recurrent, target_length) + readout + attending
