"""Models whose inner working is known, since it was put there: what a probe has to find."""

import torch
from torch import nn
from torch.nn import functional

from models.attention.layers import UniformAttention
from models.config import ModelConfig
from models.seq2seq import Seq2Seq


class CarryingEncoder(nn.Module):
    """The memory at a position is its item; the state is their sum, each times its position."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(
            torch.eye(config.symbols, config.hidden), freeze=False
        )

    def forward(self, source):
        memory = self.embedding(source)
        positions = torch.arange(1, source.shape[1] + 1)
        state = (positions[:, None] * memory).sum(dim=1)[None]
        return memory, (state, state)


class Blind(nn.Module):
    """Throws away what a table looks up in the first `share` of the source."""

    def __init__(self, table: nn.Module, *, share: float) -> None:
        super().__init__()
        self.table, self.share = table, share

    def forward(self, source):
        is_seen = torch.arange(source.shape[1]) >= int(self.share * source.shape[1])
        return self.table(source) * is_seen[:, None]


class GivenAttention(UniformAttention):
    """Looks where it is told to; the rest of the model is as it was."""

    def forward(self, query, state, memory):
        return torch.bmm(self.weights, memory), self.weights, state


class Copying(Seq2Seq):
    """A real encoder-decoder that answers with the item that it looks at.

    Its parameters are set by hand, as training would. Its logits are 5 tanh(2) for that item and
    0 for all others. Its attention is the task's alignment, `shift` places to the right.

    Args:
        shift_from: First sequence of a batch for which the attention is shifted.
    """

    def __init__(self, config: ModelConfig, *, task, shift: int = 0, shift_from: int = 0) -> None:
        super().__init__(config, build_attention=GivenAttention)
        self.task, self.shift, self.shift_from = task, shift, shift_from
        self.given = self.decoder.attention  # A probe may wrap it.
        self.encoder = CarryingEncoder(config)
        with torch.no_grad():
            self.decoder.combine.weight.zero_()
            self.decoder.combine.bias.zero_()
            self.decoder.combine.weight[:, config.hidden :] = 2 * torch.eye(config.hidden)
            self.decoder.output.weight.copy_(5 * torch.eye(config.symbols, config.hidden))
            self.decoder.output.bias.zero_()

    def look(self, source):
        weights = self.task.align(source).to(self.decoder.output.weight.dtype)
        shifted = weights[self.shift_from :].roll(self.shift, dims=-1)
        self.given.weights = torch.cat((weights[: self.shift_from], shifted))

    def forward(self, source, target_in):
        self.look(source)
        return super().forward(source, target_in)

    def attention_weights(self, source, target_in):
        self.look(source)
        return super().attention_weights(source, target_in)

    @torch.no_grad()
    def generate(self, source, length):
        """Answer greedily, by `forward`: the attention is given for whole answers."""
        items = source.new_full((len(source), length + 1), self.config.start)
        for index in range(length):
            items[:, index + 1] = self(source, items[:, :-1])[:, index].argmax(dim=-1)
        return items[:, 1:]


class WithPlaces(nn.Module):
    """Adds a vector for each place to that of its item, looked up once for the whole batch."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.places = nn.Embedding(100, config.hidden)
        self.items = nn.Embedding(config.symbols, config.hidden)
        self.output = nn.Linear(config.hidden, config.symbols)

    def embed(self, source):
        return self.places(torch.arange(source.shape[1])) + self.items(source)

    def forward(self, source, target_in):
        return self.output(torch.tanh(self.embed(source)))


class WithoutTable(nn.Module):
    """Reads its source without an `Embedding`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.symbols = config.symbols
        self.output = nn.Linear(config.symbols, config.symbols)

    def forward(self, source, target_in):
        return self.output(functional.one_hot(source, self.symbols).float())
