"""Writes the target: one skeleton for all models, which is given its attention."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from models.config import ModelConfig
from models.interface import Logits, Memory, States, Target, Weights
from models.recurrent import Read, RecurrentState, build_recurrent, reader, recurrent_flops


class Attention(Protocol):
    """Averages the memory for each query. It keeps no state between calls.

    `keys` is whatever the attention wants to have computed once per source.
    """

    def path(self) -> str:
        """Name how it is computed: `plain`, `compiled` or `chunked`."""
        ...

    def warm_up(self) -> None:
        """Compile what it needs, if anything."""
        ...

    def keys(self, memory: Memory) -> Any:
        """Compute once per source what every query is compared with."""
        ...

    def __call__(self, query: States, keys: Any, memory: Memory) -> tuple[States, Weights]:
        """Give a context per target position, and the weights, each row of which sums to 1."""
        ...

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations for one sequence, the keys included."""
        ...


class Prepared(NamedTuple):
    """What the items of an answer share: the layer that reads them, the memory and its keys."""

    read: Read
    memory: Memory
    keys: Any


class Decoder(nn.Module):
    """State h_t, context c_t, output from tanh(W [h_t; c_t]), or tanh(W h_t) without attention.

    The query is h_t itself. The context does not feed the recurrence, so that all the states of a
    known target are one fused call. Greedy decoding runs the same code on one item at a time.

    Source: Luong, Pham and Manning 2015, arXiv:1508.04025, equations 5 and 6, without the input
    feeding of their section 3.3.
    """

    def __init__(
        self, config: ModelConfig, *, build_attention: Callable[[int], Attention] | None
    ) -> None:
        super().__init__()
        # One row more than the encoder has: the decoder also reads the start symbol.
        self.embedding = nn.Embedding(config.symbols + 1, config.embedding)
        self.recurrent = build_recurrent(config)
        width = config.hidden if build_attention is None else 2 * config.hidden
        self.combine = nn.Linear(width, config.hidden)
        self.output = nn.Linear(config.hidden, config.symbols)
        # The attention is built last, so that at one seed two kinds of it begin with the same
        # decoder: what it draws moves nobody else's random numbers.
        self.attention = None if build_attention is None else build_attention(config.hidden)

    def prepare(self, memory: Memory) -> Prepared:
        """Compute once what is the same for all the items of an answer."""
        keys = None if self.attention is None else self.attention.keys(memory)
        return Prepared(reader(self.recurrent, self.embedding), memory, keys)

    def forward(
        self, target_in: Target, state: RecurrentState, prepared: Prepared
    ) -> tuple[Logits, RecurrentState, Weights | None]:
        """Give logits, the state after the last item, and the weights if there is attention."""
        states, state = prepared.read(target_in, state)
        if self.attention is None:
            features, weights = states, None
        else:
            context, weights = self.attention(states, prepared.keys, prepared.memory)
            features = torch.cat((states, context), dim=-1)
        return self.output(torch.tanh(self.combine(features))), state, weights

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations for one target sequence, the attention's keys included."""
        # A weight of a product is multiplied once and added once per item.
        readout = 2 * (self.combine.weight.numel() + self.output.weight.numel()) * target_length
        attending = 0
        if self.attention is not None:
            attending = self.attention.flops(source_length, target_length)
        return recurrent_flops(self.recurrent, target_length) + readout + attending
