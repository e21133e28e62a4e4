"""What a measurement of speed and memory covers. Imports no torch."""

import json
from dataclasses import dataclass

from models.config import ModelConfig


@dataclass(frozen=True)
class Cell:
    """What one row of throughput.csv is about."""

    model: str
    length: int
    phase: str


@dataclass(frozen=True)
class Measurement:
    """What is measured, and how.

    Attributes:
        builders: Models by name, each as `package.module:builder`.
        cells: What is measured of them.
        config: What every model is built from.
        device: `cpu` or `cuda`.
        batch_size: Sequences per batch.
        threads: Threads of arithmetic, each bound to a processor of its own.
    """

    builders: dict[str, str]
    cells: tuple[Cell, ...]
    config: ModelConfig
    device: str
    batch_size: int
    threads: int

    @staticmethod
    def from_json(text: str) -> "Measurement":
        """Read it from a line that holds its fields."""
        values = json.loads(text)
        values["cells"] = tuple(Cell(**cell) for cell in values["cells"])
        values["config"] = ModelConfig(**values["config"])
        return Measurement(**values)
