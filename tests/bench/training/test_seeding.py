"""Seeds are replications: each gives one model, and none that of another, whatever it draws."""

import random
import sys
import warnings
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn

from bench.training.seeding import (
    build_model,
    initialise,
    require_seeded,
    seeded_model,
    settings_kept,
    stream,
)
from models import MODELS
from models.config import ModelConfig
from tasks import TASKS
from tasks.sampling import sample_batch

pytestmark = pytest.mark.filterwarnings("ignore:.*(newest|slow)")

CONFIG = ModelConfig(symbols=4, hidden=8, channel_numbers=4, channel_snr=3.0)
STRANGE = "tests.plugins.strange:"
# What a module does at its top level, before its model is built.
AT_IMPORT = {
    "torch": "import torch\ntorch.manual_seed(1)",
    "NumPy": "import numpy\nnumpy.random.seed(1)",
    "Python": "import random\nrandom.seed(1)",
}
MODULE = """
from models.rnn import Rnn
import numpy, random, torch

def build(config):
    model = Rnn(config)
    drawn = [torch.rand(()).item(), numpy.random.rand(), random.random()]
    model.drawn = torch.nn.Parameter(torch.tensor(drawn))
    return model
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module of a model; forget it when it is written again, and afterwards."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text):
        sys.modules.pop("stranger", None)
        (tmp_path / "stranger.py").write_text(text, encoding="utf-8")
        return "stranger:build"

    yield write
    sys.modules.pop("stranger", None)


def require(builder, *, seed=1):
    sizes = {"batch_size": 2, "length": 3, "symbols": 4, "split": "train"}
    batch = sample_batch(TASKS["copy"], stream(seed, "trial"), **sizes)
    require_seeded(builder, CONFIG, batch, seed=seed, device="cpu")


def weights(builder, *, seed):
    model = build_model(builder, CONFIG, seed=seed, device="cpu")
    return torch.cat([parameter.flatten() for parameter in model.parameters()])


@pytest.mark.fault("F21")
@pytest.mark.parametrize("generator", AT_IMPORT)
def test_module_that_seeds_at_import_gives_each_seed_its_weights(generator, module):
    """The first model that a process builds, and thus imports, is that of the seed too."""

    def first_build(seed):
        return weights(module(AT_IMPORT[generator] + MODULE), seed=seed)

    one, two = first_build(1), first_build(2)
    assert torch.equal(one, first_build(1))
    assert not torch.isclose(one, two).all()
    assert (one[-3:] != two[-3:]).all()


@pytest.mark.fault("F21")
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("SelfSeeded", "builder: gives the same weights for seeds 1 and 2"),
        ("Constant", "builder: gives the same weights for seeds 1 and 2"),
        ("Unseeded", "builder: gives other weights each time"),
        ("OwnDice", "forward: gives other outputs for the same weights, batch and seed"),
        ("OwnDiceInAnswers", "generate: gives other outputs"),
        ("Unkeepable", "state_dict: holds an object that a checkpoint cannot; tensors, numbers"),
    ],
)
def test_model_whose_seeds_are_no_replications_is_refused(model, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        require(STRANGE + model)


@pytest.mark.fault("F21")
def test_import_within_the_builder_that_seeds_is_refused(module, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "late", raising=False)
    (tmp_path / "late.py").write_text(AT_IMPORT["torch"], encoding="utf-8")
    with pytest.raises(ValueError, match="builder: gives other weights each time"):
        require(module(MODULE.replace("    model = ", "    import late\n    model = ")))


@pytest.mark.parametrize("name", ["Gambler", "Transformer", "Normalised"])
def test_model_that_draws_from_the_global_generators_is_taken(name):
    require(STRANGE + name)


@pytest.mark.parametrize("name", MODELS)
def test_models_of_the_suite_are_taken(name):
    require(MODELS[name].builder)


def test_every_global_generator_is_seeded_and_put_back():
    def draw():
        return torch.rand(()).item(), float(np.random.rand()), random.random()

    def drawn(seed):
        with seeded_model(seed, "training", 3):
            return draw()

    state = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    one, two = drawn(1), drawn(2)
    assert one == drawn(1)
    assert all(left != right for left, right in zip(one, two, strict=True))
    with suppress(KeyError), seeded_model(1, "training"):
        draw()
        raise KeyError
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == state[1:]


def test_lazy_layers_have_the_weights_of_the_seed_before_the_optimiser_is_built():
    one, again, two = (weights(f"{STRANGE}Transformer", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, two)


def test_layer_that_no_pass_reaches_is_named():
    class Unreached(nn.Module):
        def __init__(self, config):
            super().__init__()
            self.output = nn.LazyLinear(3)

        def forward(self, source, target_in):
            return source

    with pytest.raises(ValueError, match=r"builder: output\.weight has no weights"):
        initialise(Unreached, CONFIG, seed=1)


LEAKS = """
import warnings
torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.use_deterministic_algorithms(True)
warnings.simplefilter("error")
"""


def settings():
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        list(warnings.filters),
    )


@pytest.mark.fault("F21")
def test_settings_of_a_module_are_put_back_after_it_is_imported(module):
    """A thread, a precision or a filter for the whole process would be that of all models."""
    before = settings()
    build_model(module(MODULE + LEAKS), CONFIG, seed=1, device="cpu")
    assert settings() == before
    with suppress(KeyError), settings_kept():
        torch.set_grad_enabled(False)
        raise KeyError
    assert settings() == before
