"""The kinds of attention that the one decoder can be given: dot, additive, uniform and location.

Each scores every item of the memory, turns the scores into weights by a softmax, and averages the
memory by them. All but location score by what a query and an item are, location by where it was.
`models/decoder.py` says what an attention has to offer. Read `additive.py` next: how additive
scores stay affordable.
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

    def begin(self, memory: Memory) -> Memory:
        """Pass the memory on: nothing needs computing once per source."""
        return memory

    def forward(
        self, query: States, keys: Memory, memory: Memory
    ) -> tuple[States, Weights, Memory]:
        """Average the memory by softmax of q.h."""
        # Not divided by sqrt(hidden) as in Transformers. Recurrent states are bounded by 1, so
        # the product is small, and so divided the attention was not learned at all.
        return *_average(memory, torch.bmm(query, keys.transpose(1, 2))), keys

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

    def begin(self, memory: Memory) -> AdditiveKeys:
        """Compute U h and its exponential, once per source."""
        return additive_keys(self.key_projection(memory))

    def forward(
        self, query: States, keys: AdditiveKeys, memory: Memory
    ) -> tuple[States, Weights, AdditiveKeys]:
        """Average the memory by softmax of v.tanh(W q + U h)."""
        projected = self.query_projection(query)
        return *_average(memory, additive_scores(projected, keys, self.score_vector)), keys

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

    def begin(self, memory: Memory) -> Float[Tensor, "batch 1 hidden"]:
        """Average the memory, which is every query's context."""
        return memory.mean(dim=1, keepdim=True)

    def forward(
        self, query: States, mean: Float[Tensor, "batch 1 hidden"], memory: Memory
    ) -> tuple[States, Weights, Float[Tensor, "batch 1 hidden"]]:
        """Give every query the same context and weights."""
        batch, target, _ = query.shape
        source = memory.shape[1]
        weights = memory.new_full((1, 1, 1), 1 / source).expand(batch, target, source)
        return mean.expand(batch, target, self.hidden), weights, mean

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of one mean of the memory."""
        return source_length * self.hidden


class LocationAttention(nn.Module):
    """Looks through a Gaussian window whose centre walks by a learned step of at most one item.

    m_t = m_(t-1) + clip(2 (w.q_t + b), -1, 1), from m_0 = -1. The weight of item j is the softmax
    over j of -(d_j - m_t)^2 / (2 s^2), where d_j is its distance from the first item or from the
    last one. A gate, softmax(G q_t), mixes the two. What the items are plays no part.

    The bound is a strong prior for answers that walk along the source, as copy and reverse do.

    Source: Graves 2013, arXiv:1308.0850, equations 46 to 51, one window of two. There the step is
    exp(.) without a bound, so that the centre drifts beyond the lengths of the training.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.step = nn.Linear(hidden, 1)
        self.gate = nn.Linear(hidden, 2)
        self.log_width = nn.Parameter(torch.zeros(()))

    def path(self) -> str:
        """Name how the weights are computed."""
        return "plain"

    def warm_up(self) -> None:
        """Compile nothing."""

    def begin(self, memory: Memory) -> Float[Tensor, "batch 1"]:
        """Put the centre one item before the first, so that a whole step leads to it."""
        return memory.new_full((len(memory), 1), -1.0)

    def forward(
        self, query: States, centre: Float[Tensor, "batch 1"], memory: Memory
    ) -> tuple[States, Weights, Float[Tensor, "batch 1"]]:
        """Average the memory around centres that go on from one, and give the last centre."""
        # Clipped, not squashed by a tanh: a step of exactly 1 does not drift. Trained to 40 items,
        # the centre was right at 640 with it, and at 160 with the tanh.
        step = (2 * self.step(query).squeeze(2)).clamp(-1, 1)
        # States of the network do not depend on contexts, so all centres are one sum.
        centre = centre + step.cumsum(1)
        places = torch.arange(memory.shape[1], dtype=memory.dtype, device=memory.device)
        distances = torch.stack((places, places.flip(0)))
        apart = (distances - centre[:, :, None, None]) * torch.exp(-self.log_width)
        windows = torch.softmax(-0.5 * apart.square(), dim=-1)
        gate = torch.softmax(self.gate(query), dim=-1)
        weights = (gate[..., None] * windows).sum(2)
        return torch.bmm(weights, memory), weights, centre[:, -1:]

    def flops(self, source_length: int, target_length: int) -> int:
        """Count the operations of step, gate and context for one sequence."""
        return 2 * target_length * self.hidden * (3 + source_length)
