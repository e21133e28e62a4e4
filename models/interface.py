"""What a model has to offer to take part in the matrix.

A model is a `torch.nn.Module` with the two methods of `SequenceModel`. Its builder takes a
`models.config.ModelConfig` and returns it. That is all; nothing has to be inherited, and
`tests/plugins/example.py` is a whole one. What else is used where it exists: the method
`flops(source_length, target_length)` fills the column forward_flops, `attention_path()` the column
of that name, `warm_up()` is called before anything is timed, and `attention_weights(source,
target_in)` and `context(source)` let the probes look inside.

What the conformance suite checks for every model, a new one too (README, "Add a model"):

* logits of item t do not depend on `target_in` after position t;
* rows of a batch do not depend on one another;
* `generate` gives what the argmax of `forward` gives on the model's own answer;
* every parameter gets a gradient, and four examples can be learned by heart;
* lengths never seen before are accepted, and a `state_dict` carries the model over.
"""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn


@runtime_checkable
class SequenceModel(Protocol):
    """From a source sequence to a target sequence of known length."""

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        target_in: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target symbols"]:
        """Return the logits of every target item, given the true items before it.

        Args:
            source: Symbols 0..V-1.
            target_in: The start symbol V, then the target without its last item.
        """
        ...

    def generate(
        self, source: Int[Tensor, "batch source"], length: int
    ) -> Int[Tensor, "batch length"]:
        """Return the greedy answer of exactly `length` items; it sees no true item."""
        ...


def parameter_count(model: nn.Module) -> int:
    """Return how many numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def warm_up(model: nn.Module) -> None:
    """Let a model compile what it needs, if it compiles anything."""
    method = getattr(model, "warm_up", None)
    if method is not None:
        method()


def attention_path(model: nn.Module) -> str | None:
    """Return how a model computes its attention; None if it has none or does not say."""
    method = getattr(model, "attention_path", None)
    return None if method is None else method()


def attention_weights(
    model: nn.Module,
    source: Int[Tensor, "batch source"],
    target_in: Int[Tensor, "batch target"],
) -> Float[Tensor, "batch target source"] | None:
    """Return where each target item looks, given the true items before it; None if nowhere."""
    method = getattr(model, "attention_weights", None)
    return None if method is None else method(source, target_in)


def context(
    model: nn.Module, source: Int[Tensor, "batch source"]
) -> Float[Tensor, "batch numbers"] | None:
    """Return all the numbers of the state that passes from source to answer; None if not told."""
    method = getattr(model, "context", None)
    return None if method is None else method(source)


def forward_flops(model: nn.Module, source_length: int, target_length: int) -> int | None:
    """Return the operations of a teacher-forced pass over a sequence; None if it does not say."""
    method = getattr(model, "flops", None)
    return None if method is None else method(source_length, target_length)
