"""Models made ready to work: from a builder's name to parameters on a device, compiled."""

from torch import nn

from bench.training.seeding import seeded_initialisation
from models.config import ModelConfig
from models.interface import warm_up
from tasks.import_path import resolve


def build_model(builder: str, config: ModelConfig, *, seed: int, device: str) -> nn.Module:
    """Build a model with the parameters that a seed gives, and let it compile what it compiles.

    Args:
        builder: `package.module:function`.
    """
    with seeded_initialisation(seed):
        model: nn.Module = resolve(builder)(config)
    model.to(device)
    warm_up(model)
    return model
