"""Every random stream of the suite, named by its purpose.

No stream of data has the model's name in it. All models of a seed therefore see the same batches,
and comparisons between models are paired.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import nn

from models.config import ModelConfig
from models.interface import warm_up
from tasks.import_path import resolve

# Sums depend on the number of threads. One thread always, so that `--jobs` changes no number.
THREADS = 1


def stream_seed(seed: int, purpose: str, *coordinates: int) -> int:
    """Hash the name of a stream to its 63-bit seed."""
    # A hash, not seed + offset: sums of different names would meet in one stream.
    name = "/".join((str(seed), purpose, *map(str, coordinates)))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str, *coordinates: int) -> torch.Generator:
    """Start the generator of one purpose, such as the test sequences of one length."""
    return torch.Generator().manual_seed(stream_seed(seed, purpose, *coordinates))


@contextmanager
def seeded_model(seed: int, purpose: str, *coordinates: int) -> Iterator[None]:
    """Seed what a model draws itself, and put the global generators back.

    Initialisation and dropout draw from torch's global generator, which takes no argument.
    """
    # An accelerator that is not in use yet has no state to keep, and asking would wake it.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream_seed(seed, purpose, *coordinates))
        yield


def seeded_initialisation(seed: int) -> AbstractContextManager[None]:
    """Seed the initialisation of a model, and put the global generators back."""
    return seeded_model(seed, "initialisation")


def build_model(builder: str, config: ModelConfig, *, seed: int, device: str) -> nn.Module:
    """Build a model with the parameters of a seed, compiled where it compiles.

    Args:
        builder: `package.module:function`.
    """
    with seeded_initialisation(seed):
        model: nn.Module = resolve(builder)(config)
    # Moved afterwards: parameters are drawn on the CPU, so a seed has the same ones everywhere.
    model.to(device)
    warm_up(model)
    return model
