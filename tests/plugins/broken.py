"""Models that a matrix has to survive, named at the command line as `tests.plugins.broken:Raising`.

Each is as good as `rnn` up to length 2.
"""

import os
import signal
import time

import torch

from models.config import ModelConfig
from models.rnn import Rnn

REPAIRED = "BROKEN_MODELS_ARE_REPAIRED"


class _Breaking(Rnn):
    def forward(self, source, target_in):
        if source.shape[1] > 2:
            self.go_wrong()
        return super().forward(source, target_in)


class Raising(_Breaking):
    """Fails, until it is repaired."""

    def go_wrong(self):
        if REPAIRED not in os.environ:
            raise ValueError("longer than 2\nis too long")


class Slow(_Breaking):
    def go_wrong(self):
        time.sleep(0.2)


class Greedy(_Breaking):
    """Wants more memory than there is."""

    def go_wrong(self):
        torch.empty(2**60)


class Killed(_Breaking):
    def go_wrong(self):
        os.kill(os.getpid(), signal.SIGKILL)


class NotANumber(Rnn):
    """Its loss is no number at longer lengths."""

    def forward(self, source, target_in):
        logits = super().forward(source, target_in)
        return logits * float("nan") if source.shape[1] > 2 else logits


class Unbuildable(Rnn):
    def __init__(self, config: ModelConfig) -> None:
        raise ValueError("there is nothing to build")


class Noisy(Rnn):
    """Drops half of its logits at random, as a regulariser does, while it is in training mode."""

    def forward(self, source, target_in):
        return torch.nn.functional.dropout(super().forward(source, target_in), 0.5, self.training)
