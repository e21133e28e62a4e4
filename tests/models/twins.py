"""Models broken on purpose, each for one check that has to reject it."""

import torch
from torch import nn

from models.attention.layers import DotAttention
from models.rnn import Rnn
from models.seq2seq import Seq2Seq
from tests.plugins.example import BagModel


class ManyAnswers(Rnn):
    def generate(self, source, length):
        return super().generate(source, length + 1)


class DeadParameter(Rnn):
    def __init__(self, config):
        super().__init__(config)
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, source, target_in):
        return super().forward(source, target_in) + 0 * self.unused.sum()


class BatchMixing(Rnn):
    def forward(self, source, target_in):
        logits = super().forward(source, target_in)
        return logits - logits.mean(dim=0, keepdim=True)


class Peeking(Rnn):
    def forward(self, source, target_in):
        later = target_in.roll(-1, dims=1).clamp(max=self.config.symbols - 1)
        seen = nn.functional.one_hot(later, self.config.symbols)
        return super().forward(source, target_in) + seen


class Blind(Rnn):
    def forward(self, source, target_in):
        return super().forward(torch.zeros_like(source), target_in)

    def generate(self, source, length):
        return super().generate(torch.zeros_like(source), length)


class OtherGreedy(Rnn):
    def generate(self, source, length):
        return (super().generate(source, length) + 1) % self.config.symbols


class HiddenState(Rnn):
    def __init__(self, config):
        super().__init__(config)
        self.offset = torch.randn(config.symbols)  # Neither a parameter nor a buffer.

    def forward(self, source, target_in):
        return super().forward(source, target_in) + self.offset


class ShortPlaces(BagModel):
    def forward(self, source, target_in):
        if source.shape[1] > 16:
            raise IndexError("no place beyond 16")
        return super().forward(source, target_in)


class GlobalSeed(Rnn):
    def __init__(self, config):
        torch.seed()
        super().__init__(config)


class SelfSeeded(Rnn):
    def __init__(self, config):
        torch.manual_seed(3)
        super().__init__(config)


class Rescaled(Seq2Seq):
    def __init__(self, config):
        super().__init__(config, build_attention=DotAttention)

    def attention_weights(self, source, target_in):
        return 1.1 * super().attention_weights(source, target_in)
