"""Reads the source: one memory vector per item, and one final state."""

from torch import nn

from models.config import ModelConfig
from models.interface import Memory, Source
from models.recurrent import (
    RecurrentState,
    build_recurrent,
    join_directions,
    layers_of,
    reader,
    recurrent_flops,
)


class Encoder(nn.Module):
    """A recurrent network over the source.

    With `encoder="bi"` half of the state reads from the left and half from the right, so that
    the memory at a position knows both its neighbours. The final state is the last state of each
    direction, side by side.

    Source: Bahdanau, Cho and Bengio 2015, arXiv:1409.0473, section 3.2.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = layers_of(config)
        self.embedding = nn.Embedding(config.symbols, config.embedding)
        self.recurrent = build_recurrent(config, bidirectional=config.encoder == "bi")

    def forward(self, source: Source) -> tuple[Memory, RecurrentState]:
        """Read the source into the memory, and the final state that the decoder starts from."""
        memory, state = reader(self.recurrent, self.embedding)(source, None)
        # Dense, or every product of the attention would copy it first.
        return memory.contiguous(), join_directions(state, layers=self.layers)

    def flops(self, source_length: int) -> int:
        """Count the operations for one source sequence."""
        return recurrent_flops(self.recurrent, source_length)
