"""Models that end badly, named at the command line as `tests.plugins.faulty:Crashing`.

Each is as good as `rnn` up to length 2.
"""

import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from models.rnn import Rnn

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
# A parent that starts another process, outside of its session, and leaves at once.
FORK_TWICE = (
    sys.executable,
    "-c",
    f"import subprocess; subprocess.Popen({list(SLEEP)!r}, start_new_session=True)",
)
_SPARE_BYTES = 300 << 20


class _LaterFaulty(Rnn):
    """Goes wrong at longer lengths."""

    def forward(self, source, target_in):
        if source.shape[1] > 2:
            self.go_wrong()
        return super().forward(source, target_in)


# Deaths.


def _die_by(number):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class Crashing(_LaterFaulty):
    def go_wrong(self):
        _die_by(signal.SIGSEGV)


class Aborting(_LaterFaulty):
    def go_wrong(self):
        _die_by(signal.SIGABRT)


class Vanishing(_LaterFaulty):
    def go_wrong(self):
        os._exit(0)


# Hangs, each with a descendant that is harder to find.


def _hang():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


class HangingWithChild(_LaterFaulty):
    def go_wrong(self):
        subprocess.Popen(SLEEP)
        _hang()


class HangingWithSession(_LaterFaulty):
    """Its child has left the process group."""

    def go_wrong(self):
        subprocess.Popen(SLEEP, start_new_session=True)
        _hang()


class HangingWithOrphan(_LaterFaulty):
    """Its grandchild has left the process group, and lost its parent."""

    def go_wrong(self):
        subprocess.run(FORK_TWICE, check=True)
        _hang()


# Memory: the system refuses what goes beyond a limit.


class _Hungry(_LaterFaulty):
    def go_wrong(self):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        used = int(pages) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _SPARE_BYTES, resource.RLIM_INFINITY))
        self.take_too_much()


class HungryInTorch(_Hungry):
    def take_too_much(self):
        self.kept = [torch.ones(50 << 20) for _ in range(100)]


class HungryInNumpy(_Hungry):
    def take_too_much(self):
        self.kept = [np.ones(50 << 20) for _ in range(100)]


class HungryInPython(_Hungry):
    def take_too_much(self):
        self.kept = [bytearray(50 << 20) for _ in range(100)]


class HungryInRecurrence(_Hungry):
    """The library of the recurrence wants a workspace of its own."""

    def take_too_much(self):
        torch.nn.LSTM(64, 512)(torch.zeros(3000, 256, 64))


class HungryForLittle(_Hungry):
    """No single block is large; C++ is refused one."""

    def take_too_much(self):
        self.kept = [torch.ones(1) for _ in range(10**8)]


class HungryInSaving(_Hungry):
    """What writes a checkpoint is refused memory, and complains of something else."""

    def take_too_much(self):
        torch.save(torch.zeros(55 << 20), io.BytesIO())


# Losses.


class Infinite(Rnn):
    """Gives the first symbol no chance at longer lengths."""

    def forward(self, source, target_in):
        logits = super().forward(source, target_in).clone()
        if source.shape[1] > 2:
            logits[..., 0] = -torch.inf
        return logits
