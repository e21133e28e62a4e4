"""minLSTM: an LSTM whose gates see only the input, so that its state is a weighted sum."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from models.causal.model import CausalModel, Items
from models.config import ModelConfig

State = Float[Tensor, "batch width"]


class MinLstm(nn.Module):
    """h_t = f_t h_(t-1) + i_t g(W x_t), with f and i two gates of x_t, divided by their sum.

    g(x) is x + 1/2 above 0, and the sigmoid of x below.

    Source: Feng et al. 2024, arXiv:2410.01201, section 3.2 and appendix B (g).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Items, state: State | None) -> tuple[Items, State]:
        """Mix items that follow a state."""
        forget, admit, value = self.project(x).chunk(3, dim=-1)
        # sigmoid(forget) / (sigmoid(forget) + sigmoid(admit)), which is safe where both are 0.
        keep = torch.sigmoid(functional.logsigmoid(forget) - functional.logsigmoid(admit))
        value = torch.where(value >= 0, value + 0.5, torch.sigmoid(value))
        h = scan(keep, (1 - keep) * value, state)
        return self.out(h), h[:, -1]

    def memory_numbers(self, items: int) -> int:
        """Count the numbers of the state, however many items there were."""
        return self.out.in_features

    def flops(self, items: int) -> int:
        """Count the operations of the products over one sequence."""
        return 2 * (self.project.weight.numel() + self.out.weight.numel()) * items


def scan(keep: Items, added: Items, state: State | None) -> Items:
    """Compute h_t = keep_t h_(t-1) + added_t for all items; the state is h before them, or 0."""
    # Item by item. At 32 x 400 x 64 on a CPU the parallel scans take 3 times as long (log2 n
    # rounds of doubling) and 6 times (cumulative logsumexp): there is no matrix product to gain.
    h = torch.zeros_like(added[:, 0]) if state is None else state
    states = []
    for kept, more in zip(keep.unbind(1), added.unbind(1), strict=True):
        h = torch.addcmul(more, kept, h)
        states.append(h)
    return torch.stack(states, dim=1)


def build(config: ModelConfig) -> CausalModel:
    """Build `minlstm`. Its dotted name is part of the ids of runs, so it stays."""
    # Three layers, as in the authors' runs: with gates of the input alone, only depth gives an
    # item's gate a view of other items.
    return CausalModel(config, build_mixers=(config.layers or 3) * (MinLstm,))
