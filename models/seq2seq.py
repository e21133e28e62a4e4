"""The encoder-decoder, without attention and with each kind of it."""

from collections.abc import Callable
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.attention.layers import (
    AdditiveAttention,
    DotAttention,
    LocationAttention,
    UniformAttention,
)
from models.channel import GaussianChannel, SignChannel
from models.config import ModelConfig
from models.decoder import Attention, Decoder
from models.decoding import greedy_decode
from models.encoder import Encoder
from models.interface import Logits, Memory, Source, Target, Weights
from models.recurrent import RecurrentState, state_numbers, state_of, state_size


class Channel(Protocol):
    """What a state goes through between encoder and decoder, as `numbers` numbers."""

    numbers: int

    def __call__(self, sent: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch numbers"]:
        """Send the numbers of a state, and give what arrives."""
        ...

    def capacity_bits(self) -> float:
        """Compute what can pass at most."""
        ...

    def flops(self) -> int:
        """Count the operations for one sequence."""
        ...


class Seq2Seq(nn.Module):
    """Encoder and decoder; without attention the encoder's final state is all that passes.

    With a channel the state goes through it. The memory of attention does not.

    Source: Sutskever, Vinyals and Le 2014, arXiv:1409.3215, section 2; with attention as in
    `models.decoder`.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        build_attention: Callable[[int], Attention] | None = None,
        build_channel: Callable[..., Channel] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config, build_attention=build_attention)
        # Built last, so that at one seed the other weights are those of the model without it.
        self.channel = None
        if build_channel is not None:
            self.channel = build_channel(config, width=state_size(config))

    def read(self, source: Source) -> tuple[Memory, RecurrentState]:
        """Read the source into the memory and the state that the decoder starts from."""
        memory, state = self.encoder(source)
        if self.channel is not None:
            state = state_of(self.channel(state_numbers(state)), like=state)
        return memory, state

    def attention_path(self) -> str | None:
        """Name how attention is computed: `plain`, `compiled`, `chunked`, None without any."""
        attention = self.decoder.attention
        return None if attention is None else attention.path()

    def warm_up(self) -> None:
        """Compile what the attention needs, so that no timing contains it."""
        if self.decoder.attention is not None:
            self.decoder.attention.warm_up()

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every target item, given the source and the true items before it."""
        prepared, state = self.decoder.begin(*self.read(source))
        return self.decoder(target_in, state, prepared)[0]

    def attention_weights(self, source: Source, target_in: Target) -> Weights | None:
        """Weigh where each target item looks, given the true items before it; None if nowhere."""
        prepared, state = self.decoder.begin(*self.read(source))
        return self.decoder(target_in, state, prepared)[2]

    def context(self, source: Source) -> Float[Tensor, "batch numbers"]:
        """Collect the state that the decoder starts from, all that passes without attention."""
        return state_numbers(self.read(source)[1])

    def memory_numbers(self, source_length: int) -> int:
        """Count the numbers that pass from a source to its answer."""
        passing = state_size(self.config) if self.channel is None else self.channel.numbers
        attended = 0 if self.decoder.attention is None else source_length * self.config.hidden
        return passing + attended

    def capacity_bits(self) -> float | None:
        """Compute the bits that can pass from source to answer at most; None if not known."""
        if self.channel is None or self.decoder.attention is not None:
            return None
        return self.channel.capacity_bits()

    @torch.no_grad()
    def generate(self, source: Source, length: int) -> Int[Tensor, "batch length"]:
        """Answer greedily with `length` items; each step sees only the model's own items."""
        # The source is read once, however long the answer is.
        prepared, state = self.decoder.begin(*self.read(source))
        return greedy_decode(
            lambda item, state: self.decoder(item, state, prepared)[:2],
            state,
            first=source.new_full((len(source), 1), self.config.start),
            length=length,
        )

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of a teacher-forced forward pass over one sequence."""
        parts = self.encoder.flops(source_length) + self.decoder.flops(source_length, target_length)
        return parts + (0 if self.channel is None else self.channel.flops())


# One builder per row of `MODELS`. Their dotted names are part of the ids of runs, so they stay.


def build_plain(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq`: all the source in one fixed-size state."""
    return Seq2Seq(config)


def build_dot(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+dot`."""
    return Seq2Seq(config, build_attention=DotAttention)


def build_additive(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+additive`."""
    return Seq2Seq(config, build_attention=AdditiveAttention)


def build_uniform(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+uniform`, the ablation: attention that cannot choose where to look."""
    return Seq2Seq(config, build_attention=UniformAttention)


def build_location(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+location`."""
    return Seq2Seq(config, build_attention=LocationAttention)


def build_channel(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+channel`: the state passes through k noisy numbers."""
    return Seq2Seq(config, build_channel=GaussianChannel)


def build_dot_channel(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+dot+channel`, the control: its memory does not pass through the channel."""
    return Seq2Seq(config, build_attention=DotAttention, build_channel=GaussianChannel)


def build_signs(config: ModelConfig) -> Seq2Seq:
    """Build `seq2seq+signs`: the state passes through k signs."""
    return Seq2Seq(config, build_channel=SignChannel)
