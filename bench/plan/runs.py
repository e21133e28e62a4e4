"""Model runs, their stages and records, each with its id. No torch.

An id is a hash of everything that changes the numbers behind it, defaults filled in. Paths, jobs
and hosts change none, so they are not in it.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

from bench.plan.recipe import (
    EVALUATOR_VERSION,
    PROTOCOLS,
    RECIPE_VERSION,
    Recipe,
    Trajectory,
)
from models.config import ModelConfig
from models.entry import ModelEntry
from results.schema.rows import NOT_REACHED, AccuracyRow
from tasks import SAMPLER_VERSION, Task
from tasks.import_path import code_hash


def digest(content: Mapping[str, Any]) -> str:
    """Hash content to 16 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Settings:
    """What the model runs of a block have in common."""

    lengths: tuple[int, ...]  # Asked for, rising.
    seeds: tuple[int, ...]  # Each replicates the whole block.
    protocol: str = "curriculum"
    # Further lengths at which every finished stage is tested, and further multiples of its own.
    test_lengths: tuple[int, ...] = ()
    test_factors: tuple[float, ...] = ()
    # Alphabet size by task name. A task that is not in it has its default.
    symbols: Mapping[str, int] = field(default_factory=dict)
    cell: str = "lstm"
    hidden: int = 64
    encoder: str = "bi"
    layers: int | None = None  # None: each model has its own number.
    channel_numbers: int = 32
    channel_snr: float = 3.0
    device: str = "cpu"
    recipe: Recipe = field(default_factory=Recipe)


@dataclass(frozen=True)
class Stage:
    """A segment of training that ends in a checkpoint."""

    stage_id: str  # Hash of the run and of the stages so far.
    lengths: tuple[int, ...]
    test_lengths: tuple[int, ...]  # It is evaluated at each of them at its end.
    budget_updates: int
    is_first: bool

    @property
    def train_length(self) -> int:
        """The largest length that it trains on."""
        return max(self.lengths)

    def record_id(self, length: int) -> str:
        """Hash the evaluation of this stage at one length."""
        return digest(
            {"stage": self.stage_id, "length": length, "evaluator_version": EVALUATOR_VERSION}
        )


@dataclass(frozen=True)
class ModelRun:
    """One parameter trajectory: all that is needed to carry it out, in plain values."""

    task: str
    model: str
    builder: str
    seed: int
    protocol: str
    trajectory: Trajectory
    test_lengths: tuple[int, ...]
    config: ModelConfig
    device: str
    recipe: Recipe
    task_version: int
    model_version: int
    test_factors: tuple[float, ...] = ()
    code_hash: str | None = None

    # Kept once found: a dry run asks for it in every row of the plan.
    @cached_property
    def config_id(self) -> str:
        """Hash of the settings: rows that share it may be in one curve."""
        return digest(
            {
                # Without what this model does not read.
                "config": {k: v for k, v in asdict(self.config).items() if v is not None},
                "device": self.device,
                "protocol": self.protocol,
                "recipe": asdict(self.recipe),
                "task_version": self.task_version,
                "model_version": self.model_version,
                "sampler_version": SAMPLER_VERSION,
                "recipe_version": RECIPE_VERSION,
            }
        )

    @cached_property
    def run_id(self) -> str:
        """Hash of what this trajectory begins with."""
        # A user's code counts by its files. The suite's own counts by its versions, so that its
        # ids outlive a change of words.
        code = {} if self.code_hash is None else {"code": self.code_hash}
        # Only the first stage is in it: a longer ladder is the same run, continued.
        return digest(
            {
                **code,
                "config": self.config_id,
                "task": self.task,
                "model": self.model,
                "builder": self.builder,
                "seed": self.seed,
                "first_stage": self.trajectory[0],
            }
        )

    def stages(self) -> Iterator[Stage]:
        """Yield the stages in order."""
        for index, lengths in enumerate(self.trajectory):
            # No later stage is in an id, so a finished stage stays done when the ladder grows.
            path = self.trajectory[: index + 1]
            yield Stage(
                stage_id=digest({"run": self.run_id, "path": path}),
                lengths=lengths,
                test_lengths=self._tested_at(lengths),
                budget_updates=self.recipe.budget_updates(lengths),
                is_first=index == 0,
            )

    def _tested_at(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        # Rounded first: 1.1 * 10 is a little more than 11.
        multiples = (math.ceil(round(factor * max(lengths), 6)) for factor in self.test_factors)
        return tuple(sorted({*lengths, *self.test_lengths, *multiples}))

    def planned_rows(self) -> Iterator[AccuracyRow]:
        """Yield the row of every record of this run, without scores."""
        for stage in self.stages():
            for length in stage.test_lengths:
                yield self.planned_row(stage, length)

    def planned_row(self, stage: Stage, length: int) -> AccuracyRow:
        """Build the row of one record, without scores."""
        return AccuracyRow(
            task=self.task,
            model=self.model,
            protocol=self.protocol,
            seed=self.seed,
            train_length=stage.train_length,
            length=length,
            status=NOT_REACHED,
            config_id=self.config_id,
            **asdict(self.config),
            embedding=self.config.embedding,
            batch_size=self.recipe.batch_size,
            learning_rate=self.recipe.learning_rate,
            budget_updates=self.recipe.stage_budget_updates,
            stage_budget_updates=stage.budget_updates,
            warmup_updates=self.recipe.warmup_updates,
            clip_norm=self.recipe.clip_norm,
            solved_accuracy=self.recipe.solved_accuracy,
            device=self.device,
            task_version=self.task_version,
            model_version=self.model_version,
            sampler_version=SAMPLER_VERSION,
            recipe_version=RECIPE_VERSION,
            evaluator_version=EVALUATOR_VERSION,
            attempts=0,
            code_hash=self.code_hash,
            run_id=self.run_id,
            stage_id=stage.stage_id,
            record_id=stage.record_id(length),
        )

    def to_json(self) -> str:
        """Write the run as text, for the process that carries it out."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ModelRun":
        """Read what `to_json` wrote."""
        content = json.loads(text)
        content["trajectory"] = tuple(tuple(lengths) for lengths in content["trajectory"])
        content["test_lengths"] = tuple(content["test_lengths"])
        content["test_factors"] = tuple(content["test_factors"])
        content["config"] = ModelConfig(**content["config"])
        content["recipe"] = Recipe(**content["recipe"])
        return cls(**content)


@dataclass(frozen=True)
class Block:
    """Tasks x models that share their settings; an experiment is one block, or several."""

    settings: Settings
    tasks: tuple[Task, ...]
    models: tuple[ModelEntry, ...]

    def impossible(self) -> str | None:
        """Name the first model that cannot learn a task at these lengths, and why; None if all can.

        Raises:
            Exception: A task cannot say how long its targets are.
        """
        aligned = [entry for entry in self.models if entry.answers_each_item]
        one_seed = replace(self.settings, seeds=self.settings.seeds[:1])
        for entry, task in itertools.product(aligned, self.tasks):
            runs = plan_matrix(one_seed, tasks=[task], models=[entry])
            stages = [stage for run in runs for stage in run.stages()]
            for length in sorted({each for stage in stages for each in stage.test_lengths}):
                items = task.target_length(length)
                if items != length:
                    return (
                        f"{entry.name} gives one answer per source item, and {task.name} has "
                        f"{items} target items for {length} source items; leave one of them out"
                    )
        return None


def plan_blocks(blocks: Sequence[Block]) -> tuple[ModelRun, ...]:
    """List the model runs of all blocks, seed by seed, those that two blocks share once."""
    runs = dict.fromkeys(
        run
        for block in blocks
        for run in plan_matrix(block.settings, tasks=block.tasks, models=block.models)
    )
    return tuple(sorted(runs, key=lambda run: run.seed))


def plan_matrix(
    settings: Settings, *, tasks: Sequence[Task], models: Sequence[ModelEntry]
) -> tuple[ModelRun, ...]:
    """List the model runs of tasks x models, in the order in which they are started."""
    code_hashes = {
        (task.name, entry.name): code_hash(*task.references, *entry.references)
        for task, entry in product(tasks, models)
    }
    return tuple(
        ModelRun(
            task=task.name,
            model=entry.name,
            builder=entry.builder,
            seed=seed,
            protocol=settings.protocol,
            trajectory=trajectory,
            test_lengths=settings.test_lengths,
            test_factors=settings.test_factors,
            config=ModelConfig(
                symbols=settings.symbols.get(task.name, task.default_symbols),
                hidden=settings.hidden,
                cell=settings.cell,
                encoder=settings.encoder,
                layers=settings.layers,
                **{name: getattr(settings, name) for name in entry.reads},
            ),
            device=settings.device,
            recipe=settings.recipe,
            task_version=task.version,
            model_version=entry.version,
            code_hash=code_hashes[task.name, entry.name],
        )
        # Seeds outermost: after the first the figure is whole, and each further one narrows its
        # intervals. Attention first: these runs take longest, and none should begin as the last.
        for seed in settings.seeds
        for entry in sorted(models, key=lambda entry: not entry.attends)
        for task in tasks
        for trajectory in PROTOCOLS[settings.protocol](settings.lengths)
    )
