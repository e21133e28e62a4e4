"""The kinds of attention that the one decoder can be given: dot, additive and uniform.

Each scores a query against every item of the memory, turns the scores into weights by a softmax,
and averages the memory by them. None keeps state between calls. `models/decoder.py` says what an
attention has to offer. Read `additive.py` next: how additive scores stay affordable.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.attention.additive import AdditiveKeys, additive_keys, additive_scores, warm_up
from models.interface import Memory, States, Weights


def _average(memory: Memory, scores: Weights) -> tuple[States, Weights]:
    # No mask: a batch has one length and no padding.
    weights = torch.softmax(scores, dim=-1)
    return torch.bmm(weights, memory), weights


class DotAttention(nn.Module):
    """Scores a query q against a memory h by their inner product q.h, unscaled.

    Source: Luong, Pham and Manning 2015, arXiv:1508.04025, equations 7 and 8, `dot`.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def path(self) -> str:
        """Name how the weights are computed."""
        return "plain"

    def warm_up(self) -> None:
        """Compile nothing."""

    def keys(self, memory: Memory) -> Memory:
        """Pass the memory on: nothing needs computing once per source."""
        return memory

    def forward(self, query: States, keys: Memory, memory: Memory) -> tuple[States, Weights]:
        """Average the memory by softmax of q.h."""
        # Not divided by sqrt(hidden) as in Transformers. Recurrent states are bounded by 1, so
        # the product is small, and so divided the attention was not learned at all.
        return _average(memory, torch.bmm(query, keys.transpose(1, 2)))

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of scores and context for one sequence."""
        return 4 * target_length * source_length * self.hidden


class AdditiveAttention(nn.Module):
    """Scores a query q against a memory h by v.tanh(W q + U h).

    The query is the state after reading the item before, as in Luong et al. Bahdanau et al. take
    the state one step earlier, because their context feeds the recurrence.

    Source: Bahdanau, Cho and Bengio 2015, arXiv:1409.0473, equations 5 and 6 and appendix A.1.2.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.query_projection = nn.Linear(hidden, hidden, bias=False)
        self.key_projection = nn.Linear(hidden, hidden, bias=False)
        # As nn.Linear(hidden, 1) would be initialised; a softmax does not see a bias.
        self.score_vector = nn.Parameter(torch.empty(hidden))
        nn.init.uniform_(self.score_vector, -(hidden**-0.5), hidden**-0.5)

    def path(self) -> str:
        """Name how the scores are computed, `compiled` or `chunked`; compile if need be."""
        return warm_up(self.score_vector.device)

    def warm_up(self) -> None:
        """Compile what the scores need, so that no timing contains it."""
        warm_up(self.score_vector.device)

    def keys(self, memory: Memory) -> AdditiveKeys:
        """Compute U h and its exponential, once per source."""
        return additive_keys(self.key_projection(memory))

    def forward(self, query: States, keys: AdditiveKeys, memory: Memory) -> tuple[States, Weights]:
        """Average the memory by softmax of v.tanh(W q + U h)."""
        projected = self.query_projection(query)
        return _average(memory, additive_scores(projected, keys, self.score_vector))

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of projections, scores and context for one sequence."""
        projections = 2 * (source_length + target_length) * self.hidden**2
        # Per pair and hidden unit: a sum, a tanh counted as one and a multiply-add for the score,
        # and a multiply-add for the context.
        return projections + 6 * target_length * source_length * self.hidden


class UniformAttention(nn.Module):
    """Weighs all source positions alike: the ablation, attention that cannot choose."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def path(self) -> str:
        """Name how the weights are computed."""
        return "plain"

    def warm_up(self) -> None:
        """Compile nothing."""

    def keys(self, memory: Memory) -> Float[Tensor, "batch 1 hidden"]:
        """Average the memory, which is every query's context."""
        return memory.mean(dim=1, keepdim=True)

    def forward(
        self, query: States, keys: Float[Tensor, "batch 1 hidden"], memory: Memory
    ) -> tuple[States, Weights]:
        """Give every query the same context and weights."""
        batch, target, _ = query.shape
        source = memory.shape[1]
        weights = memory.new_full((1, 1, 1), 1 / source).expand(batch, target, source)
        return keys.expand(batch, target, self.hidden), weights

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of one mean of the memory."""
        return source_length * self.hidden
