"""Writes the target: one skeleton for all models, which is given its attention."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from models.config import ModelConfig
from models.interface import Logits, Memory, States, Target, Weights
from models.recurrent import Read, RecurrentState, build_recurrent, reader, recurrent_flops


class Attention(Protocol):
    """Averages the memory for each query. It keeps nothing between calls.

    What it needs to go on is a state of any form, which it is given and gives back: keys that are
    computed once per source, or where it looked last.
    """

    def path(self) -> str:
        """Name how it is computed: `plain`, `compiled` or `chunked`."""
        ...

    def warm_up(self) -> None:
        """Compile what it needs, if anything."""
        ...

    def begin(self, memory: Memory) -> Any:
        """Compute once per source the state before the first query."""
        ...

    def __call__(self, query: States, state: Any, memory: Memory) -> tuple[States, Weights, Any]:
        """Give a context per target position, the weights, and the state after the last query.

        Each row of the weights sums to 1. The queries of a whole target are one call.
        """
        ...

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations for one sequence, the keys included."""
        ...


class Prepared(NamedTuple):
    """What the items of an answer share: the layer that reads them, and the memory."""

    read: Read
    memory: Memory


class DecoderState(NamedTuple):
    """What goes on from item to item: the states of the network and of the attention."""

    recurrent: RecurrentState
    attention: Any


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

    def begin(self, memory: Memory, state: RecurrentState) -> tuple[Prepared, DecoderState]:
        """Compute once what all items of an answer share, and the state before the first."""
        attention = None if self.attention is None else self.attention.begin(memory)
        prepared = Prepared(reader(self.recurrent, self.embedding), memory)
        return prepared, DecoderState(state, attention)

    def forward(
        self, target_in: Target, state: DecoderState, prepared: Prepared
    ) -> tuple[Logits, DecoderState, Weights | None]:
        """Give logits, the state after the last item, and the weights if there is attention."""
        states, recurrent = prepared.read(target_in, state.recurrent)
        if self.attention is None:
            features, weights, attention = states, None, None
        else:
            context, weights, attention = self.attention(states, state.attention, prepared.memory)
            features = torch.cat((states, context), dim=-1)
        logits = self.output(torch.tanh(self.combine(features)))
        return logits, DecoderState(recurrent, attention), weights

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations for one target sequence, the attention's keys included."""
        # A weight of a product is multiplied once and added once per item.
        readout = 2 * (self.combine.weight.numel() + self.output.weight.numel()) * target_length
        attending = 0
        if self.attention is not None:
            attending = self.attention.flops(source_length, target_length)
        return recurrent_flops(self.recurrent, target_length) + readout + attending
