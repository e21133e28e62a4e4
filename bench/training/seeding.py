"""Every random stream of the suite, named by what it is for.

The model's name is in no stream of data, so that all models of a seed see the same batches and
comparisons between them are paired. A model that draws numbers itself, for dropout, say, finds
torch's global generator at a seed of its own, and leaves it as it was.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


def stream_seed(seed: int, purpose: str, *coordinates: int) -> int:
    """Return the 63-bit seed of one stream; different names give independent streams."""
    name = "/".join((str(seed), purpose, *map(str, coordinates)))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str, *coordinates: int) -> torch.Generator:
    """Return a fresh generator for `purpose`, such as the test sequences of one length."""
    return torch.Generator().manual_seed(stream_seed(seed, purpose, *coordinates))


@contextmanager
def seeded_model(seed: int, purpose: str, *coordinates: int) -> Iterator[None]:
    """Let what a model draws itself come from this stream, and put the generators back."""
    # An accelerator that is not in use yet has no state to keep, and asking would wake it.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream_seed(seed, purpose, *coordinates))
        yield


def seeded_initialisation(seed: int) -> AbstractContextManager[None]:
    """Draw parameters from this seed's stream, and leave the global generators as they were."""
    return seeded_model(seed, "initialisation")
