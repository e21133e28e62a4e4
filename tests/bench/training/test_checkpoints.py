"""Checkpoints carry a trajectory over exactly; a bad one is set aside, never used or executed."""

import contextlib
import io
import os
import pickle

import pytest
import torch

from bench.plan.recipe import Recipe
from bench.training.checkpoints import Checkpoints
from bench.training.seeding import seeded_initialisation
from bench.training.train import Trajectory, build_optimizer, train_stage
from models.config import ModelConfig
from models.seq2seq import build_dot
from results.errors import ResultsError
from results.store.checkpoint_files import optimizer_path, weights_path
from tasks import TASKS

RECIPE = Recipe(batch_size=8, stage_budget_updates=15, validation_sequences=16)
STAGE = "0123456789abcdef"


def fresh(*, seed=1):
    with seeded_initialisation(seed):
        model = build_dot(ModelConfig(symbols=4, hidden=8))
    return Trajectory(model, build_optimizer(model, RECIPE))


def weights_of(trajectory):
    return {name: value.clone() for name, value in trajectory.model.state_dict().items()}


def assert_same_weights(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


@pytest.fixture(scope="module")
def trained():
    """A trajectory at the end of its first stage, and how that ended; not to be trained on."""
    trajectory = fresh()
    return trajectory, train_stage(
        trajectory,
        TASKS["copy"],
        lengths=(3,),
        symbols=4,
        seed=1,
        recipe=RECIPE,
        budget_updates=15,
        is_first=True,
    )


@pytest.fixture
def saved(trained, tmp_path):
    Checkpoints(tmp_path).save(STAGE, *trained)
    return tmp_path


# The round trip. That a run goes on as if never stopped: `test_model_run`.


def test_trajectory_comes_back(saved, trained):
    expected, outcome = trained
    stopped = fresh(seed=2)
    assert Checkpoints(saved).load_trajectory(STAGE, stopped)
    assert (stopped.updates, stopped.tokens) == (15, 15 * 8 * 3)
    assert_same_weights(weights_of(stopped), weights_of(expected))
    states = [each.optimizer.state_dict()["state"] for each in (stopped, expected)]
    for number, state in states[0].items():
        assert_same_weights(state, states[1][number])
    loaded = Checkpoints(saved).load_weights(STAGE, fresh(seed=2).model)
    assert loaded == (outcome, 15, 15 * 8 * 3)


def test_absent_files_change_nothing(saved, tmp_path):
    """Without the optimiser's state a stage is evaluated, and not gone on from."""
    checkpoints = Checkpoints(saved)
    assert checkpoints.has_optimizer(STAGE)
    for _ in range(2):
        checkpoints.forget_optimizer(STAGE)
    assert not checkpoints.has_optimizer(STAGE)
    assert [path.name for path in (saved / "checkpoints").iterdir()] == [f"{STAGE}.pt"]
    trajectory = fresh(seed=2)
    before = weights_of(trajectory)
    assert not checkpoints.load_trajectory(STAGE, trajectory)
    assert checkpoints.load_weights("another", trajectory.model) is None
    assert_same_weights(weights_of(trajectory), before)
    assert checkpoints.load_weights(STAGE, trajectory.model) is not None


def test_folder_that_refuses_is_one_line(trained, tmp_path):
    (tmp_path / "checkpoints").touch()
    with pytest.raises(ResultsError, match="checkpoints: cannot be written: "):
        Checkpoints(tmp_path).save(STAGE, *trained)


# Bad files.


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def pickled(content):
    """Make a bare pickle, of the protocol that torch.load knows."""
    return pickle.dumps(content, protocol=2)


def archive(content):
    """Make what torch.save writes."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def assert_set_aside(root, content):
    """It is taken for absent, kept under another name, and leaves the model as it was."""
    path = weights_path(root, STAGE)
    path.write_bytes(content)
    trajectory = fresh(seed=2)
    before = weights_of(trajectory)
    assert Checkpoints(root).load_weights(STAGE, trajectory.model) is None
    assert_same_weights(weights_of(trajectory), before)
    assert not path.exists()
    assert path.with_name(f"{path.name}.rejected").read_bytes() == content
    assert not Checkpoints(root).load_trajectory(STAGE, fresh())


@pytest.mark.fault("F6")
def test_truncated_or_foreign_checkpoint_is_set_aside(saved):
    whole = weights_path(saved, STAGE).read_bytes()
    truncated = [whole[: int(part * len(whole))] for part in (0.0, 0.01, 0.6, 0.999)]
    for content in (*truncated, b"not a checkpoint\n", archive({"model": {}}), b"h\xf7."):
        assert_set_aside(saved, content)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("form", [pickled, archive])
def test_hostile_checkpoint_is_never_executed(saved, tmp_path, form):
    trace = tmp_path / "trace"
    optimizer_path(saved, STAGE).write_bytes(form(Bomb(trace)))
    assert not Checkpoints(saved).load_trajectory(STAGE, fresh())
    assert_set_aside(saved, form(Bomb(trace)))
    assert not trace.exists()
    with contextlib.suppress(RuntimeError):  # Read without care, the same file is executed.
        torch.load(io.BytesIO(form(Bomb(trace))), weights_only=False)
    assert trace.exists()
