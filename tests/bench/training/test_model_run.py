"""One model run in this process: killed at every moment, failing, and evaluated again."""

import itertools
import shutil
from dataclasses import replace

import pytest
import torch

from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.training import model_run
from bench.training.checkpoints import Checkpoints
from bench.training.model_run import execute
from models import MODELS, entry_from_reference
from results.schema.rows import OK
from results.store.folder import open_store
from tasks import TASKS
from tests.commands import files, snapshot, weights, without_times
from tests.plugins.broken import Raising

RECIPE = Recipe(batch_size=8, stage_budget_updates=20, validation_sequences=16)


@pytest.fixture(autouse=True)
def few_test_sequences(monkeypatch):
    monkeypatch.setattr("bench.training.evaluate.TEST_SEQUENCES", 32)


def run_of(*, lengths=(2, 4, 6), model="rnn", **options):
    entry = MODELS[model] if model in MODELS else entry_from_reference(model)
    settings = Settings(lengths=lengths, seeds=(1,), hidden=8, recipe=RECIPE, **options)
    (run,) = plan_matrix(settings, tasks=[TASKS["copy"]], models=[entry])
    return run


def carry_out(run, folder, *, emit=lambda event: None, attempt=1):
    store = open_store(folder, create=True)
    store.extend_plan(run.planned_rows())
    execute(run, store, attempt=attempt, emit=emit)


def records(run, folder):
    store = open_store(folder, create=False)
    return [store.read_record(row.record_id) for row in run.planned_rows()]


def rows(run, folder):
    return without_times(record.row for record in records(run, folder) if record is not None)


def stopping_after(events):
    """Return an `emit` that ends the run, as a kill does, with one of its events."""
    left = itertools.count(events, -1)

    def emit(event):
        if next(left) == 0:
            raise KeyboardInterrupt

    return emit


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder, events = tmp_path_factory.mktemp("undisturbed"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.training.evaluate.TEST_SEQUENCES", 32)
        carry_out(run_of(), folder, emit=events.append)
    return folder, events


# Killed and resumed.


def test_run_tells_of_every_few_updates_and_of_every_record(undisturbed):
    folder, events = undisturbed
    run = run_of()
    for stage in run.stages():
        updates = [event["updates"] for event in events if event.get("stage") == stage.stage_id]
        assert updates == [10, 20]
    told = [event["record"] for event in events if "record" in event]
    assert told == [row.record_id for row in run.planned_rows()]
    assert [row.status for row in rows(run, folder)] == [OK, OK, OK]


def assert_killed_run_ends_the_same(undisturbed, folder, events):
    run = run_of()
    with pytest.raises(KeyboardInterrupt):
        carry_out(run, folder, emit=stopping_after(events))
    kept = snapshot(folder / "records") if (folder / "records").exists() else {}
    carry_out(run, folder)
    assert rows(run, folder) == rows(run, undisturbed[0])
    for one, other in zip(records(run, folder), records(run, undisturbed[0]), strict=True):
        assert one.samples == other.samples
    assert kept.items() <= snapshot(folder / "records").items()
    assert files(folder / "failures", "*") == []


@pytest.mark.parametrize("events", range(9))
def test_run_killed_at_any_event_ends_with_the_same_numbers(undisturbed, tmp_path, events):
    assert len(undisturbed[1]) == 9
    assert_killed_run_ends_the_same(undisturbed, tmp_path, events)


def test_resumption_with_a_fresh_optimiser_is_rejected(undisturbed, tmp_path, monkeypatch):
    """The twin: the weights alone do not tell where training stood."""

    def weights_only(checkpoints, stage_id, trajectory):
        loaded = checkpoints.load_weights(stage_id, trajectory.model)
        if loaded is None:
            return False
        _, trajectory.updates, trajectory.tokens = loaded
        return True

    monkeypatch.setattr(Checkpoints, "load_trajectory", weights_only)
    with pytest.raises(AssertionError):
        assert_killed_run_ends_the_same(undisturbed, tmp_path, 4)


@pytest.mark.parametrize("kind", ["weights", "optimizer"])
def test_truncated_checkpoint_is_trained_again_to_the_same_numbers(undisturbed, tmp_path, kind):
    folder = shutil.copytree(undisturbed[0], tmp_path / "results")
    run = run_of(lengths=(2, 4, 6, 8))
    last = list(run.stages())[2].stage_id
    path = folder / "checkpoints" / (f"{last}.pt" if kind == "weights" else f"{last}.optimizer.pt")
    path.write_bytes(path.read_bytes()[:-100])
    carry_out(run, folder)
    carry_out(run, tmp_path / "whole")
    assert rows(run, folder) == rows(run, tmp_path / "whole")
    assert path.with_name(f"{path.name}.rejected").exists()


def test_rung_put_in_between_gives_the_numbers_of_a_run_of_its_own(undisturbed, tmp_path):
    """The optimiser's state before it is gone, so the way there is trained again, and the same."""
    folder = shutil.copytree(undisturbed[0], tmp_path / "results")
    run = run_of(lengths=(2, 4, 5))
    carry_out(run, folder)
    carry_out(run, tmp_path / "own")
    assert rows(run, folder) == rows(run, tmp_path / "own")


# Evaluated again.


def test_test_lengths_train_nothing(undisturbed, tmp_path, monkeypatch):
    folder = shutil.copytree(undisturbed[0], tmp_path / "results")
    checkpoints = snapshot(folder / "checkpoints")

    def train_stage(*_, **__):
        raise AssertionError("a stage is trained")

    monkeypatch.setattr(model_run, "train_stage", train_stage)
    run = run_of(test_lengths=(3, 7))
    carry_out(run, folder)
    assert [(row.train_length, row.length) for row in rows(run, folder)] == [
        (stage, length) for stage in (2, 4, 6) for length in sorted((stage, 3, 7))
    ]
    assert snapshot(folder / "checkpoints") == checkpoints


def test_test_lengths_afterwards_and_at_once_give_the_same_rows(undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed[0], tmp_path / "results")
    run = run_of(test_lengths=(3,))
    carry_out(run, folder)
    carry_out(run, tmp_path / "at once")
    assert rows(run, folder) == rows(run, tmp_path / "at once")


def test_every_stage_keeps_its_weights_and_the_last_its_optimiser(undisturbed):
    folder, _ = undisturbed
    *_, last = run_of().stages()
    assert weights(folder) == sorted(f"{stage.stage_id}.pt" for stage in run_of().stages())
    assert files(folder / "checkpoints", "*.optimizer.pt") == [f"{last.stage_id}.optimizer.pt"]


# Failing.


def failure_of(model, folder, *, lengths=(2, 4), attempt=1):
    """Carry out a run that fails; return the row of its failure."""
    run = run_of(model=f"tests.plugins.broken:{model}", lengths=lengths)
    with pytest.raises((Exception, SystemExit)):
        carry_out(run, folder, attempt=attempt)
    (row,) = open_store(folder, create=False).failures().values()
    return row


@pytest.mark.parametrize(
    ("model", "status", "error"),
    [
        ("Raising", "failed", "ValueError: longer than 2"),
        ("NotANumber", "diverged", "Diverged: the loss is nan after 10 updates of the stage"),
        ("Greedy", "out_of_memory", "RuntimeError: "),
    ],
)
def test_failure_is_a_row_with_its_status_and_error_in_one_line(model, status, error, tmp_path):
    row = failure_of(model, tmp_path, attempt=3)
    assert (row.train_length, row.length, row.status, row.attempts) == (4, 4, status, 3)
    assert row.error.startswith(error)
    assert len(row.error.splitlines()) == 1
    assert row.token_accuracy is None
    assert row.torch_version is not None


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
    assert attempts == [
        *[(2, 1), (4, 1), (12, 2), (13, 1)],
        *[(2, 1), (6, 1), (12, 2), (13, 1)],
    ]
    assert open_store(tmp_path, create=False).failures() == {}


def test_model_that_cannot_be_built_says_so_in_its_row(tmp_path):
    assert failure_of("Unbuildable", tmp_path).error == "ValueError: there is nothing to build"


@pytest.mark.parametrize("events", [2, 5])
def test_killed_run_keeps_no_optimiser_but_the_last(undisturbed, tmp_path, events):
    assert "record" in undisturbed[1][events]
    with pytest.raises(KeyboardInterrupt):
        carry_out(run_of(), tmp_path, emit=stopping_after(events))
    carry_out(run_of(), tmp_path)
    test_every_stage_keeps_its_weights_and_the_last_its_optimiser((tmp_path, None))


def test_rung_put_in_between_leaves_no_optimiser_but_the_last(undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed[0], tmp_path / "results")
    carry_out(run_of(lengths=(2, 4, 5)), folder)
    assert len(files(folder / "checkpoints", "*.optimizer.pt")) == 2


def test_times_are_all_that_differs_between_two_runs(undisturbed, tmp_path):
    run = run_of()
    carry_out(run, tmp_path)
    assert rows(run, tmp_path) == rows(run, undisturbed[0])
    other = replace(run, seed=2)
    carry_out(other, tmp_path)
    scores = [(row.token_accuracy, row.cross_entropy_bits) for row in rows(other, tmp_path)]
    assert scores != [(row.token_accuracy, row.cross_entropy_bits) for row in rows(run, tmp_path)]


def test_run_on_the_processor_leaves_accelerators_alone(tmp_path, monkeypatch):
    def touch(*_, **__):
        raise RuntimeError("an accelerator is touched")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_rng_state", touch)
    run = run_of(lengths=(2,))
    carry_out(run, tmp_path)
    assert [row.status for row in rows(run, tmp_path)] == [OK]
