"""The lengths a model meets, the budget of each, and the learning rate of each update."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plan.presets import PRESETS
from bench.plan.recipe import PROTOCOLS, Recipe, ladder


def test_ladder_has_every_ten_and_every_length_asked_for():
    assert ladder([5, 25]) == (5, 10, 20, 25)
    assert ladder([40, 7]) == (7, 10, 20, 30, 40)
    assert ladder([9]) == (9,)


def test_protocols_make_trajectories_of_lengths():
    trajectories = {name: protocol((5, 20)) for name, protocol in PROTOCOLS.items()}
    assert trajectories == {
        "curriculum": (((5,), (10,), (20,)),),
        "ascending": (((5,), (20,)),),
        "independent": (((5,),), ((20,),)),
        "mixed": (((5, 20),),),
    }


def test_budget_is_full_then_the_same_number_of_items_then_of_updates():
    recipe = Recipe(stage_budget_updates=1000, full_budget_length=10, least_budget_length=80)
    lengths = (1, 10, 30, 80, 90, 200)
    budgets = [recipe.budget_updates([length]) for length in lengths]
    assert budgets == [1000, 1000, 334, 125, 125, 125]
    assert recipe.budget_updates(lengths) == sum(budgets)
    assert [Recipe().budget_updates([length]) for length in (11, 139, 140)] == [6364, 504, 500]


@given(st.integers(1, 10_000), st.integers(1, 100_000))
def test_budget_is_positive_and_never_above_the_one_given(updates, length):
    assert 1 <= Recipe(stage_budget_updates=updates).budget_updates([length]) <= updates


def test_learning_rate_of_an_update():
    recipe = Recipe(learning_rate=0.008, constant_fraction=0.5, final_fraction=0.25)

    def rate(update, *, length=30, is_first=False):
        return recipe.learning_rate_at(
            update, length=length, budget_updates=1000, is_first=is_first
        )

    assert [rate(update, is_first=True) for update in (0, 49, 99, 100)] == pytest.approx(
        [0.008 / 100, 0.004, 0.008, 0.008]
    )
    assert [rate(update) for update in (0, 499, 749, 999)] == pytest.approx(
        [0.008, 0.008, 0.005, 0.002]
    )
    assert [rate(0, length=length) for length in (1, 31, 240)] == pytest.approx(
        [0.008, 0.008 * (30 / 31) ** (1 / 3), 0.004]
    )


def test_impossible_recipe_is_refused():
    Recipe(stage_budget_updates=1)
    with pytest.raises(ValueError, match=r"^stage_budget_updates: must be at least 1, got 0$"):
        Recipe(stage_budget_updates=0)
    for rate in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"learning_rate: must be between 0 and 1, got {rate}"):
            Recipe(learning_rate=rate)


def test_mixed_and_curriculum_of_extrapolation_train_on_about_as_many_items():
    def items_at_most(part):
        recipe = Recipe(stage_budget_updates=part.budget)
        return sum(
            recipe.budget_updates(stage) * sum(stage) / len(stage)
            for trajectory in PROTOCOLS[part.protocol](part.lengths)
            for stage in trajectory
        )

    of_protocols = {part.protocol: items_at_most(part) for part in PRESETS["extrapolation"].parts}
    assert 0.8 < of_protocols["mixed"] / of_protocols["curriculum"] < 1


def test_extrapolation_goes_on_from_curricula_of_challengers():
    curricula = [part for part in PRESETS["extrapolation"].parts if part.protocol == "curriculum"]
    trained = {
        (task, model, part.learning_rate, part.protocol)
        for part in PRESETS["challengers"].parts
        for task in part.tasks
        for model in part.models
    }
    assert {
        (task, *part.models, part.learning_rate, part.protocol)
        for part in curricula
        for task in part.tasks
    } <= trained
    lengths = tuple(PRESETS["challengers"].lengths)
    assert {part.lengths for part in curricula} == {lengths[: len(curricula[0].lengths)]}


def test_preset_says_what_it_costs_and_its_budget():
    """The plans of the others are held against what is published of them."""
    assert str(PRESETS["quick"]) == (
        "a first look at copy and reverse, one seed; under 3 minutes, budget 26%"
    )
    budgets = [preset.budget for preset in PRESETS.values()]
    assert budgets == [1800, 7000, 28000, *5 * [7000]]
    quick, paper = PRESETS["quick"], PRESETS["paper"]
    assert (list(quick.lengths), quick.seeds) == ([10, 20, 30, 40], 1)
    assert [(part.tasks, part.models) for part in quick.parts] == [(("copy", "reverse"), None)]
    assert (list(paper.lengths), paper.seeds) == ([*range(10, 201, 10)], 5)
    assert [(part.tasks, part.hidden) for part in paper.parts] == [
        (("copy", "reverse", "sort"), 128)
    ]
    measured = [name for name, preset in PRESETS.items() if preset.measures_throughput]
    assert measured == ["quick", "default", "paper"]
