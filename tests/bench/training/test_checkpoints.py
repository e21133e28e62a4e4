"""Checkpoints carry a trajectory over exactly; a bad one is set aside, never used or executed."""

import contextlib
import copy
import io
import os
import pickle
import random

import pytest
import torch

from bench.plan.recipe import Recipe
from bench.training.checkpoints import Checkpoints
from bench.training.seeding import seeded_initialisation
from bench.training.train import Trajectory, build_optimizer, train_stage
from models.config import ModelConfig
from models.seq2seq import build_dot
from tasks import TASKS

CONFIG = ModelConfig(symbols=4, hidden=8)
RECIPE = Recipe(batch_size=8, stage_budget_updates=15, validation_sequences=16)
STAGE = "0123456789abcdef"


def fresh(*, seed=1):
    with seeded_initialisation(seed):
        model = build_dot(CONFIG)
    return Trajectory(model, build_optimizer(model, RECIPE))


def train(trajectory, *, length, is_first=False):
    return train_stage(
        trajectory,
        TASKS["copy"],
        lengths=(length,),
        symbols=4,
        seed=1,
        recipe=RECIPE,
        budget_updates=15,
        is_first=is_first,
    )


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
    return trajectory, train(trajectory, length=3, is_first=True)


@pytest.fixture
def saved(trained, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(STAGE, *trained)
    return checkpoints


def weights_path(checkpoints):
    return checkpoints.folder / f"{STAGE}.pt"


# The round trip.


def test_weights_and_outcome_come_back(saved, trained):
    trajectory, outcome = trained
    other = fresh(seed=2)
    assert saved.load_weights(STAGE, other.model) == (
        outcome,
        trajectory.updates,
        trajectory.tokens,
    )
    assert_same_weights(weights_of(other), weights_of(trajectory))


def assert_goes_on_as_if_never_stopped(checkpoints, trained):
    stopped = fresh(seed=2)
    assert checkpoints.load_trajectory(STAGE, stopped)
    never_stopped = copy.deepcopy(trained[0])
    outcomes = [train(each, length=4) for each in (stopped, never_stopped)]
    assert outcomes[0].validation == outcomes[1].validation
    assert (stopped.updates, stopped.tokens) == (never_stopped.updates, never_stopped.tokens)
    assert_same_weights(weights_of(stopped), weights_of(never_stopped))


@pytest.mark.fault("F12")
def test_training_goes_on_bit_by_bit_as_if_never_stopped(saved, trained):
    assert_goes_on_as_if_never_stopped(saved, trained)


@pytest.mark.fault("F12", is_twin=True)
def test_checkpoint_without_the_optimiser_s_state_is_rejected(saved, trained, monkeypatch):
    """The twin: weights alone go on, but elsewhere."""
    monkeypatch.setattr(torch.optim.Adam, "load_state_dict", lambda self, state: None)
    with pytest.raises(AssertionError):
        assert_goes_on_as_if_never_stopped(saved, trained)


def test_absent_checkpoint_changes_nothing(tmp_path):
    trajectory = fresh()
    before = weights_of(trajectory)
    assert Checkpoints(tmp_path).load_weights(STAGE, trajectory.model) is None
    assert not Checkpoints(tmp_path).load_trajectory(STAGE, trajectory)
    assert_same_weights(weights_of(trajectory), before)
    assert list(tmp_path.iterdir()) == []


def test_forgotten_optimiser_leaves_the_weights(saved):
    saved.forget_optimizer(STAGE)
    saved.forget_optimizer(STAGE)
    assert [path.name for path in saved.folder.iterdir()] == [f"{STAGE}.pt"]
    assert saved.load_weights(STAGE, fresh().model) is not None
    assert not saved.load_trajectory(STAGE, fresh())


def test_interrupted_writing_leaves_the_old_checkpoint(saved, trained, monkeypatch):
    """A kill before the file is in place: what stood there still stands, and nothing else."""
    before = {path.name: path.read_bytes() for path in saved.folder.iterdir()}

    def kill(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", kill)
    with pytest.raises(KeyboardInterrupt):
        saved.save(STAGE, *trained)
    assert {path.name: path.read_bytes() for path in saved.folder.iterdir()} == before


# Bad files.


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def pickled(content):
    """Return a bare pickle, of the protocol that torch.load knows."""
    return pickle.dumps(content, protocol=2)


def archive(content):
    """Return what torch.save writes."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def assert_set_aside(checkpoints, content):
    """It is taken for absent, kept under another name, and leaves the model as it was."""
    path = weights_path(checkpoints)
    path.write_bytes(content)
    trajectory = fresh(seed=2)
    before = weights_of(trajectory)
    assert checkpoints.load_weights(STAGE, trajectory.model) is None
    assert_same_weights(weights_of(trajectory), before)
    assert not path.exists()
    assert path.with_name(f"{path.name}.rejected").read_bytes() == content
    assert not checkpoints.load_trajectory(STAGE, fresh())


@pytest.mark.fault("F6")
@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_checkpoint_is_set_aside(saved, part):
    whole = weights_path(saved).read_bytes()
    assert_set_aside(saved, whole[: int(part * len(whole))])


@pytest.mark.fault("F6", is_twin=True)
def test_whole_checkpoint_is_not_set_aside(saved):
    """The twin: the check would find a loader that rejects everything, or nothing."""
    with pytest.raises(AssertionError):
        assert_set_aside(saved, weights_path(saved).read_bytes())


@pytest.mark.fault("F6")
@pytest.mark.parametrize("content", [b"not a checkpoint\n", b"{}", b"\0" * 100, b"PK\x03\x04"])
def test_foreign_file_is_set_aside(saved, content):
    assert_set_aside(saved, content)


@pytest.mark.fault("F19")
@pytest.mark.parametrize("form", [pickled, archive])
def test_hostile_checkpoint_is_never_executed(saved, tmp_path, form):
    trace = tmp_path / "trace"
    assert_set_aside(saved, form(Bomb(trace)))
    assert not trace.exists()


@pytest.mark.fault("F19", is_twin=True)
@pytest.mark.parametrize("form", [pickled, archive])
def test_hostile_checkpoint_would_do_harm(tmp_path, form):
    """The twin: read without care, the same file is executed."""
    trace = tmp_path / "trace"
    with contextlib.suppress(RuntimeError):
        torch.load(io.BytesIO(form(Bomb(trace))), weights_only=False)
    assert trace.exists()


@pytest.mark.fault("F19")
def test_hostile_optimiser_state_is_never_executed(saved, tmp_path):
    trace = tmp_path / "trace"
    (saved.folder / f"{STAGE}.optimizer.pt").write_bytes(pickled(Bomb(trace)))
    assert not saved.load_trajectory(STAGE, fresh())
    assert not trace.exists()


@pytest.mark.parametrize("content", [[1, 2], {}, {"model": {}}, torch.ones(3)])
def test_file_that_holds_something_else_is_set_aside(saved, content):
    assert_set_aside(saved, archive(content))


@pytest.mark.parametrize("content", [b"h\xf7.", b"X\x02\0\0\0\xff\xff."])
def test_junk_that_looks_like_a_pickle_is_set_aside(saved, content):
    assert_set_aside(saved, content)


@pytest.mark.fault("F6")
def test_no_flipped_bit_becomes_another_weight(saved, trained, is_full, reached):
    expected = weights_of(trained[0])
    path, draw = weights_path(saved), random.Random(3)
    whole = path.read_bytes()
    flips = 200 if is_full else 40
    reached(injected=flips, text=f"checkpoint: {flips} bits flipped")
    for _ in range(flips):
        flipped = bytearray(whole)
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        other = fresh(seed=2)
        if saved.load_weights(STAGE, other.model) is not None:
            assert_same_weights(weights_of(other), expected)
