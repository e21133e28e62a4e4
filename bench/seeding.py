"""Every random stream of the suite, named by what it is for.

The model's name is in no stream of data, so that all models of a seed see the same batches and
comparisons between them are paired. torch's global generators are never touched.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream_seed(seed: int, purpose: str, *coordinates: int) -> int:
    """Return the 63-bit seed of one stream; different names give independent streams."""
    name = "/".join((str(seed), purpose, *map(str, coordinates)))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def stream(seed: int, purpose: str, *coordinates: int) -> torch.Generator:
    """Return a fresh generator for `purpose`, such as the test sequences of one length."""
    return torch.Generator().manual_seed(stream_seed(seed, purpose, *coordinates))


@contextmanager
def seeded_initialisation(seed: int) -> Iterator[None]:
    """Draw parameters from this seed's stream, and leave the global generators as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "initialisation"))
        yield
