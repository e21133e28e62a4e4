"""A whole model for the matrix, as short as one can be. It is no good at long sequences."""

import torch
from torch import nn

from models.config import ModelConfig


class BagModel(nn.Module):
    """Knows which symbols the source holds, where it is in the answer, and the item before."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.source = nn.Embedding(config.symbols, config.hidden)
        self.before = nn.Embedding(config.symbols + 1, config.hidden)
        self.place = nn.Linear(2, config.hidden)
        self.output = nn.Sequential(nn.Tanh(), nn.Linear(config.hidden, config.symbols))

    def forward(self, source, target_in):
        ends = torch.arange(target_in.shape[1], device=source.device) / source.shape[1]
        place = self.place(torch.stack((ends, ends.square()), dim=-1))
        bag = self.source(source).mean(1, keepdim=True)
        return self.output(bag + self.before(target_in) + place)

    @torch.no_grad()
    def generate(self, source, length):
        answer = source.new_full((len(source), 1), self.config.start)
        for _ in range(length):
            item = self(source, answer)[:, -1:].argmax(-1)
            answer = torch.cat((answer, item), dim=1)
        return answer[:, 1:]


def build(config: ModelConfig) -> BagModel:
    return BagModel(config)
