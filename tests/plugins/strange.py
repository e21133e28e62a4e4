"""Models as strangers write them, named at the command line as `tests.plugins.strange:Gambler`.

Some keep the contract in ways that the suite's own models do not. The others break it, each in one
way, and have to be refused in words.
"""

import asyncio
import random
import warnings

import numpy as np
import torch
from torch import nn

from models.rnn import Rnn
from results.errors import ResultsError
from tests.plugins.example import BagModel

# Models that keep the contract.


class Transformer(nn.Module):
    """Has dropout, frozen places, layers without a size, and a library that warns."""

    def __init__(self, config):
        super().__init__()
        warnings.warn("this is not the newest way", FutureWarning, stacklevel=1)
        self.config = config
        self.items = nn.Embedding(config.symbols + 1, 32)
        self.places = nn.Parameter(torch.randn(2, 256, 32), requires_grad=False)
        layer = {"d_model": 32, "nhead": 2, "dim_feedforward": 32, "dropout": 0.1}
        self.layer = nn.TransformerDecoderLayer(**layer, batch_first=True)
        self.output = nn.LazyLinear(config.symbols)

    def forward(self, source, target_in):
        warnings.warn("each call is slow", UserWarning, stacklevel=1)
        memory = self.items(source) + self.places[0, : source.shape[1]]
        items = self.items(target_in) + self.places[1, : target_in.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(target_in.shape[1])
        return self.output(self.layer(items, memory, tgt_mask=mask, tgt_is_causal=True))

    generate = BagModel.generate


class Normalised(BagModel):
    """Learns by the other rows of its batch, and answers without them."""

    def __init__(self, config):
        super().__init__(config)
        self.norm = nn.LazyBatchNorm1d()

    def forward(self, source, target_in):
        logits = super().forward(source, target_in)
        return self.norm(logits.transpose(1, 2)).transpose(1, 2)


# Models with dice: of all, or of their own.


class Gambler(Rnn):
    """Draws from every global generator: its weights, in training and while it answers."""

    def __init__(self, config):
        super().__init__(config)
        self.offset = nn.Parameter(torch.tensor([np.random.normal(), random.random()]))

    def forward(self, source, target_in):
        noise = 0.1 * random.random() + 0.1 * float(np.random.normal())
        logits = super().forward(source, target_in) + noise * torch.rand(self.config.symbols)
        return logits + self.offset.mean() ** 2 * torch.arange(self.config.symbols)

    def generate(self, source, length):
        lost = (random.random() < 0.5) & (torch.rand(len(source), 1) < np.random.random())
        return super().generate(source, length).masked_fill(lost, 0)


class SelfSeeded(Rnn):
    def __init__(self, config):
        torch.manual_seed(3)
        super().__init__(config)


class Constant(Rnn):
    def __init__(self, config):
        super().__init__(config)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.1)


class Unseeded(Rnn):
    """Draws its weights from a generator that is seeded by the system."""

    def __init__(self, config):
        super().__init__(config)
        self.start = nn.Parameter(torch.tensor(np.random.default_rng().normal(size=3)))


class OwnDice(Rnn):
    """Its dice are its own, so that a resumed run does not go on with them."""

    def __init__(self, config):
        super().__init__(config)
        self.dice = random.Random(5)

    def forward(self, source, target_in):
        return super().forward(source, target_in) * (1 + self.dice.random())


class OwnDiceInAnswers(Rnn):
    def __init__(self, config):
        super().__init__(config)
        self.dice = np.random.default_rng(5)

    def generate(self, source, length):
        return torch.from_numpy(self.dice.integers(0, self.config.symbols, (len(source), length)))


class Unkeepable(Rnn):
    """Keeps an object among its weights, which only a pickle could bring back."""

    def get_extra_state(self):
        return self.config

    def set_extra_state(self, state):
        self.config = state


class ManyThreads(Rnn):
    def forward(self, source, target_in):
        torch.set_num_threads(2)
        return super().forward(source, target_in)


# Outputs of a wrong form.


class WithStartSymbol(Rnn):
    """Its logits have a class for the start symbol."""

    def __init__(self, config):
        super().__init__(config)
        self.readout.output = nn.Linear(config.hidden, config.symbols + 1)


class Tuple(Rnn):
    def forward(self, source, target_in):
        return super().forward(source, target_in), None


class LateTuple(Rnn):
    """Right in the first batches."""

    def forward(self, source, target_in):
        logits = super().forward(source, target_in)
        return logits if source.shape[1] <= 2 else (logits, None)


# Models whose words would end more than their own run.


class _Speaking(Rnn):
    def forward(self, source, target_in):
        if source.shape[1] > 2:
            self.speak()
        return super().forward(source, target_in)


class _Unprintable(RuntimeError):
    def __str__(self):
        raise SystemExit(0)


SAID = {
    "Nul": ValueError("a\0b"),
    "Surrogate": ValueError("a\ud800b"),
    "Escape": ValueError("\x1b[2J\u202ea\tb\r\nc"),
    "Long": ValueError("x" * 10**6),
    "Unprintable": _Unprintable(),
    "NoText": type("NoText", (ValueError,), {"__str__": lambda self: 3})(),
    "Exit": SystemExit(0),
    "Interrupt": KeyboardInterrupt(),
    "GeneratorEnd": GeneratorExit(),
    "Cancelled": asyncio.CancelledError(),
    "Refusal": ResultsError("the folder is full"),
}


def _speaking(error):
    def speak(self):
        raise error

    return type("Speaking", (_Speaking,), {"speak": speak})


globals().update({name: _speaking(error) for name, error in SAID.items()})


class StrangePath(Rnn):
    def attention_path(self):
        return "fast\0path"


class StrangeFlops(Rnn):
    def flops(self, source_length, target_length):
        return -1


class Overflowing(Rnn):
    """Finds the right answer impossible at lengths that it has not been trained on."""

    def forward(self, source, target_in):
        logits = super().forward(source, target_in)
        return logits - torch.inf if source.shape[1] > 6 else logits
