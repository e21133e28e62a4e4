"""The description of a task. It names its functions as text, so reading it imports no torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.import_path import require_reference, resolve

if TYPE_CHECKING:
    from jaxtyping import Float, Int64
    from torch import Tensor

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_REFERENCES = (
    "transform",
    "alignment",
    "information",
    "constant",
    "repeat",
    "causal_ceiling",
    "output_length",
)


def require_length(length: int) -> None:
    """Refuse a sequence without items."""
    if length < 1:
        raise ValueError(f"length: must be at least 1, got {length}")


def require_symbols(symbols: int) -> None:
    """Refuse an alphabet that carries no information."""
    if symbols < 2:
        raise ValueError(f"symbols: must be at least 2, got {symbols}")


# Not in transforms.py, because a dry run asks for target lengths and must not import torch.
def same_length(length: int) -> int:
    """Count the target items of a task that answers every source item once."""
    return length


@dataclass(frozen=True, kw_only=True)
class Task:
    """A function from a source to a target, and everything that is known about it.

    The source is drawn uniformly and independently from `symbols` symbols. Every target item is
    one of the source items, and the alignment says which. The functions are named as
    `package.module:function` and imported at their first use.

    Attributes:
        name: lower case letters, digits, `-` and `_`, beginning with a letter.
        summary: one line for listings.
        default_symbols: alphabet size if none is asked for, at least 2.
        version: raised by one whenever the task's numbers change, at least 1.
        has_dependent_items: whether the target items depend on one another. If they do, a model
            that answers every item on its own cannot be scored in bits per sequence.
        transform: (source) -> target, both int64 of shape batch x items; a pure function.
        alignment: (source) -> weights of shape batch x target x source; rows sum to 1 and lie on
            the source positions that hold the target item. Equal items share equally if the task
            does not say which of them it means.
        information: (length, symbols) -> entropy of the target in bits.
        constant: (length, symbols) -> accuracy of the best answer that ignores the source, one
            symbol per target position, averaged over the positions.
        repeat: (length, symbols) -> accuracy of answering with the previous gold item; the first
            item, which has none before it, gets its best constant.
        causal_ceiling: (length, symbols) -> best accuracy of an answer y_t that has seen x_1..x_t
            only. 1.0 is a valid ceiling if no lower one is known.
        output_length: (length) -> number of target items.
    """

    name: str
    summary: str
    default_symbols: int
    version: int
    has_dependent_items: bool
    transform: str
    alignment: str
    information: str
    constant: str
    repeat: str
    causal_ceiling: str
    output_length: str = "tasks.task:same_length"

    def __post_init__(self) -> None:
        """Refuse a description that could not be listed or run."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"name: {self.name!r} is not a task name; write lower case letters, digits, - or _,"
                " beginning with a letter"
            )
        if not self.summary or not self.summary.isprintable():
            raise ValueError(f"summary: must be one line of text, got {self.summary!r}")
        if self.default_symbols < 2:
            raise ValueError(f"default_symbols: must be at least 2, got {self.default_symbols}")
        if self.version < 1:
            raise ValueError(f"version: must be at least 1, got {self.version}")
        # Only the form is looked at: whether a function is there shows when it is first used.
        for field in _REFERENCES:
            require_reference(getattr(self, field), argument=field)

    @property
    def references(self) -> tuple[str, ...]:
        """The functions that it names."""
        return tuple(getattr(self, field) for field in _REFERENCES)

    def targets(self, source: Int64[Tensor, "batch source"]) -> Int64[Tensor, "batch target"]:
        """Answer every source.

        Raises:
            ValueError: The transform answers in another form than it should.
        """
        target = resolve(self.transform)(source.clone())  # It may change what it is given.
        expected = (len(source), self.target_length(source.shape[1])), source.dtype
        found = tuple(getattr(target, "shape", ())), getattr(target, "dtype", type(target).__name__)
        if found != expected:
            form, got = (" as ".join(map(str, each)) for each in (expected, found))
            raise ValueError(f"transform: must answer with shape {form}, got {got}")
        return target

    def align(self, source: Int64[Tensor, "batch source"]) -> Float[Tensor, "batch target source"]:
        """Weigh the source positions that each target item comes from; rows sum to 1."""
        return resolve(self.alignment)(source.clone())

    def target_length(self, length: int) -> int:
        """Count the target items of a source of `length` items."""
        require_length(length)
        items = int(resolve(self.output_length)(length))
        if items < 1:
            raise ValueError(f"output_length: must be at least 1 at length {length}, got {items}")
        return items

    def target_bits(self, length: int, symbols: int) -> float:
        """Give the entropy of the target, in bits per sequence."""
        return self._known("information", length=length, symbols=symbols)

    def constant_accuracy(self, length: int, symbols: int) -> float:
        """Give the accuracy of the best answer that ignores the source."""
        return self._known("constant", length=length, symbols=symbols)

    def repeat_accuracy(self, length: int, symbols: int) -> float:
        """Give the accuracy of answering with the previous gold item."""
        return self._known("repeat", length=length, symbols=symbols)

    def ceiling_accuracy(self, length: int, symbols: int) -> float:
        """Give the best accuracy of an answer y_t that has seen x_1..x_t only."""
        return self._known("causal_ceiling", length=length, symbols=symbols)

    def _known(self, field: str, *, length: int, symbols: int) -> float:
        """Ask for bits, or for an accuracy; refuse what can be neither."""
        require_length(length)
        require_symbols(symbols)
        value = float(resolve(getattr(self, field))(length, symbols))
        most = 1.0
        if field == "information":
            most = self.target_length(length) * math.log2(symbols) * (1 + 1e-9)  # Rounding.
        if not 0 <= value <= most:  # NaN is neither more nor less.
            raise ValueError(
                f"{field}: must be from 0 to {most:g} at length {length}, got {value:g}"
            )
        return value
