"""What a measurement of speed and memory covers. Imports no torch."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from models.config import ModelConfig
from tasks.import_path import code_hash

# Speed hardly depends on a channel, so its settings are no columns.
_CONFIG_COLUMNS = ("symbols", "hidden", "cell", "encoder", "layers")


@dataclass(frozen=True)
class Case:
    """One model at one length in one phase: one row of throughput.csv."""

    model: str
    length: int
    phase: str


@dataclass(frozen=True)
class Measurement:
    """The cases of one measurement, and what they have in common.

    Attributes:
        builders: `package.module:function` of each model.
        batch_size: Sequences per batch.
        threads: Threads of arithmetic, each bound to a processor of its own.
    """

    builders: dict[str, str]
    cases: tuple[Case, ...]
    config: ModelConfig
    device: str
    batch_size: int
    threads: int

    def columns_of(self, case: Case) -> dict[str, Any]:
        """Give the columns of a row that are known before the case is measured."""
        return {
            **asdict(case),
            **{name: getattr(self.config, name) for name in _CONFIG_COLUMNS},
            "embedding": self.config.embedding,
            "device": self.device,
            "batch_size": self.batch_size,
            "threads": self.threads,
            "code_hash": code_hash(self.builders[case.model]),
        }

    @staticmethod
    def from_json(text: str) -> "Measurement":
        """Read what `dataclasses.asdict` and `json.dumps` have written."""
        values = json.loads(text)
        values["cases"] = tuple(Case(**case) for case in values["cases"])
        values["config"] = ModelConfig(**values["config"])
        return Measurement(**values)
