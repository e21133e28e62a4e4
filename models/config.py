"""The sizes and choices that every model is built from. Imports no torch."""

import math
from dataclasses import dataclass

CELLS = ("lstm", "gru", "tanh")
ENCODERS = ("bi", "uni")


@dataclass(frozen=True)
class ModelConfig:
    """What a model builder is given; the same for every model of a matrix.

    Attributes:
        symbols: Alphabet size V. Token ids are 0..V-1, and V is the start symbol.
        hidden: Numbers in one recurrent state vector. An LSTM has two such vectors, h and c.
        cell: Recurrent cell: `lstm`, `gru` or `tanh`.
        encoder: `bi` reads the source both ways with half the state per direction, `uni` one way.
        layers: Layers of the network; None leaves each model its own number.
        channel_numbers: Numbers k that a channel passes at a time; read by models with a channel.
        channel_snr: Power of a number over that of the noise; read by models with noise.
    """

    symbols: int
    hidden: int = 64
    cell: str = "lstm"
    encoder: str = "bi"
    layers: int | None = None
    channel_numbers: int | None = None
    channel_snr: float | None = None

    def __post_init__(self) -> None:
        if self.symbols < 2:
            raise ValueError(f"symbols: must be at least 2, got {self.symbols}")
        # Even, because each direction of a `bi` encoder has half of the state.
        if self.hidden < 2 or self.hidden % 2:
            raise ValueError(f"hidden: must be an even number of at least 2, got {self.hidden}")
        if self.cell not in CELLS:
            raise ValueError(f"cell: {self.cell!r} is unknown; use {', '.join(CELLS)}")
        if self.encoder not in ENCODERS:
            raise ValueError(f"encoder: {self.encoder!r} is unknown; use {', '.join(ENCODERS)}")
        if self.layers is not None and self.layers < 1:
            raise ValueError(f"layers: must be at least 1, got {self.layers}")
        if self.channel_numbers is not None and self.channel_numbers < 1:
            raise ValueError(f"channel_numbers: must be at least 1, got {self.channel_numbers}")
        if self.channel_snr is not None and not 0 < self.channel_snr < math.inf:
            raise ValueError(f"channel_snr: must be above 0 and finite, got {self.channel_snr}")

    @property
    def embedding(self) -> int:
        """Size of a symbol's embedding: half the state."""
        return self.hidden // 2

    @property
    def start(self) -> int:
        """Id of the start symbol, the one token that is never an answer."""
        return self.symbols
