"""One model run in this process: killed at every moment, failing, and evaluated again."""

import itertools
import random
import shutil
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.training import model_run
from bench.training.model_run import execute
from models import find_model
from results.schema.rows import OK
from results.store.folder import open_store
from tasks import TASKS
from tests.commands import files, snapshot, weights, without_times
from tests.plugins.broken import Raising

STRANGE = "tests.plugins.strange:"
RECIPE = Recipe(batch_size=8, stage_budget_updates=20, validation_sequences=16)


def run_of(*, lengths=(2, 4, 6), model="rnn", **options):
    settings = Settings(lengths=lengths, seeds=(1,), hidden=8, recipe=RECIPE, **options)
    (run,) = plan_matrix(settings, tasks=[TASKS["copy"]], models=[find_model(model)])
    return run


def carry_out(run, folder, *, emit=lambda event: None, attempt=1):
    store = open_store(folder, create=True)
    store.extend_plan(run.planned_rows())
    execute(run, store, attempt=attempt, emit=emit)
    return folder


def found(run, folder):
    """Read the rows and samples of a run, without times."""
    store = open_store(folder, create=False)
    records = [store.read_record(row.record_id) for row in run.planned_rows()]
    records = [record for record in records if record is not None]
    rows = without_times(record.row for record in records)
    return list(zip(rows, [record.samples for record in records], strict=True))


def rows(run, folder):
    return [row for row, _ in found(run, folder)]


def stopping_after(events):
    """Make an `emit` that ends the run, as a kill does, with one of its events."""
    left = itertools.count(events, -1)

    def emit(event):
        if next(left) == 0:
            raise KeyboardInterrupt

    return emit


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    events = []
    return carry_out(run_of(), tmp_path_factory.mktemp("whole"), emit=events.append), events


@pytest.fixture
def copied(undisturbed, tmp_path):
    return shutil.copytree(undisturbed[0], tmp_path / "results")


@pytest.mark.fault("F26")
def test_files_edited_since_the_plan_was_made_are_a_failure(tmp_path):
    run = replace(run_of(), code_hash="other")
    with pytest.raises(ValueError, match="the files of copy or rnn were edited meanwhile"):
        carry_out(run, tmp_path)
    assert not weights(tmp_path)


# Killed and resumed.


def test_run_emits_every_few_updates_and_every_record(undisturbed):
    folder, events = undisturbed
    run = run_of()
    for stage in run.stages():
        updates = [event["updates"] for event in events if event.get("stage") == stage.stage_id]
        assert updates == [10, 20]
    emitted = [event["record"] for event in events if "record" in event]
    assert emitted == [row.record_id for row in run.planned_rows()]
    assert [row.status for row in rows(run, folder)] == [OK, OK, OK]


@pytest.mark.fault("F12")
@pytest.mark.parametrize("events", range(9))
def test_run_killed_at_any_event_ends_with_the_same_numbers(undisturbed, tmp_path, events):
    """Then every stage keeps its weights, and the last its optimiser."""
    assert len(undisturbed[1]) == 9
    run = run_of()
    with pytest.raises(KeyboardInterrupt):
        carry_out(run, tmp_path, emit=stopping_after(events))
    kept = snapshot(tmp_path / "records") if (tmp_path / "records").exists() else {}
    carry_out(run, tmp_path)
    assert found(run, tmp_path) == found(run, undisturbed[0])
    assert kept.items() <= snapshot(tmp_path / "records").items()
    if events < 8:  # After the last record nothing is left to do, and no file is looked at.
        stages = [stage.stage_id for stage in run.stages()]
        assert weights(tmp_path) == sorted(f"{stage}.pt" for stage in stages)
        state = [f"{stages[-1]}.optimizer.pt"]
        assert files(tmp_path / "checkpoints", "*.optimizer.pt") == state
    assert files(tmp_path / "failures", "*") == []


@pytest.mark.parametrize("kind", ["pt", "optimizer.pt"])
def test_truncated_checkpoint_is_trained_again_to_the_same_numbers(copied, tmp_path, kind):
    run = run_of(lengths=(2, 4, 6, 8))
    path = copied / "checkpoints" / f"{list(run.stages())[2].stage_id}.{kind}"
    path.write_bytes(path.read_bytes()[:-100])
    carry_out(run, copied)
    assert found(run, copied) == found(run, carry_out(run, tmp_path / "whole"))
    assert path.with_name(f"{path.name}.rejected").exists()


def test_rung_put_in_between_gives_the_numbers_of_a_run_of_its_own(copied, tmp_path):
    """The optimiser's state before it is gone, so the way there is trained again, and the same."""
    run = run_of(lengths=(2, 4, 5))
    carry_out(run, copied)
    assert found(run, copied) == found(run, carry_out(run, tmp_path / "own"))
    # The last one of either run.
    assert len(files(copied / "checkpoints", "*.optimizer.pt")) == 2


# Evaluated again.


def test_test_lengths_train_nothing_and_give_the_rows_of_doing_it_at_once(
    copied, tmp_path, monkeypatch
):
    run = run_of(test_lengths=(3, 7))
    carry_out(run, tmp_path / "at once")
    checkpoints = snapshot(copied / "checkpoints")
    monkeypatch.setattr(model_run, "train_stage", None)
    carry_out(run, copied)
    assert [(row.train_length, row.length) for row in rows(run, copied)] == [
        (stage, length) for stage in (2, 4, 6) for length in sorted((stage, 3, 7))
    ]
    assert found(run, copied) == found(run, tmp_path / "at once")
    assert snapshot(copied / "checkpoints") == checkpoints


# Failing.


@pytest.mark.parametrize(
    ("model", "length", "status", "error"),
    [
        ("Raising", 4, "failed", "ValueError: longer than 2"),
        ("NotANumber", 4, "diverged", "Diverged: the loss is nan after 10 updates of the stage"),
        ("Greedy", 4, "out_of_memory", "RuntimeError: "),
        ("Unbuildable", 2, "failed", "ValueError: there is nothing to build"),
    ],
)
def test_failure_is_a_row_with_one_line_of_error(model, length, status, error, tmp_path):
    run = run_of(model=f"tests.plugins.broken:{model}", lengths=(2, 4))
    with pytest.raises(Exception, match=r".*"):
        carry_out(run, tmp_path, attempt=3)
    (row,) = open_store(tmp_path, create=False).failures().values()
    assert (row.train_length, row.length, row.status, row.attempts) == (length, length, status, 3)
    assert row.error.startswith(error)
    assert len(row.error.splitlines()) == 1
    assert row.token_accuracy is None
    assert row.torch_version is not None


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("Nul", r"ValueError: a\x00b"),
        ("Surrogate", r"ValueError: a\ud800b"),
        ("Escape", r"ValueError: \x1b[2J\u202ea\tb"),
        ("Long", f"ValueError: {'x' * 600}"),
        ("Unprintable", "_Unprintable: its text raises SystemExit"),
        ("NoText", "NoText: its text raises TypeError"),
        ("Exit", "ModelError: the model or its task raised SystemExit: 0"),
        ("Interrupt", "ModelError: the model or its task raised KeyboardInterrupt"),
        ("GeneratorEnd", "ModelError: the model or its task raised GeneratorExit"),
        ("Cancelled", "ModelError: the model or its task raised CancelledError"),
        ("Refusal", "ModelError: the model or its task raised ResultsError: the folder is full"),
    ],
)
def test_whatever_a_model_raises_is_its_own_row(model, error, tmp_path):
    run = run_of(model=f"{STRANGE}{model}", lengths=(2, 4))
    with suppress(Exception):  # Pytest would ask it for its text.
        carry_out(run, tmp_path)
    (row,) = open_store(tmp_path, create=False).failures().values()
    assert (row.length, row.status) == (4, "failed")
    assert row.error.startswith(error)
    assert row.error.isprintable()
    assert len(row.error) <= 1000


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("model", "status", "error"),
    [
        ("StrangePath", "failed", "attention_path: one line of plain text is needed"),
        ("StrangeFlops", "failed", "forward_flops: an integer from 0"),
        ("Overflowing", "diverged", "Diverged: the loss on the test sequences is nan"),
    ],
)
def test_what_breaks_the_rule_of_a_column_is_a_failure_of_the_model(model, status, error, tmp_path):
    """On the way to a row it looked as if the results folder had refused."""
    run = run_of(model=f"{STRANGE}{model}", lengths=(2,), test_lengths=(8,))
    with pytest.raises(Exception, match=error.partition(": ")[2]):
        carry_out(run, tmp_path)
    failures = open_store(tmp_path, create=False).failures().values()
    assert {row.status for row in failures} == {status}
    assert all(error in row.error for row in failures)


@pytest.mark.fault("F26")
@pytest.mark.parametrize(
    ("model", "length", "given"),
    [
        ("WithStartSymbol", 2, "(2, 2, 17) as float32"),
        ("Tuple", 2, "tuple"),
        ("LateTuple", 4, "tuple"),
    ],
)
def test_wrong_shape_is_refused_in_its_first_batch(model, length, given, tmp_path):
    run, events = run_of(model=f"{STRANGE}{model}", lengths=(2, 4)), []
    with pytest.raises(ValueError, match="forward: must return logits"):
        carry_out(run, tmp_path, emit=events.append)
    (row,) = open_store(tmp_path, create=False).failures().values()
    assert (row.length, row.status) == (length, "failed")
    assert given in row.error
    trained = [event for event in events if "updates" in event]
    assert len(trained) == (0 if length == 2 else 2)  # Of the stage before.


def test_failure_on_several_lengths_names_the_one_that_it_came_from(tmp_path):
    run = run_of(model="tests.plugins.broken:NotANumber", lengths=(1, 2, 9), protocol="mixed")
    with pytest.raises(Exception, match="the loss is nan"):
        carry_out(run, tmp_path)
    failures = open_store(tmp_path, create=False).failures().values()
    assert sorted(row.length for row in failures) == [1, 2, 9]
    (error,) = {row.error for row in failures}
    assert error.endswith("(in a batch of length 9)")


@pytest.mark.fault("F21")
def test_model_with_dice_gives_the_same_rows_twice_and_resumed_and_others_for_another_seed(
    tmp_path,
):
    """It draws from torch, NumPy and Python: its weights, in training and while it answers."""
    run = run_of(model=f"{STRANGE}Gambler", lengths=(2, 4), test_lengths=(3,))
    once = found(run, carry_out(run, tmp_path / "once"))
    for draw in (random.random, np.random.rand, lambda: torch.rand(1)):
        draw()
    assert found(run, carry_out(run, tmp_path / "twice")) == once
    for events in (2, 4):  # In the second stage, and between two test lengths of the first.
        folder = tmp_path / f"stopped after {events}"
        with pytest.raises(KeyboardInterrupt):
            carry_out(run, folder, emit=stopping_after(events))
        assert found(run, carry_out(run, folder)) == once
    other = replace(run, seed=2)
    scores = [row.token_accuracy for row in rows(other, carry_out(other, tmp_path / "other"))]
    assert scores != [row.token_accuracy for row, _ in once]


@pytest.mark.fault("F21")
def test_model_that_computes_with_more_threads_than_one_is_refused(tmp_path):
    run = run_of(model=f"{STRANGE}ManyThreads", lengths=(2,))
    with pytest.raises(ValueError, match="must compute with 1 thread"):
        carry_out(run, tmp_path)
    assert torch.get_num_threads() == 1
    assert rows(run, tmp_path) == []


def test_failure_at_one_test_length_leaves_the_others(tmp_path, monkeypatch):
    """The run goes on, and training is not repeated when that length is tried again."""

    class FailsAtTwelve(Raising):
        def forward(self, source, target_in):
            if source.shape[1] == 12:
                raise ValueError("twelve")
            return super().forward(source, target_in)

    monkeypatch.setenv("BROKEN_MODELS_ARE_REPAIRED", "yes")
    monkeypatch.setattr("tests.plugins.broken.Raising", FailsAtTwelve)
    run = run_of(model="tests.plugins.broken:Raising", lengths=(4, 6), test_lengths=(2, 12, 13))
    with pytest.raises(ValueError, match="twelve"):
        carry_out(run, tmp_path)
    assert [row.length for row in rows(run, tmp_path)] == [2, 4, 13, 2, 6, 13]
    monkeypatch.setattr("tests.plugins.broken.Raising", Raising)
    monkeypatch.setattr(model_run, "train_stage", None)
    carry_out(run, tmp_path, attempt=2)
    attempts = [(row.length, row.attempts) for row in rows(run, tmp_path)]
    assert attempts[:4] == [(2, 1), (4, 1), (12, 2), (13, 1)]
    assert attempts[4:] == [(2, 1), (6, 1), (12, 2), (13, 1)]
    assert open_store(tmp_path, create=False).failures() == {}


def test_run_on_the_processor_leaves_accelerators_alone(tmp_path, monkeypatch):
    def touch(*_, **__):
        raise RuntimeError("an accelerator is touched")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_rng_state", touch)
    run = run_of(lengths=(2,))
    assert [row.status for row in rows(run, carry_out(run, tmp_path))] == [OK]
