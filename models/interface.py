"""What a model has to offer to take part in the matrix.

A model is a `torch.nn.Module` with the two methods of `SequenceModel`. Its builder takes a
`models.config.ModelConfig` and returns it. Nothing has to be inherited, and
`tests/plugins/example.py` is a whole model. Five more methods are used if a model has them:

* `flops(source_length, target_length)` fills the column forward_flops;
* `attention_path()` fills the column of that name;
* `warm_up()` is called before anything is timed;
* `attention_weights(source, target_in)` and `context(source)` let the probes look inside.

The conformance suite checks for every model, a new one too (README, "Add a model"):

* logits of item t do not depend on `target_in` after position t;
* rows of a batch do not depend on one another;
* `generate` gives what the argmax of `forward` gives on the model's own answer;
* every parameter gets a gradient, and four examples can be learned by heart;
* lengths never seen before are accepted, and a `state_dict` carries the model over.
"""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

# The shapes of all signatures in this package. Ids are whole numbers: symbols are 0..V-1, and V is
# the start symbol. `source` and `target` are numbers of items, equal in the tasks of this suite
# but not in every task.
Source = Int[Tensor, "batch source"]
Target = Int[Tensor, "batch target"]
Logits = Float[Tensor, "batch target symbols"]
Memory = Float[Tensor, "batch source hidden"]
States = Float[Tensor, "batch target hidden"]
Weights = Float[Tensor, "batch target source"]


@runtime_checkable
class SequenceModel(Protocol):
    """From a source sequence to a target sequence of known length."""

    def forward(self, source: Source, target_in: Target) -> Logits:
        """Score every symbol for each target item, given the true items before it.

        Args:
            source: Symbols 0..V-1.
            target_in: The start symbol V, then the target without its last item.
        """
        ...

    def generate(self, source: Source, length: int) -> Int[Tensor, "batch length"]:
        """Answer greedily with exactly `length` items, without any true item."""
        ...


def parameter_count(model: nn.Module) -> int:
    """Count the numbers that a model learns."""
    return sum(parameter.numel() for parameter in model.parameters())


# The functions below ask for what a model need not have. A model of a plug-in that lacks it has
# an empty cell in the CSVs, or is left out of a probe.


def _ask(model: nn.Module, name: str, *arguments: Any) -> Any:
    method = getattr(model, name, None)
    return None if method is None else method(*arguments)


def warm_up(model: nn.Module) -> None:
    """Let a model compile what it needs, if it compiles anything."""
    _ask(model, "warm_up")


def attention_path(model: nn.Module) -> str | None:
    """Name how a model computes its attention; None if it has none or does not say."""
    return _ask(model, "attention_path")


def attention_weights(model: nn.Module, source: Source, target_in: Target) -> Weights | None:
    """Weigh where each target item looks, given the true items before it; None if nowhere."""
    return _ask(model, "attention_weights", source, target_in)


def context(model: nn.Module, source: Source) -> Float[Tensor, "batch numbers"] | None:
    """Collect the numbers of the state between source and answer; None if it does not say."""
    return _ask(model, "context", source)


def forward_flops(model: nn.Module, source_length: int, target_length: int) -> int | None:
    """Count the operations of a teacher-forced pass over a sequence; None if it does not say."""
    return _ask(model, "flops", source_length, target_length)
