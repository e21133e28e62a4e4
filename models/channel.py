"""What lies between encoder and decoder: a channel that no training can carry more bits through.

Without one the final state passes as it is. A state of real numbers has no capacity that is known.
"""

import math
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.config import ModelConfig

Numbers = Float[Tensor, "batch numbers"]
Value = TypeVar("Value")


def _given(value: Value | None, name: str) -> Value:
    if value is None:
        raise ValueError(f"{name}: a model with a channel needs it")
    return value


class _Channel(nn.Module):
    """A linear map into k numbers, what happens to them, and a linear map out."""

    def __init__(self, config: ModelConfig, *, width: int) -> None:
        super().__init__()
        self.numbers = _given(config.channel_numbers, "channel_numbers")
        self.enter = nn.Linear(width, self.numbers)
        self.leave = nn.Linear(self.numbers, width)

    def flops(self) -> int:
        """Count the operations of the two products for one sequence."""
        return 2 * (self.enter.weight.numel() + self.leave.weight.numel())


class GaussianChannel(_Channel):
    """k numbers of power 1 and Gaussian noise of power 1 / SNR, in training and in tests.

    It carries at most k / 2 log2(1 + SNR) bits of whatever is known of the source: the capacity of
    k uses of a Gaussian channel whose mean power is at most 1. The noise comes from the global
    generator, which a model run seeds.

    Source: Shannon 1949, "Communication in the presence of noise", theorem 2; Cover and Thomas
    2006, "Elements of information theory", equation 9.17.
    """

    def __init__(self, config: ModelConfig, *, width: int) -> None:
        super().__init__(config, width=width)
        self.snr = _given(config.channel_snr, "channel_snr")

    def forward(self, sent: Numbers) -> Numbers:
        """Send the numbers of a state, and give what arrives."""
        code = self.enter(sent)
        # The norm is fixed at sqrt(k) for each source, so no source has more power than allowed.
        code = nn.functional.normalize(code, dim=1) * math.sqrt(self.numbers)
        return self.leave(code + torch.randn_like(code) * self.snr**-0.5)

    def capacity_bits(self) -> float:
        """Compute what can pass at most."""
        return self.numbers / 2 * math.log2(1 + self.snr)


class SignChannel(_Channel):
    """k signs, so k bits at most, without noise.

    The gradient passes a sign as if the sign were the number itself.

    Source: Bengio, Leonard and Courville 2013, arXiv:1308.3432, section 4 (straight-through).
    """

    def forward(self, sent: Numbers) -> Numbers:
        """Send the numbers of a state, and give what arrives."""
        signs: Numbers = _Sign.apply(torch.tanh(self.enter(sent)))
        return self.leave(signs)

    def capacity_bits(self) -> float:
        """Compute what can pass at most."""
        return float(self.numbers)


class _Sign(torch.autograd.Function):
    # Not `signs + soft - soft.detach()`: what rounding leaves of `soft` there would pass too.
    @staticmethod
    def forward(ctx: Any, soft: Tensor) -> Tensor:
        # `sign` is 0 at 0, which would be a third value.
        return torch.where(soft >= 0, 1.0, -1.0).to(soft.dtype)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return slope
