"""Every check over every registered task, plug-ins included, and over a twin to be rejected."""

import pytest

from tasks import TASKS, Task, load_tasks
from tests.tasks import checks
from tests.tasks.checks import RowAlignment, RowFunction
from tests.tasks.duplicate import DUPLICATE
from tests.tasks.twins import broken, sample_any_source

REGISTERED = {**load_tasks(), DUPLICATE.name: DUPLICATE}

# What is wrong with a twin, and what its check has to find wrong.
TWINS: dict[str, list[tuple[Task, str]]] = {
    "check_reproducible": [(broken("copy", transform="add_chance"), "the targets differ")],
    "check_global_generators_untouched": [
        (broken("copy", transform="move_global_generator"), "global generator of .'torch'")
    ],
    "check_source_unchanged": [
        (broken("sort", transform="sort_in_place"), "wrote to the source"),
        (broken("copy", transform="same_memory"), "shares memory"),
    ],
    "check_rows_independent": [
        (broken("copy", transform="other_row"), "answer depends"),
        (broken("sort", alignment="first_row_for_all"), "alignment depends"),
    ],
    "check_target_form": [
        (broken("copy", transform="one_item_less"), "announced length"),
        (broken("copy", output_length="twice"), "announced length"),
        (broken("copy", transform="as_bytes"), "targets are torch.uint8"),
        (broken("copy", transform="shifted_symbols"), "not symbols"),
    ],
    "check_splits_disjoint": [],  # Its twin is a sampler: see below.
    "check_alignment_rows_sum_to_one": [
        (broken("copy", alignment="sum_of_two"), "sums are not 1"),
        (broken("copy", alignment="negative"), "negative"),
    ],
    "check_alignment_points_at_the_item": [
        (broken("copy", alignment="tasks.transforms:reverse_alignment"), "another item")
    ],
    "check_baselines_ordered": [
        (broken("copy", repeat="one_and_a_half"), "an accuracy of 1.5"),
        (broken("copy", constant="half_of_chance"), "below chance"),
        (broken("sort", causal_ceiling="half_of_chance"), "below the constant"),
    ],
    "check_dependence_stated": [
        (broken("sort", has_dependent_items=False), "items share"),
        (broken("copy", has_dependent_items=True), "items share"),
    ],
    "check_known_numbers": [
        (broken("sort", information="tasks.baselines:independent_bits"), "target_bits: "),
        (broken("sort", constant="tasks.baselines:independent_constant"), "constant_accuracy: "),
        (broken("sort", repeat="tasks.baselines:independent_repeat"), "repeat_accuracy: "),
    ],
    "check_ceiling_not_too_low": [(broken("reverse", causal_ceiling="off_by_one_half"), "but")],
}
PAIRS = [(name, *pair) for name, pairs in TWINS.items() for pair in pairs]


@pytest.mark.parametrize("task", REGISTERED.values(), ids=REGISTERED.keys())
@pytest.mark.parametrize("name", TWINS)
def test_task_satisfies(name: str, task: Task) -> None:
    getattr(checks, name)(task)


@pytest.mark.parametrize(("name", "twin", "complaint"), PAIRS)
def test_check_rejects_a_broken_twin(name: str, twin: Task, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        getattr(checks, name)(twin)


def test_disjoint_splits_reject_a_sampler_that_ignores_them() -> None:
    with pytest.raises(AssertionError, match="sources are in train and validation"):
        checks.check_splits_disjoint(TASKS["copy"], sample_any_source)


def test_every_check_is_in_the_table() -> None:
    named = {name for name in vars(checks) if name.startswith("check_")}
    assert named - TWINS.keys() == {"check_equals_reference", "check_ceiling_reached"}


# The tasks of this suite are also held to a reference in plain Python, and to the lowest ceiling.


def _weight(positions: list[int], length: int) -> list[float]:
    return [1 / len(positions) if j in positions else 0.0 for j in range(length)]


def _sorted_by_counting(row: list[int]) -> list[int]:
    return [symbol for symbol in range(max(row) + 1) for item in row if item == symbol]


def _sorted_alignment(row: list[int]) -> list[list[float]]:
    positions = [[j for j, x in enumerate(row) if x == y] for y in _sorted_by_counting(row)]
    return [_weight(each, len(row)) for each in positions]


REFERENCES: dict[str, tuple[RowFunction, RowAlignment]] = {
    "copy": (list, lambda row: [_weight([t], len(row)) for t in range(len(row))]),
    "reverse": (
        lambda row: [row[len(row) - 1 - t] for t in range(len(row))],
        lambda row: [_weight([len(row) - 1 - t], len(row)) for t in range(len(row))],
    ),
    "sort": (_sorted_by_counting, _sorted_alignment),
}


@pytest.mark.parametrize("name", TASKS)
def test_task_equals_its_reference(name: str) -> None:
    checks.check_equals_reference(TASKS[name], *REFERENCES[name])
    checks.check_ceiling_reached(TASKS[name])


@pytest.mark.parametrize(
    ("twin", "complaint"),
    [
        (broken("sort", transform="sort_down"), "other targets"),
        (broken("reverse", transform="tasks.transforms:copy"), "other targets"),
        (broken("copy", transform="tasks.transforms:sort"), "other targets"),
        (broken("sort", alignment="first_of_equals"), "other alignments"),
        (broken("reverse", alignment="tasks.transforms:copy_alignment"), "other alignments"),
    ],
)
def test_reference_rejects_a_broken_twin(twin: Task, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        checks.check_equals_reference(twin, *REFERENCES[twin.name])


@pytest.mark.parametrize(
    "twin",
    [
        broken("sort", causal_ceiling="always_right"),
        broken("reverse", causal_ceiling="always_right"),
        broken("copy", causal_ceiling="tasks.baselines:reverse_ceiling"),
    ],
)
def test_lowest_ceiling_rejects_another(twin: Task) -> None:
    with pytest.raises(AssertionError, match="not"):
        checks.check_ceiling_reached(twin)
