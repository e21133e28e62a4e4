"""The kinds of attention that can be injected into the one decoder. None keeps state."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.attention.additive import AdditiveKeys, additive_keys, additive_scores, warm_up
from models.attention.backend import additive_path


def _context(
    scores: Float[Tensor, "batch target source"], memory: Float[Tensor, "batch source hidden"]
) -> tuple[Float[Tensor, "batch target hidden"], Float[Tensor, "batch target source"]]:
    weights = torch.softmax(scores, dim=-1)
    return torch.bmm(weights, memory), weights


class DotAttention(nn.Module):
    """Scores a query against a memory by their inner product, unscaled.

    Recurrent states are bounded by 1, so the product is small; divided by sqrt(hidden) as in
    Transformers, the attention was not learned at all.

    Source: Luong, Pham and Manning 2015, arXiv:1508.04025, equation 8, `dot`.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def path(self) -> str:
        """Return how the weights are computed: always `plain`."""
        return "plain"

    def warm_up(self) -> None:
        """Nothing is compiled."""

    def keys(
        self, memory: Float[Tensor, "batch source hidden"]
    ) -> Float[Tensor, "batch source hidden"]:
        """Return the memory itself: nothing needs computing once per source."""
        return memory

    def forward(
        self,
        query: Float[Tensor, "batch target hidden"],
        keys: Float[Tensor, "batch source hidden"],
        memory: Float[Tensor, "batch source hidden"],
    ) -> tuple[Float[Tensor, "batch target hidden"], Float[Tensor, "batch target source"]]:
        """Average the memory, weighted by the softmax of query . memory."""
        return _context(torch.bmm(query, keys.transpose(1, 2)), memory)

    def flops(self, source_length: int, target_length: int) -> int:
        """Floating-point operations for one sequence: scores and context."""
        return 4 * target_length * source_length * self.hidden


class AdditiveAttention(nn.Module):
    """Scores a query against a memory by v . tanh(W query + U memory)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.query_projection = nn.Linear(hidden, hidden, bias=False)
        self.key_projection = nn.Linear(hidden, hidden, bias=False)
        self.score_vector = nn.Parameter(torch.empty(hidden))
        nn.init.uniform_(self.score_vector, -(hidden**-0.5), hidden**-0.5)

    def path(self) -> str:
        """Return how the scores are computed: `compiled` or `chunked`."""
        return additive_path(self.score_vector.device)

    def warm_up(self) -> None:
        """Compile what the scores need, so that no timing contains it."""
        warm_up(self.score_vector.device)

    def keys(self, memory: Float[Tensor, "batch source hidden"]) -> AdditiveKeys:
        """Compute U memory and its exponential, once per source."""
        return additive_keys(self.key_projection(memory))

    def forward(
        self,
        query: Float[Tensor, "batch target hidden"],
        keys: AdditiveKeys,
        memory: Float[Tensor, "batch source hidden"],
    ) -> tuple[Float[Tensor, "batch target hidden"], Float[Tensor, "batch target source"]]:
        """Average the memory, weighted by the softmax of v . tanh(W query + U memory).

        Returns:
            Context per target position, and the weights; each row of weights sums to 1.

        Source: Bahdanau, Cho and Bengio 2015, arXiv:1409.0473, appendix A.1.2.
        """
        projected = self.query_projection(query)
        return _context(additive_scores(projected, keys, self.score_vector), memory)

    def flops(self, source_length: int, target_length: int) -> int:
        """Floating-point operations for one sequence: projections, scores and context.

        A score costs, per hidden unit, an addition, a tanh counted as one, and a multiply-add.
        """
        projections = 2 * (source_length + target_length) * self.hidden**2
        return projections + 6 * target_length * source_length * self.hidden


class UniformAttention(nn.Module):
    """Gives every source position the same weight: attention that cannot choose."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def path(self) -> str:
        """Return how the weights are computed: always `plain`."""
        return "plain"

    def warm_up(self) -> None:
        """Nothing is compiled."""

    def keys(self, memory: Float[Tensor, "batch source hidden"]) -> Float[Tensor, "batch 1 hidden"]:
        """Return the mean of the memory, which is every query's context."""
        return memory.mean(dim=1, keepdim=True)

    def forward(
        self,
        query: Float[Tensor, "batch target hidden"],
        keys: Float[Tensor, "batch 1 hidden"],
        memory: Float[Tensor, "batch source hidden"],
    ) -> tuple[Float[Tensor, "batch target hidden"], Float[Tensor, "batch target source"]]:
        """Average the memory with the same weight everywhere, whatever the query."""
        batch, target, _ = query.shape
        source = memory.shape[1]
        weights = memory.new_full((1, 1, 1), 1 / source).expand(batch, target, source)
        return keys.expand(batch, target, self.hidden), weights

    def flops(self, source_length: int, target_length: int) -> int:
        """Floating-point operations for one sequence: one mean of the memory."""
        return source_length * self.hidden
