"""Every model of the matrix, plug-ins included, passes every check; every twin fails its own."""

import pytest
import torch

from models import load_models
from models.attention.layers import DotAttention
from models.interface import SequenceModel
from tasks.import_path import resolve
from tests.models.model_checks import (
    CHECKS,
    batch_of,
    build,
    check_any_length,
    check_every_parameter_learns,
    check_greedy_agrees_with_teacher_forcing,
    check_learns_four_examples,
    check_no_peeking,
    check_reads_the_source,
    check_rows_are_independent,
    check_same_seed_same_model,
    check_shapes,
    check_state_dict_round_trip,
)
from tests.models.model_twins import (
    BatchMixing,
    Blind,
    DeadParameter,
    GlobalSeed,
    HiddenState,
    ManyAnswers,
    OtherGreedy,
    Peeking,
    Rescaled,
    ShortPlaces,
)
from tests.plugins.example import BagModel

EXAMPLE = "tests.plugins.example:build"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "any_reference" in metafunc.fixturenames:
        models = {name: entry.builder for name, entry in load_models().items()}
        models |= {"example": EXAMPLE}
        models |= {named: named for named in metafunc.config.getoption("--model")}
        metafunc.parametrize("any_reference", models.values(), ids=models.keys())


@pytest.mark.parametrize("check", CHECKS)
def test_model_passes(check, any_reference):
    check(resolve(any_reference))


def test_model_has_the_interface(any_reference):
    assert isinstance(build(resolve(any_reference)), SequenceModel)


TWINS = {
    check_shapes: ManyAnswers,
    check_every_parameter_learns: DeadParameter,
    check_rows_are_independent: BatchMixing,
    check_no_peeking: Peeking,
    check_reads_the_source: Blind,
    check_greedy_agrees_with_teacher_forcing: OtherGreedy,
    check_state_dict_round_trip: HiddenState,
    check_any_length: ShortPlaces,
    check_same_seed_same_model: GlobalSeed,
    check_learns_four_examples: Blind,
}


def test_every_check_has_a_twin():
    assert set(TWINS) == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS)
def test_twin_is_rejected(check):
    with pytest.raises((AssertionError, IndexError)):
        check(TWINS[check])


def test_example_is_short():
    """The README promises a model in about thirty lines."""
    import inspect

    assert len(inspect.getsource(BagModel).splitlines()) <= 30


def assert_weights_sum_to_one(model) -> None:
    batch = batch_of()
    weights = model.attention_weights(batch.source, batch.target_in)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(6, 7))
    assert weights.min() >= 0


@pytest.mark.parametrize(
    "reference", [entry.builder for entry in load_models().values() if entry.attends]
)
def test_attention_weights_sum_to_one(reference):
    assert_weights_sum_to_one(build(resolve(reference)))


def test_attention_weights_twin_is_rejected():
    with pytest.raises(AssertionError):
        assert_weights_sum_to_one(
            build(lambda config: Rescaled(config, build_attention=DotAttention))
        )
