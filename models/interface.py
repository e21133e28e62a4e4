"""What a model has to offer to take part in the matrix.

A model is a `torch.nn.Module` with the two methods of `SequenceModel`. Its builder takes a
`models.config.ModelConfig` and returns it. Nothing has to be inherited, and
`tests/plugins/example.py` is a whole model. Seven more methods are used if a model has them:

* `flops(source_length, target_length)` fills the column forward_flops;
* `memory_numbers(source_length)` and `capacity_bits()` fill the columns of these names;
* `attention_path()` fills the column of that name;
* `warm_up()` is called before anything is timed;
* `attention_weights(source, target_in)` and `context(source)` let the probes look inside.

The conformance suite checks for every model, a new one too (docs/your-model.md):

* logits are float32 or float64, with a class for each symbol and none for the start symbol;
* logits of item t do not depend on `target_in` after position t;
* rows of a batch do not depend on one another;
* `generate` gives what the argmax of `forward` gives on the model's own answer;
* another seed gives other weights, and one seed always the same;
* every parameter gets a gradient, and four examples can be learned by heart;
* lengths never seen before are accepted, and a `state_dict` carries the model over.

All of it but learning is asked of a model in evaluation mode. Chance comes from the global
generators of torch, NumPy or `random`, which the suite seeds before a model is built, trained and
tested.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast, runtime_checkable

import torch
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


# Halves are too coarse: their rounding shows in a loss and makes ties of the best symbols.
_LOGITS_TYPES = (torch.float32, torch.float64)


def logits_of(model: nn.Module, source: Source, target_in: Target, *, symbols: int) -> Logits:
    """Score every symbol for each target item, and hold the logits to the contract.

    Raises:
        ValueError: The logits have another form; the message says which.
    """
    with _left_as_they_are("forward", source, target_in):
        logits = model(source, target_in)
    shape = (*target_in.shape, symbols)
    if (
        not isinstance(logits, Tensor)
        or logits.shape != shape
        or logits.dtype not in _LOGITS_TYPES
        or logits.device != source.device
    ):
        raise ValueError(
            f"forward: must return logits of shape {shape}, which is batch x target items x "
            f"symbols without the start symbol, as float32 or float64 on {source.device}, "
            f"got {_form(logits)}"
        )
    return logits


def answers_of(
    model: nn.Module, source: Source, length: int, *, symbols: int
) -> Int[Tensor, "batch length"]:
    """Let a model answer without any true item, and hold the answers to the contract.

    Raises:
        ValueError: The answers have another form; the message says which.
    """
    with _left_as_they_are("generate", source):
        answers = cast(SequenceModel, model).generate(source, length)
    shape = (len(source), length)
    rule = (
        f"generate: must return whole numbers from 0 to {symbols - 1} of shape {shape}, which is "
        f"batch x length, on {source.device}, got "
    )
    if (
        not isinstance(answers, Tensor)
        or answers.shape != shape
        or answers.dtype == torch.bool
        or answers.is_floating_point()
        or answers.is_complex()
        or answers.device != source.device
    ):
        raise ValueError(rule + _form(answers))
    least, most = int(answers.min()), int(answers.max())
    if least < 0 or most >= symbols:
        raise ValueError(f"{rule}{least} to {most}")
    return answers


@contextmanager
def _left_as_they_are(method: str, *tokens: Tensor) -> Iterator[None]:
    """Refuse a model that changes its input: whoever reads it next would read other items."""
    before = [each._version for each in tokens]
    yield
    if before != [each._version for each in tokens]:
        raise ValueError(f"{method}: must not change its input in place; let it work on a copy")


def _form(output: Any) -> str:
    if not isinstance(output, Tensor):
        return f"a {type(output).__name__}"
    name = str(output.dtype).removeprefix("torch.")
    return f"shape {tuple(output.shape)} as {name} on {output.device}"


def parameter_count(model: nn.Module) -> int:
    """Count the numbers that a model learns."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad)


# The functions below ask for what a model need not have. A model of a plug-in that lacks it has
# an empty cell in the CSVs, or is left out of a probe.


def _ask(model: nn.Module, name: str, *arguments: Any) -> Any:
    method = getattr(model, name, None)
    # A model may use the name for something of its own, such as a number or a layer.
    if not callable(method) or isinstance(method, nn.Module):
        return None
    return method(*arguments)


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


def memory_numbers(model: nn.Module, source_length: int) -> int | None:
    """Count the numbers that pass from a source to its answer; None if it does not say."""
    return _ask(model, "memory_numbers", source_length)


def capacity_bits(model: nn.Module) -> float | None:
    """Compute the bits that can pass at most; None if there is no known bound."""
    return _ask(model, "capacity_bits")
