"""Models that a matrix has to survive, named at the command line as `tests.plugins.broken:Raising`.

Each is as good as `rnn` up to length 2.
"""

import os
import signal
import sys
import time

import torch

from models.config import ModelConfig
from models.rnn import Rnn

REPAIRED = "BROKEN_MODELS_ARE_REPAIRED"


class Raising(Rnn):
    """Fails at longer lengths, until it is repaired."""

    def forward(self, source, target_in):
        if source.shape[1] > 2 and REPAIRED not in os.environ:
            raise ValueError("longer than 2\nis too long")
        return super().forward(source, target_in)


class NotANumber(Rnn):
    """Its loss is no number at longer lengths."""

    def forward(self, source, target_in):
        logits = super().forward(source, target_in)
        return logits * float("nan") if source.shape[1] > 2 else logits


class Slow(Rnn):
    """Takes its time at longer lengths."""

    def forward(self, source, target_in):
        if source.shape[1] > 2:
            time.sleep(0.2)
        return super().forward(source, target_in)


class Greedy(Rnn):
    """Wants more memory than there is at longer lengths."""

    def forward(self, source, target_in):
        if source.shape[1] > 2:
            torch.empty(2**60)
        return super().forward(source, target_in)


class Killed(Rnn):
    """Is ended by the system at longer lengths."""

    def forward(self, source, target_in):
        if source.shape[1] > 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(source, target_in)


class Unbuildable(Rnn):
    """Cannot be built at all."""

    def __init__(self, config: ModelConfig) -> None:
        raise ValueError("there is nothing to build")


class Leaving(Rnn):
    """Ends its process as if all were well."""

    def forward(self, source, target_in):
        sys.exit(0)


class Noisy(Rnn):
    """Drops half of its logits at random, as a regulariser does, while it is in training mode."""

    def forward(self, source, target_in):
        return torch.nn.functional.dropout(super().forward(source, target_in), 0.5, self.training)
