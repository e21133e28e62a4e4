"""Every model of the matrix, plug-ins included, passes every check; every twin fails its own."""

import inspect
import traceback
from pathlib import Path

import pytest

from models import ENTRY_POINT_GROUP, MODELS, find_model
from models.interface import SequenceModel
from results.schema.columns import error_in_words
from tasks.import_path import plug_ins, resolve
from tests import ROOT
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
    given = {named: named for named in metafunc.config.getoption("--model")}
    if "any_reference" in metafunc.fixturenames:
        models = given
        if not models:
            models = {entry.name: entry.builder for entry in ENTRIES}
            models |= {"example": "tests.plugins.example:build"}
        metafunc.parametrize("any_reference", models.values(), ids=models.keys())
    if "attending_reference" in metafunc.fixturenames:
        metafunc.parametrize("attending_reference", given or ATTENDING)


@pytest.fixture
def asked(record_property, request):
    """Run a check on a model, and say in words what it finds."""

    def ask(check, reference):
        record_property("model", reference)
        record_property("rule", check.__doc__.splitlines()[0])
        try:
            check(resolve(reference))
            return
        except checks.DoesNotApply as error:
            pytest.skip(str(error))
        except AssertionError as error:
            reason = str(error)
        except Exception as error:
            if not request.config.getoption("--model"):
                raise
            reason = f"{error_in_words(error)} ({place_of(error)})"
        # Its words say all; the code of the check would hide them.
        pytest.fail(reason, pytrace=False)

    return ask


def place_of(error):
    """Name the last line of a user's that an error came through; else the last line of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if not Path(frame.filename).is_relative_to(ROOT) and "site-packages" not in frame.filename
    ]
    frame = (own or frames)[-1]
    return f"{frame.filename}, line {frame.lineno}: {frame.line}"


@pytest.mark.parametrize("check", CHECKS)
def test_model_passes(check, any_reference, asked):
    asked(check, any_reference)


def test_model_has_the_interface(any_reference, asked):
    asked(has_the_interface, any_reference)


def has_the_interface(builder):
    """The model has the methods `forward` and `generate`."""
    assert isinstance(checks.build(builder), SequenceModel), "it must have forward and generate"


def test_attention_weights_sum_to_one(attending_reference, asked):
    asked(checks.check_attention_weights_sum_to_one, attending_reference)


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
