"""F12: a model run killed between two stages goes on bit by bit as if nothing had happened."""

import hashlib
import io

import pytest
import torch

from tests.commands import Command, wait_until, weights
from tests.faults.fault_tools import ONE_RUN, complete, kill, planted

pytestmark = pytest.mark.fault("F12")

STEPS = (*ONE_RUN, "--lengths", "2,4,6")


def checkpoints(folder):
    """Return every tensor of every checkpoint of a results folder, the optimiser's included."""
    found = {}
    for path in sorted((folder / "checkpoints").glob("[!.]*.pt")):
        content = path.read_bytes()
        assert hashlib.sha256(content[32:]).digest() == content[:32]
        found[path.name] = torch.load(io.BytesIO(content[32:]), weights_only=True)
    return dict(tensors(found))


def tensors(value, place=()):
    if isinstance(value, torch.Tensor):
        yield place, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from tensors(each, (*place, name))


def assert_same_bits(left, right):
    assert left.keys() == right.keys()
    for place, tensor in left.items():
        assert tensor.dtype == right[place].dtype
        assert tensor.numpy().tobytes() == right[place].numpy().tobytes(), place


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "results"
    complete(folder, *STEPS)
    return checkpoints(folder)


def resumed_after(folder, stages, **options):
    """Kill the command as soon as that many stages have their checkpoint, then let it go on."""
    with Command(folder, *STEPS) as started:
        wait_until(lambda: started.is_over() or len(weights(folder)) >= stages)
        kill(started)
    assert len(weights(folder)) < 3, "killed too late to say anything"
    complete(folder, *STEPS, **options)
    return checkpoints(folder)


@pytest.mark.parametrize("stages", [1, 2])
def test_resumed_weights_are_the_same_bits(stages, uninterrupted, folder, reached):
    found = resumed_after(folder, stages)
    bits = sum(8 * tensor.numel() * tensor.element_size() for tensor in found.values())
    reached(text=f"after stage {stages} of 3: {bits:,} bits equal")
    assert_same_bits(found, uninterrupted)


@pytest.mark.fault("F12", is_twin=True)
def test_resume_without_the_optimiser_is_found(uninterrupted, folder, tmp_path):
    code = "import torch; torch.optim.Adam.load_state_dict = lambda self, state: None"
    found = resumed_after(folder, 1, before=planted(tmp_path, code))
    with pytest.raises(AssertionError):
        assert_same_bits(found, uninterrupted)
