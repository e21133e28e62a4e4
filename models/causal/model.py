"""One causal network over source, start symbol and answer, which is given what mixes the items."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.config import ModelConfig
from models.decoding import greedy_decode
from models.interface import Logits, Source, Target

Items = Float[Tensor, "batch items width"]


@runtime_checkable
class Mixer(Protocol):
    """Mixes each item with the items before it.

    The same code reads a whole sequence at once, or goes on by any number of items.
    """

    def __call__(self, x: Items, state: Any) -> tuple[Items, Any]:
        """Mix items that follow a state, and give the state after them; None is the beginning."""
        ...

    def memory_numbers(self, items: int) -> int:
        """Count the numbers of the state after so many items."""
        ...

    def flops(self, items: int) -> int | None:
        """Count the operations for one sequence read at once; None if they are not known."""
        ...


class Recomputed(nn.Module):
    """Makes a mixer of any causal layer, from batch x items x width to the same.

    Such a layer has no state, so all its inputs are kept, and each new item runs the layer on all
    of them again. Decoding n items takes time that grows at least with the square of n.

    Args:
        build_layer: From the width to the layer.
    """

    def __init__(self, width: int, *, build_layer: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.width = width
        self.layer = build_layer(width)

    def forward(
        self, x: Items, state: Float[Tensor, "batch before width"] | None
    ) -> tuple[Items, Float[Tensor, "batch after width"]]:
        """Run the layer on all inputs so far, and give the outputs of the new ones."""
        inputs = x if state is None else torch.cat((state, x), dim=1)
        mixed = self.layer(inputs)
        # Many layers give a pair, and some have the items last.
        if not isinstance(mixed, Tensor) or mixed.shape != inputs.shape:
            got = tuple(mixed.shape) if isinstance(mixed, Tensor) else type(mixed).__name__
            raise ValueError(
                f"build_layer: {type(self.layer).__name__} must return a tensor of shape "
                f"{tuple(inputs.shape)}, batch x items x width as its input, got {got}"
            )
        return mixed[:, -x.shape[1] :], inputs

    def memory_numbers(self, items: int) -> int:
        """Count the inputs that are kept, the most that the layer can know of so many items."""
        return items * self.width

    def flops(self, items: int) -> None:
        """Count nothing: the layer does not say."""


class _Block(nn.Module):
    """Adds to each item what its mixer makes of it: x + mixer(RMSNorm(x))."""

    def __init__(self, width: int, mixer: Mixer) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.mixer = mixer

    def forward(self, x: Items, state: Any) -> tuple[Items, Any]:
        mixed, state = self.mixer(self.norm(x), state)
        return x + mixed, state


class CausalModel(nn.Module):
    """Reads the source, a start symbol, then its own answers.

    Embedding, blocks, RMSNorm, linear readout. Nothing but the states of the mixers passes from
    the source to the answer.

    A causal layer of your own, from batch x items x width to the same, becomes a model so:

        def build(config):
            mixer = partial(Recomputed, build_layer=MyLayer)
            return CausalModel(config, build_mixers=(mixer, mixer))

    It is decoded by running `MyLayer(width)` on all items again for each new one. A layer that
    has a state can meet `Mixer` itself, and then goes on from its state.

    Args:
        build_mixers: One for each block, from the width to a mixer.

    Source: Graves 2013, arXiv:1308.0850, section 2, with the source as the prefix; Xiong et al.
    2020, arXiv:2002.04745, figure 1b (norm before each layer); Zhang and Sennrich 2019,
    arXiv:1910.07467, equation 4 (RMSNorm).
    """

    def __init__(
        self, config: ModelConfig, *, build_mixers: Sequence[Callable[[int], Mixer]]
    ) -> None:
        super().__init__()
        self.config = config
        width = config.hidden
        # As wide as the items are, because the blocks only add to it.
        self.embedding = nn.Embedding(config.symbols + 1, width)
        self.blocks = nn.ModuleList(_Block(width, build(width)) for build in build_mixers)
        self.norm = nn.RMSNorm(width)
        self.output = nn.Linear(width, config.symbols)

    def _mixers(self) -> list[Mixer]:
        return [cast(_Block, block).mixer for block in self.blocks]

    def run(
        self, symbols: Int[Tensor, "batch items"], states: Sequence[Any] | None
    ) -> tuple[Items, list[Any]]:
        """Read symbols that follow the states of the blocks; None is the beginning."""
        x, after = self.embedding(symbols), []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks), strict=True):
            x, state = block(x, state)
            after.append(state)
        return x, after

    def _score(self, x: Items) -> Float[Tensor, "batch items symbols"]:
        return self.output(self.norm(x))

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every target item, given the source and the true items before it."""
        x, _ = self.run(torch.cat((source, target_in), dim=1), None)
        # Nobody asks for logits at the source's positions, so they are not computed.
        return self._score(x[:, source.shape[1] :])

    @torch.no_grad()
    def generate(self, source: Source, length: int) -> Int[Tensor, "batch length"]:
        """Answer greedily with `length` items; each step goes on from the states before it."""

        def step(
            item: Int[Tensor, "batch 1"], states: list[Any]
        ) -> tuple[Float[Tensor, "batch 1 symbols"], list[Any]]:
            x, states = self.run(item, states)
            return self._score(x), states

        start = source.new_full((len(source), 1), self.config.start)
        return greedy_decode(step, self.run(source, None)[1], first=start, length=length)

    def memory_numbers(self, source_length: int) -> int:
        """Count the numbers that pass from a source to its answer: the states of all blocks."""
        return sum(mixer.memory_numbers(source_length) for mixer in self._mixers())

    def flops(self, source_length: int, target_length: int) -> int | None:
        """Count the operations of a teacher-forced pass over one sequence; None if not known."""
        operations = 2 * self.output.weight.numel() * target_length
        for mixer in self._mixers():
            mixing = mixer.flops(source_length + target_length)
            if mixing is None:
                return None
            operations += mixing
        return operations
