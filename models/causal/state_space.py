"""What layers with a decaying state share: a short convolution before it, and first rates."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.causal.model import Items


class ShortConvolution(nn.Module):
    """Weighs this item and the three before it, each channel by itself, then SiLU.

    Source: Gu and Dao 2023, arXiv:2312.00752, section 3.4 and figure 3.
    """

    def __init__(self, channels: int, *, taps: int = 4) -> None:
        super().__init__()
        self.taps = taps
        # As nn.Conv1d(channels, channels, taps, groups=channels) would be initialised. Its layout,
        # channels before items, would cost two copies.
        self.weight = nn.Parameter(torch.empty(taps, channels).uniform_(-1, 1) * taps**-0.5)
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-1, 1) * taps**-0.5)

    def forward(
        self, x: Items, state: Float[Tensor, "batch before width"] | None
    ) -> tuple[Items, Float[Tensor, "batch before width"]]:
        """Convolve items that follow the last three inputs; None is zeros."""
        items = x.shape[1]
        if state is None:
            state = x.new_zeros(x.shape[0], self.taps - 1, x.shape[2])
        x = torch.cat((state, x), dim=1)
        mixed: Tensor = self.bias
        for tap, weight in enumerate(self.weight):
            mixed = torch.addcmul(mixed, x[:, tap : tap + items], weight)
        return functional.silu(mixed), x[:, items:]

    def memory_numbers(self) -> int:
        """Count the inputs that are kept."""
        return self.weight[1:].numel()


def initial_decay(heads: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Draw rates of decay from 1 to 16, as logarithms, and biases for steps of .001 to .1.

    Source: Dao and Gu 2024, the authors' code; softplus of the bias is log-uniform.
    """
    rates = torch.empty(heads).uniform_(1, 16)
    steps = torch.empty(heads).uniform_(-6.9, -2.3).exp()
    return nn.Parameter(rates.log()), nn.Parameter(steps + torch.log(-torch.expm1(-steps)))


def decay_between(log_decay: Float[Tensor, "*batch items"]) -> Float[Tensor, "*batch items items"]:
    """Give how much of item s is left at item t of its chunk; 0 for an item s after t.

    Args:
        log_decay: Added up over the chunk.
    """
    items = log_decay.shape[-1]
    is_later = torch.ones(items, items, dtype=torch.bool, device=log_decay.device).triu(1)
    # Differences of logarithms, not quotients of products, which would be 0 / 0 in a long chunk.
    between = log_decay[..., :, None] - log_decay[..., None, :]
    return between.masked_fill(is_later, -torch.inf).exp()
