"""Every model of the matrix, plug-ins included, passes every check; every twin fails its own."""

import inspect

import pytest

from models import ENTRY_POINT_GROUP, MODELS, find_model
from models.interface import SequenceModel
from tasks.import_path import plug_ins, resolve
from tests.models import checks, twins
from tests.plugins.example import BagModel

TWINS = {
    checks.check_shapes: twins.ManyAnswers,
    checks.check_every_parameter_learns: twins.DeadParameter,
    checks.check_rows_are_independent: twins.BatchMixing,
    checks.check_no_peeking: twins.Peeking,
    checks.check_reads_the_source: twins.Blind,
    checks.check_greedy_agrees_with_teacher_forcing: twins.OtherGreedy,
    checks.check_state_dict_round_trip: twins.HiddenState,
    checks.check_any_length: twins.ShortPlaces,
    checks.check_same_seed_same_model: twins.GlobalSeed,
    checks.check_other_seed_other_model: twins.SelfSeeded,
    checks.check_learns_four_examples: twins.Blind,
    checks.check_attention_weights_sum_to_one: twins.Rescaled,
}
CHECKS = [check for check in TWINS if check is not checks.check_attention_weights_sum_to_one]
ENTRIES = [find_model(name) for name in (*MODELS, *plug_ins(ENTRY_POINT_GROUP))]
ATTENDING = [entry.builder for entry in ENTRIES if entry.attends]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "any_reference" in metafunc.fixturenames:
        models = {named: named for named in metafunc.config.getoption("--model")}
        if not models:
            models = {entry.name: entry.builder for entry in ENTRIES}
            models |= {"example": "tests.plugins.example:build"}
        metafunc.parametrize("any_reference", models.values(), ids=models.keys())


@pytest.mark.parametrize("check", CHECKS)
def test_model_passes(check, any_reference):
    try:
        check(resolve(any_reference))
    except AssertionError as error:  # Its words say all; the code of the check would hide them.
        pytest.fail(str(error), pytrace=False)


def test_model_has_the_interface(any_reference):
    assert isinstance(checks.build(resolve(any_reference)), SequenceModel)


@pytest.mark.parametrize("reference", ATTENDING)
def test_attention_weights_sum_to_one(reference):
    checks.check_attention_weights_sum_to_one(resolve(reference))


def test_every_check_has_a_twin():
    assert {check.__name__ for check in TWINS} == {
        name for name in vars(checks) if name.startswith("check_")
    }


@pytest.mark.parametrize("check", TWINS)
def test_twin_is_rejected_in_words(check):
    with pytest.raises(AssertionError, match=r"must|shape"):
        check(TWINS[check])


def test_example_is_short():
    """The README promises a model in about thirty lines."""
    assert len(inspect.getsource(BagModel).splitlines()) <= 30
