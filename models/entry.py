"""The description of a model, known before one is built. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelEntry:
    """One row of `MODELS`.

    Attributes:
        name: Name at the command line and in the CSVs.
        summary: One line for listings.
        builder: `package.module:function`, from a `ModelConfig` to a model that meets
            `models.interface.SequenceModel`. It is imported when a model is built, not before.
        version: Raised whenever a change to the model changes its numbers.
        is_default: Whether it is in the matrix when no models are named.
        is_autoregressive: Whether an answer depends on the answers before it. If not, the product
            of its probabilities is not the probability of a sequence with dependent items.
        is_causal: Whether item t of the answer sees the source only up to item t.
        attends: Whether it weighs all the source positions for each output item.
        answers_each_item: Whether it gives one answer per source item, so that it cannot learn a
            task whose targets have another length.
        reads: Fields of `ModelConfig` that it reads beside those that all models read. They are
            empty for the other models, so that they are in no other id.
        relative_cost: Time of an update, in that of the default models. Only estimates read it.
    """

    name: str
    summary: str
    builder: str
    version: int = 1
    is_default: bool = False
    is_autoregressive: bool = True
    is_causal: bool = False
    attends: bool = False
    answers_each_item: bool = False
    reads: tuple[str, ...] = ()
    relative_cost: float = 1.0

    def __post_init__(self) -> None:
        # A list of models at the command line is split at its commas.
        if not self.name.isprintable() or not self.name or any(mark in self.name for mark in " ,"):
            raise ValueError(f"name: must be one word without a comma, got {self.name!r}")
        if not self.summary.isprintable():
            raise ValueError(f"summary: must be one line of text, got {self.summary!r}")
        if self.version < 1:
            raise ValueError(f"version: must be at least 1, got {self.version}")
        if not self.relative_cost > 0:
            raise ValueError(f"relative_cost: must be greater than 0, got {self.relative_cost}")

    @property
    def references(self) -> tuple[str, ...]:
        """The functions that it names."""
        return (self.builder,)
