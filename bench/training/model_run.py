"""One model run in this process, from its first stage that is not done to its last.

As a child process (`bench.execution.worker_main`) it reads the run from standard input and writes
one event per line. The walk: `execute`, `finish_stage`, `train_stage`, `answer_test_sequences`.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

import torch

from bench.execution.provenance import provenance
from bench.execution.worker_main import RESULTS_REFUSED
from bench.plan.runs import ModelRun, Stage
from bench.training.checkpoints import Checkpoints
from bench.training.evaluate import (
    STORED_SAMPLES,
    Answers,
    answer_test_sequences,
    chunk_sequences,
    score,
)
from bench.training.failures import model_at_work, summary_of
from bench.training.seeding import THREADS, build_model, require_seeded, seeded_model, stream
from bench.training.train import (
    StageOutcome,
    Trajectory,
    build_optimizer,
    train_stage,
)
from models import find_model
from models.interface import (
    attention_path,
    capacity_bits,
    forward_flops,
    memory_numbers,
    parameter_count,
)
from results.errors import ResultsError
from results.schema.rows import OK, AccuracyRow, SampleRow
from results.store.folder import Store, open_store
from results.store.records import SHARED_COLUMNS
from tasks import find_task
from tasks.import_path import code_hash
from tasks.sampling import sample_batch

_TRIAL_SEQUENCES = 2

Emit = Callable[[dict[str, Any]], None]


@dataclass
class _OngoingRun:
    """A model run on its way: what its parts share, and where it is."""

    run: ModelRun
    store: Store
    attempt: int
    emit: Emit

    def __post_init__(self) -> None:
        self.task, self.entry = find_task(self.run.task), find_model(self.run.model)
        self.checkpoints = Checkpoints(self.store.root)
        self.stages = tuple(self.run.stages())
        self.reached = -1  # Index of the stage at whose end the trajectory is.
        self.failed_test: Exception | None = None

    @cached_property
    def trajectory(self) -> Trajectory:
        """The model and its optimiser, built in a stage: its rows can say that this failed."""
        run, length = self.run, self.stages[0].lengths[0]
        # Long after the command began: its author may have gone on working at it.
        if code_hash(*self.task.references, *self.entry.references) != run.code_hash:
            raise ValueError(f"the files of {run.task} or {run.model} were edited meanwhile")
        with model_at_work():
            trial = sample_batch(
                self.task,
                stream(run.seed, "trial", length),
                batch_size=_TRIAL_SEQUENCES,
                length=length,
                symbols=run.config.symbols,
                split="train",
            )
            place: dict[str, Any] = {"seed": run.seed, "device": run.device}
            require_seeded(run.builder, run.config, trial, **place)
            model = build_model(run.builder, run.config, **place)
            return Trajectory(model, build_optimizer(model, run.recipe))

    def finish_stage(self, index: int) -> None:
        """Leave all the records of one stage, training only what no checkpoint has."""
        stage = self.stages[index]
        missing = [
            length
            for length in stage.test_lengths
            if self.store.read_record(stage.record_id(length)) is None
        ]
        if not missing:
            return
        with self._failures_recorded(stage, missing):
            outcome = self._restore(index)
            if outcome is None:
                self._go_to(index - 1)
                outcome = self._train(index)
        for length in missing:
            self._evaluate_alone(stage, length, outcome)
        # Only with its own state can this stage be gone on from, and make the earlier ones useless.
        if self.checkpoints.has_optimizer(stage.stage_id):
            for earlier in self.stages[:index]:
                self.checkpoints.forget_optimizer(earlier.stage_id)

    def _restore(self, index: int) -> StageOutcome | None:
        """Set the model to a finished stage's weights, to evaluate them."""
        loaded = self.checkpoints.load_weights(self.stages[index].stage_id, self.trajectory.model)
        if loaded is None:
            return None
        outcome, self.trajectory.updates, self.trajectory.tokens = loaded
        self.reached = -1  # The optimiser is not where the weights are.
        return outcome

    def _go_to(self, index: int) -> None:
        """Bring the trajectory to the end of a stage, from the last checkpoint up to it."""
        if self.reached == index and index >= 0:
            return
        start = index
        while start >= 0 and not self.checkpoints.load_trajectory(
            self.stages[start].stage_id, self.trajectory
        ):
            start -= 1
        if start < 0:
            del self.trajectory  # A new one is built when it is asked for.
        self.reached = start
        for between in range(start + 1, index + 1):
            self._train(between)

    def _train(self, index: int) -> StageOutcome:
        stage, run = self.stages[index], self.run
        # Seeded by the stage: resumed here or not, a model's dropout draws the same numbers.
        with seeded_model(run.seed, "training", *stage.lengths):
            outcome = train_stage(
                self.trajectory,
                self.task,
                lengths=stage.lengths,
                symbols=run.config.symbols,
                seed=run.seed,
                recipe=run.recipe,
                budget_updates=stage.budget_updates,
                is_first=stage.is_first,
                on_progress=lambda done: self.emit({"stage": stage.stage_id, "updates": done}),
            )
        _require_one_thread()
        # Before it is evaluated: a run killed from here on does not train the stage again.
        self.checkpoints.save(stage.stage_id, self.trajectory, outcome)
        self.reached = index
        return outcome

    def _evaluate_alone(self, stage: Stage, length: int, outcome: StageOutcome) -> None:
        """Evaluate one length; a failure at a further test length spoils its own row only."""
        try:
            with self._failures_recorded(stage, [length]):
                self._evaluate(stage, length, outcome)
        except ResultsError:
            raise
        except Exception as error:
            if length in stage.lengths:  # What fails at a length it has trained on will not go on.
                raise
            traceback.print_exc()
            self.failed_test = self.failed_test or error

    def _evaluate(self, stage: Stage, length: int, outcome: StageOutcome) -> None:
        model, symbols = self.trajectory.model, self.run.config.symbols
        began = time.perf_counter()
        answers = answer_test_sequences(
            model,
            self.task,
            length=length,
            symbols=symbols,
            seed=self.run.seed,
            chunk_size=chunk_sequences(length, hidden=self.run.config.hidden),
        )
        _require_one_thread()
        # A model's own words are columns: what breaks their rules is its failure.
        with model_at_work():
            row = self._scored_row(stage, length, outcome, answers, began=began)
        self.store.write_record(row, _samples(row, answers))
        self.emit({"record": row.record_id})

    def _scored_row(
        self, stage: Stage, length: int, outcome: StageOutcome, answers: Answers, *, began: float
    ) -> AccuracyRow:
        model, symbols = self.trajectory.model, self.run.config.symbols
        scores = score(answers, self.task, self.entry, length=length, symbols=symbols)
        return replace(
            self._measured_row(stage, length),
            status=OK,
            **scores,  # type: ignore[arg-type]  # The names are columns; the row checks them.
            stopped_because=outcome.stopped_because,
            stage_updates=outcome.updates,
            total_updates=self.trajectory.updates,
            stage_tokens=outcome.tokens,
            total_tokens=self.trajectory.tokens,
            validation_cross_entropy_bits=outcome.validation.cross_entropy_bits,
            validation_token_accuracy=outcome.validation.token_accuracy,
            validation_sequence_accuracy=outcome.validation.sequence_accuracy,
            parameters=parameter_count(model),
            memory_numbers=memory_numbers(model, length),
            capacity_bits=capacity_bits(model),
            forward_flops=forward_flops(model, length, answers.target.shape[1]),
            train_seconds=outcome.seconds,
            evaluate_seconds=time.perf_counter() - began,
            train_tokens_per_second=outcome.tokens / outcome.seconds,
            attention_path=attention_path(model),
        )

    def _measured_row(self, stage: Stage, length: int) -> AccuracyRow:
        run = self.run
        return replace(
            run.planned_row(stage, length),
            attempts=self.attempt,
            **provenance(run.device, threads=THREADS),  # type: ignore[arg-type]
        )

    @contextmanager
    def _failures_recorded(self, stage: Stage, lengths: list[int]) -> Iterator[None]:
        """Turn what stops a stage into rows that say so, then let it stop the run."""
        try:
            yield
        except ResultsError:  # The results folder refuses: the model has not failed.
            raise
        except Exception as error:
            status, summary = summary_of(error)
            for length in lengths:
                row = self._measured_row(stage, length)
                self.store.write_failure(replace(row, status=status, error=summary))
                self.emit({"failure": row.record_id, "status": status})
            raise


def _require_one_thread() -> None:
    """Refuse numbers that a model may have computed with another number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)  # What follows is not of that model alone.
    if threads != THREADS:
        raise ValueError(
            f"forward, generate: must compute with {THREADS} thread, as every model does; "
            f"torch.set_num_threads was called, and there are {threads}"
        )


def execute(run: ModelRun, store: Store, *, attempt: int, emit: Emit) -> None:
    """Carry out what is left of a run, and leave a record for every stage and length.

    A killed run goes on from its last finished stage, with the numbers of an undisturbed one.

    Args:
        attempt: Counted from 1; it goes into the rows.
        emit: Called with an event for every few updates, and for each record or failure left.

    Raises:
        Exception: Whatever stopped a stage, after its rows were written; or, after the last stage,
            what failed first at a further test length.
    """
    ongoing = _OngoingRun(run, store, attempt, emit)
    for index in range(len(ongoing.stages)):
        ongoing.finish_stage(index)
    if ongoing.failed_test is not None:
        raise ongoing.failed_test


def _samples(row: AccuracyRow, answers: Answers) -> list[SampleRow]:
    parts = {"source": answers.source, "target": answers.target, "answer": answers.answer}
    return [
        SampleRow(
            **{name: getattr(row, name) for name in SHARED_COLUMNS},
            sample=index,
            **{name: " ".join(map(str, ids[index].tolist())) for name, ids in parts.items()},  # type: ignore[arg-type]
        )
        for index in range(STORED_SAMPLES)
    ]


def main(events: TextIO) -> int:
    """Carry out the run on standard input; 1 if a stage failed, 74 if the folder refuses."""
    torch.set_num_threads(THREADS)
    order = json.loads(sys.stdin.readline())

    def emit(event: dict[str, Any]) -> None:
        try:
            print(json.dumps(event), file=events, flush=True)
        except BrokenPipeError:
            # The parent has gone. The run has not failed, so no row may say so: it goes on later.
            os._exit(1)

    try:
        execute(
            ModelRun.from_json(order["run"]),
            open_store(Path(order["out"]), create=True),
            attempt=order["attempt"],
            emit=emit,
        )
    except ResultsError as error:
        emit({"refused": str(error)})
        return RESULTS_REFUSED
    except Exception:
        traceback.print_exc()
        return 1
    return 0
