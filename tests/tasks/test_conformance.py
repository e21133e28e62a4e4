"""Every check over every registered task, plug-ins included, and over a twin to be rejected."""

import doctest

import pytest

from tasks import ENTRY_POINT_GROUP, TASKS, find_task, transforms
from tasks.import_path import plug_ins
from tests.tasks import checks
from tests.tasks.duplicate import DUPLICATE
from tests.tasks.twins import broken, sample_any_source

NAMES = (*TASKS, *plug_ins(ENTRY_POINT_GROUP))
REGISTERED = {**{name: find_task(name) for name in NAMES}, DUPLICATE.name: DUPLICATE}

CHECKS = {name: check for name, check in vars(checks).items() if name.startswith("check_")}
BASELINES, TRANSFORMS = "tasks.baselines:", "tasks.transforms:"

# A check without its "check_", a task that it has to reject, and its complaint.
TWINS = [
    ("reproducible", broken("copy", transform="add_chance"), "the targets differ"),
    ("global_generators_untouched", broken("copy", transform="move_generator"), "of .'torch'"),
    ("rows_independent", broken("copy", transform="other_row"), "answer depends"),
    ("rows_independent", broken("sort", alignment="first_row_for_all"), "alignment depends"),
    (
        "target_form",
        broken("copy", transform="one_item_less"),
        r"shape \(3, 1\) as torch.int64, got \(3, 0\)",
    ),
    (
        "target_form",
        broken("copy", output_length="twice"),
        r"shape \(3, 2\) as torch.int64, got \(3, 1\)",
    ),
    ("target_form", broken("copy", transform="as_bytes"), "int64, got .* as torch.uint8"),
    ("target_form", broken("copy", transform="shifted_symbols"), "ids from 0 to 3, got 1 to 4"),
    ("weights_sum_to_one", broken("copy", alignment="sum_of_two"), "sums are not 1"),
    ("weights_sum_to_one", broken("copy", alignment="negative"), "negative"),
    ("weights_at_the_item", broken("copy", alignment=f"{TRANSFORMS}reverse_alignment"), "another"),
    (
        "baselines_ordered",
        broken("copy", repeat="one_and_a_half"),
        "repeat: must be from 0 to 1 at .*, got 1.5",
    ),
    ("baselines_ordered", broken("copy", constant="half_of_chance"), "below chance"),
    ("baselines_ordered", broken("sort", causal_ceiling="half_of_chance"), "below the constant"),
    ("dependence_stated", broken("sort", has_dependent_items=False), "items share"),
    ("dependence_stated", broken("copy", has_dependent_items=True), "items share"),
    ("numbers", broken("sort", information=f"{BASELINES}independent_bits"), "target_bits: "),
    ("numbers", broken("sort", constant=f"{BASELINES}independent_constant"), "constant_accuracy: "),
    ("numbers", broken("sort", repeat=f"{BASELINES}independent_repeat"), "repeat_accuracy: "),
    ("ceiling_not_too_low", broken("reverse", causal_ceiling="off_by_one_half"), "but"),
]


@pytest.mark.parametrize("task", REGISTERED.values(), ids=REGISTERED.keys())
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_task_satisfies(check, task):
    check(task)


@pytest.mark.parametrize(("name", "twin", "complaint"), TWINS)
def test_check_rejects_a_broken_twin(name, twin, complaint):
    with pytest.raises((AssertionError, ValueError), match=complaint):
        CHECKS[f"check_{name}"](twin)


def test_disjoint_splits_reject_a_sampler_that_ignores_them():
    with pytest.raises(AssertionError, match="sources are in train and validation"):
        checks.check_splits_disjoint(TASKS["copy"], sample_any_source)


def test_every_check_has_a_twin():
    named = {f"check_{name}" for name, _, _ in TWINS}
    assert named == CHECKS.keys() - {"check_splits_disjoint"}


def test_worked_examples():
    examples = doctest.testmod(transforms)
    assert examples.attempted >= 9
    assert examples.failed == 0


# The tasks of this suite are also held to a reference in plain Python, the positions of each
# target item in its source, and to the lowest ceiling.
REFERENCES = {
    "copy": lambda row: [[t] for t in range(len(row))],
    "reverse": lambda row: [[len(row) - 1 - t] for t in range(len(row))],
    "sort": lambda row: [[j for j, x in enumerate(row) if x == y] for y in sorted(row)],
}


@pytest.mark.parametrize("name", TASKS)
def test_task_equals_its_reference(name):
    checks.assert_equals_reference(TASKS[name], REFERENCES[name])


@pytest.mark.parametrize(
    ("twin", "complaint"),
    [
        (broken("sort", transform="sort_down"), "other targets"),
        (broken("reverse", transform=f"{TRANSFORMS}copy"), "other targets"),
        (broken("copy", transform=f"{TRANSFORMS}sort"), "other targets"),
        (broken("sort", alignment="first_of_equals"), "other alignments"),
        (broken("reverse", alignment=f"{TRANSFORMS}copy_alignment"), "other alignments"),
        (broken("sort", causal_ceiling="always_right"), "a ceiling of"),
        (broken("reverse", causal_ceiling="always_right"), "a ceiling of"),
        (broken("copy", causal_ceiling=f"{BASELINES}reverse_ceiling"), "a ceiling of"),
    ],
)
def test_reference_rejects_a_broken_twin(twin, complaint):
    with pytest.raises(AssertionError, match=complaint):
        checks.assert_equals_reference(twin, REFERENCES[twin.name])
