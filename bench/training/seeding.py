"""Every random stream of the suite, named by its purpose.

No stream of data has the model's name in it. All models of a seed therefore see the same batches,
and comparisons between models are paired.
"""

import hashlib
import io
import pickle
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bench.training.failures import model_at_work
from models.config import ModelConfig
from models.interface import answers_of, logits_of, warm_up
from tasks.import_path import resolve
from tasks.sampling import Batch

Builder = Callable[[ModelConfig], nn.Module]

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
    """Seed all that a model may draw from itself, and put the global generators back.

    Initialisation, dropout and coins draw from the global generators of torch, NumPy and Python.
    """
    number = stream_seed(seed, purpose, *coordinates)
    # An accelerator that is not in use yet has no state to keep, and asking would wake it.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(number)
        random.seed(number)
        np.random.seed(number % 2**32)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


def seeded_initialisation(seed: int) -> AbstractContextManager[None]:
    """Seed the initialisation of a model, and put the global generators back."""
    return seeded_model(seed, "initialisation")


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put back what a model may set for the whole process where it is imported or built.

    One thread is a rule of the suite, training needs gradients, and a process that times models
    runs several: none may compute by the settings of another.
    """
    threads, has_gradients = torch.get_num_threads(), torch.is_grad_enabled()
    dtype, is_strict = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    with warnings.catch_warnings():
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_grad_enabled(has_gradients)
            torch.set_default_dtype(dtype)
            torch.use_deterministic_algorithms(is_strict, warn_only=only_warns)


def initialise(build: Builder, config: ModelConfig, *, seed: int) -> nn.Module:
    """Build a model on the CPU with the weights of a seed, those of lazy layers too.

    Raises:
        ValueError: Weights are left for later that a forward pass does not make.
    """
    with seeded_initialisation(seed):
        model = build(config)
        # Lazy layers draw their weights in their first pass. The optimiser must find them.
        if any(map(is_lazy, model.parameters())):
            symbols = torch.zeros(2, 2, dtype=torch.int64)
            is_training = model.training
            with torch.no_grad():
                model.eval()(symbols, symbols)
            model.train(is_training)
    left = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    if left:
        raise ValueError(f"builder: {left[0]} has no weights after a forward pass")
    return model


def build_model(builder: str, config: ModelConfig, *, seed: int, device: str) -> nn.Module:
    """Build a model with the parameters of a seed, compiled where it compiles.

    Args:
        builder: `package.module:function`.
    """
    with settings_kept():
        # Imported before anything is seeded: a module may seed the generators by itself.
        model = initialise(resolve(builder), config, seed=seed)
        # Moved afterwards: parameters are drawn on the CPU, so a seed has the same ones everywhere.
        model.to(device)
        warm_up(model)
    return model


def require_seeded(
    builder: str, config: ModelConfig, batch: Batch, *, seed: int, device: str
) -> None:
    """Refuse a model whose seeds are no replications, or whose draws no seed decides.

    Args:
        builder: `package.module:function`.
        batch: A few sequences to try the model on.

    Raises:
        ValueError: The message says what is not as it has to be.
    """
    with settings_kept():
        build = resolve(builder)
        model = initialise(build, config, seed=seed)
        # One after the other, so that only two are in memory.
        if not _have_equal_weights(model, initialise(build, config, seed=seed)):
            raise ValueError(
                "builder: gives other weights each time that one seed is set; draw them from the "
                "global generators of torch, NumPy or random"
            )
        if _have_equal_weights(model, initialise(build, config, seed=seed + 1)):
            raise ValueError(
                f"builder: gives the same weights for seeds {seed} and {seed + 1}, which would be "
                "no replications; draw them from the global generators, and seed none of these"
            )
        model.to(device)
        warm_up(model)
        state = _kept(model.state_dict())
        logits, answers = _outputs(model, batch.to(device), seed=seed)
        # A run that is resumed has the state and the seed, and nothing else.
        model.load_state_dict(state)
        logits_again, answers_again = _outputs(model, batch.to(device), seed=seed)
        is_same = torch.allclose(logits, logits_again, rtol=1e-4, atol=1e-5, equal_nan=True)
        if not is_same or not torch.equal(answers, answers_again):
            raise ValueError(
                f"{'generate' if is_same else 'forward'}: gives other outputs for the same "
                "weights, batch and seed; draw from the global generators of torch, NumPy or "
                "random, and keep nothing between calls but in buffers"
            )


def _kept(state: dict[str, Any]) -> dict[str, Any]:
    """Write a state as a checkpoint does, and read it back."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    try:
        kept: dict[str, Any] = torch.load(buffer, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            "state_dict: holds an object that a checkpoint cannot; tensors, numbers, text, and "
            "lists or dicts of them are possible"
        ) from None
    return kept


def _have_equal_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(
        [*one.parameters(), *one.buffers()], [*other.parameters(), *other.buffers()], strict=True
    )
    # Weights that are no numbers are equal too, or they would count as another draw.
    return all(
        left.shape == right.shape
        and bool(((left == right) | ((left != left) & (right != right))).all())
        for left, right in pairs
    )


def _outputs(model: nn.Module, batch: Batch, *, seed: int) -> tuple[Tensor, Tensor]:
    """Run a model as training does, and as a test does."""
    note = f"in a batch of length {batch.source.shape[1]}"
    with torch.no_grad(), seeded_model(seed, "trial"), model_at_work(note):
        sizes = {"symbols": batch.symbols}
        logits = logits_of(model.train(), batch.source, batch.target_in, **sizes)
        return logits, answers_of(model.eval(), batch.source, batch.target.shape[1], **sizes)
