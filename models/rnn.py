"""One recurrent network without an encoder: two ways to let it answer."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.config import ModelConfig
from models.decoding import greedy_decode
from models.interface import Logits, Source, States, Target
from models.recurrent import (
    RecurrentState,
    build_recurrent,
    reader,
    recurrent_flops,
    state_numbers,
    state_size,
)


class _Readout(nn.Module):
    """Logits from tanh(W h), the same readout as the decoder's without attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.combine = nn.Linear(config.hidden, config.hidden)
        self.output = nn.Linear(config.hidden, config.symbols)

    def forward(self, states: States) -> Logits:
        return self.output(torch.tanh(self.combine(states)))

    def flops(self, items: int) -> int:
        return 2 * (self.combine.weight.numel() + self.output.weight.numel()) * items


class Rnn(nn.Module):
    """One network reads the source, then a start symbol, then its own outputs.

    Source: Graves 2013, arXiv:1308.0850, section 2, with the source as the prefix.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.symbols + 1, config.embedding)
        self.recurrent = build_recurrent(config)
        self.readout = _Readout(config)

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every target item, given the source and the true items before it."""
        read = reader(self.recurrent, self.embedding)
        states, _ = read(torch.cat((source, target_in), dim=1), None)
        # Nobody asks for logits at the source's positions, so they are not computed.
        return self.readout(states[:, source.shape[1] :])

    @torch.no_grad()
    def generate(self, source: Source, length: int) -> Int[Tensor, "batch length"]:
        """Answer greedily with `length` items; each step sees only the model's own items."""
        read = reader(self.recurrent, self.embedding)
        _, state = read(source, None)

        def step(
            item: Int[Tensor, "batch 1"], state: RecurrentState
        ) -> tuple[Float[Tensor, "batch 1 symbols"], RecurrentState]:
            states, state = read(item, state)
            return self.readout(states), state

        start = source.new_full((len(source), 1), self.config.start)
        return greedy_decode(step, state, first=start, length=length)

    def context(self, source: Source) -> Float[Tensor, "batch numbers"]:
        """Collect the state after the source, all that passes to the answer."""
        return state_numbers(reader(self.recurrent, self.embedding)(source, None)[1])

    def memory_numbers(self, source_length: int) -> int:
        """Count the numbers that pass from a source to its answer, however long it is."""
        return state_size(self.config)

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of a teacher-forced forward pass over one sequence."""
        reading = recurrent_flops(self.recurrent, source_length + target_length)
        return reading + self.readout.flops(target_length)


class AlignedRnn(nn.Module):
    """One network answers at once: y_t after x_1..x_t. It never sees an output item.

    This is the plain RNN of the claim that an output sees only the inputs up to now.

    Source: Elman 1990, Cognitive Science 14(2), the network of its figure 2.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.symbols, config.embedding)
        self.recurrent = build_recurrent(config)
        self.readout = _Readout(config)

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every target item, given the source up to the same position.

        Raises:
            ValueError: Source and target differ in length.
        """
        # Only the length of `target_in` is used: the true items before would be another model.
        return self._answer(source, target_in.shape[1])

    @torch.no_grad()
    def generate(self, source: Source, length: int) -> Int[Tensor, "batch length"]:
        """Answer with the most probable item at every position.

        Raises:
            ValueError: `length` is not the source's length.
        """
        return self._answer(source, length).argmax(dim=-1)

    def _answer(self, source: Source, length: int) -> Float[Tensor, "batch source symbols"]:
        if length != source.shape[1]:
            raise ValueError(
                f"length: rnn-aligned answers one item per source item, {source.shape[1]}, "
                f"got {length}"
            )
        states, _ = reader(self.recurrent, self.embedding)(source, None)
        return self.readout(states)

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of a teacher-forced forward pass over one sequence."""
        return recurrent_flops(self.recurrent, source_length) + self.readout.flops(target_length)


# One builder per row of `MODELS`. Their dotted names are part of the ids of runs, so they stay.


def build_rnn(config: ModelConfig) -> Rnn:
    """Build `rnn`."""
    return Rnn(config)


def build_aligned(config: ModelConfig) -> AlignedRnn:
    """Build `rnn-aligned`."""
    return AlignedRnn(config)
