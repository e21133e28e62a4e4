"""Ids: of all that changes a number, and of nothing else. A longer ladder is the same run."""

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.cli.run_options import parse_request
from bench.plan import runs as plan
from bench.plan.recipe import PROTOCOLS, Recipe
from bench.plan.runs import Block, ModelRun, Settings, plan_blocks, plan_matrix
from models import MODELS
from models.config import ModelConfig
from tasks import TASKS

RUN = ModelRun(
    task="copy",
    model="seq2seq",
    builder="models.seq2seq:build_plain",
    seed=1,
    protocol="curriculum",
    trajectory=((10,), (20,), (30,)),
    test_lengths=(),
    config=ModelConfig(symbols=16),
    device="cpu",
    recipe=Recipe(),
    task_version=1,
    model_version=1,
)
# Another value for every field of everything that a run is made of.
OTHER_SETTING = {"protocol": "mixed", "device": "cuda", "task_version": 2, "model_version": 2}
OTHER = {
    "task": "reverse",
    "model": "rnn",
    "builder": "elsewhere:build",
    "seed": 2,
    "trajectory": ((11,), (20,), (30,)),
    "code_hash": "abc",
}
OTHER_CONFIG = {
    "symbols": 17,
    "hidden": 66,
    "cell": "gru",
    "encoder": "uni",
    "layers": 2,
    "channel_numbers": 8,
    "channel_snr": 15.0,
}
OTHER_RECIPE = {
    field.name: 0.123 if isinstance(field.default, float) else field.default + 1
    for field in dataclasses.fields(Recipe)
}
CHANGED = (
    {name: replace(RUN, **{name: value}) for name, value in (OTHER | OTHER_SETTING).items()}
    | {
        name: replace(RUN, config=replace(RUN.config, **{name: value}))
        for name, value in OTHER_CONFIG.items()
    }
    | {
        name: replace(RUN, recipe=replace(RUN.recipe, **{name: value}))
        for name, value in OTHER_RECIPE.items()
    }
)


def stage_ids(run):
    return [stage.stage_id for stage in run.stages()]


def record_ids(run):
    return [row.record_id for row in run.planned_rows()]


def curriculum(lengths):
    return replace(RUN, trajectory=PROTOCOLS["curriculum"](lengths)[0])


def runs_of(*, tasks=("copy",), models=("rnn",), **options):
    return plan_matrix(
        Settings(**{"lengths": (10,), "seeds": (1,)} | options),
        tasks=[TASKS[name] for name in tasks],
        models=[MODELS[name] for name in models],
    )


def test_another_value_is_tried_for_every_field_and_no_two_meet_in_one_id():
    """A field that is added later has to be added here, and so to the ids."""
    assert {*OTHER, *OTHER_SETTING, "config", "recipe", "test_lengths", "test_factors"} == {
        field.name for field in dataclasses.fields(ModelRun)
    }
    assert set(OTHER_CONFIG) == {field.name for field in dataclasses.fields(ModelConfig)}
    assert len({run.run_id for run in (RUN, *CHANGED.values())}) == 1 + len(CHANGED)


def test_whatever_changes_numbers_changes_every_id():
    for name, other in CHANGED.items():
        assert (other.config_id == RUN.config_id) == (name in OTHER), name
        assert other.run_id != RUN.run_id, name
        assert set(stage_ids(other)).isdisjoint(stage_ids(RUN)), name
        assert set(record_ids(other)).isdisjoint(record_ids(RUN)), name
        assert ModelRun.from_json(other.to_json()) == other, name


@pytest.mark.parametrize("name", ["SAMPLER_VERSION", "RECIPE_VERSION", "EVALUATOR_VERSION"])
def test_version_changes_the_ids_of_what_it_names(name, monkeypatch):
    def ids():
        run = replace(RUN)  # A run keeps its ids, and versions change only between commands.
        return [{run.config_id, run.run_id, *stage_ids(run)}, set(record_ids(run))]

    trained, tested = ids()
    monkeypatch.setattr(plan, name, getattr(plan, name) + 1)
    trained_again, tested_again = ids()
    assert tested.isdisjoint(tested_again)
    if name == "EVALUATOR_VERSION":  # It trains nothing.
        assert trained == trained_again
    else:
        assert trained.isdisjoint(trained_again)


@pytest.mark.parametrize(
    "extra",
    ["--out elsewhere", "--jobs 7", "--no-throughput", "--seeds 3", "--symbols 16 --cell lstm"],
)
def test_where_and_how_it_runs_and_defaults_written_out_are_in_no_id(extra):
    def rows(arguments):
        blocks = parse_request(arguments.split()).blocks
        return [row for run in plan_blocks(blocks) for row in run.planned_rows()]

    common = "--lengths 10,20 --tasks copy --seeds 2"
    assert rows(f"{common} {extra}")[:16] == rows(common)


@pytest.mark.fault("F15")
@given(
    st.sets(st.integers(1, 150), min_size=1, max_size=8).map(sorted),
    st.sets(st.integers(1, 100), min_size=1, max_size=4),
)
def test_stage_does_not_depend_on_later_rungs(lengths, steps):
    shorter = curriculum(lengths)
    longer = curriculum([*lengths, *(max(lengths) + step for step in sorted(steps))])
    below = list(shorter.stages())
    assert list(longer.stages())[: len(below)] == below
    assert longer.run_id == shorter.run_id


@pytest.mark.fault("F15")
@given(st.sets(st.integers(1, 150), min_size=1, max_size=8).map(sorted), st.integers(1, 149))
def test_rung_put_in_between_changes_all_that_comes_after_it(lengths, between):
    assume(between not in lengths and between % 10 and between < max(lengths))
    before, after = (
        {stage.train_length: stage.stage_id for stage in curriculum(each).stages()}
        for each in (lengths, sorted([*lengths, between]))
    )
    is_first = min(after) == between
    for rung, stage_id in before.items():
        assert (after[rung] == stage_id) == (rung < between and not is_first)


def test_stages_of_each_protocol():
    (climbing,) = runs_of(lengths=(5, 20), protocol="curriculum")
    stages = list(climbing.stages())
    assert [stage.lengths for stage in stages] == [(5,), (10,), (20,)]
    assert [stage.is_first for stage in stages] == [True, False, False]
    assert [stage.budget_updates for stage in stages] == [7000, 7000, 3500]
    first, second = runs_of(lengths=(5, 20), protocol="independent")
    assert [stage.is_first for run in (first, second) for stage in run.stages()] == [True, True]
    assert first.run_id != second.run_id
    (mixed,) = runs_of(lengths=(5, 20), protocol="mixed")
    (stage,) = mixed.stages()
    assert (stage.lengths, stage.test_lengths, stage.train_length) == ((5, 20), (5, 20), 20)
    assert stage.budget_updates == 10_500


def test_further_lengths_to_test_at_add_records_and_train_nothing():
    (plain,) = runs_of(lengths=(10, 25))
    (tested,) = runs_of(lengths=(10, 25), test_lengths=(7, 20), test_factors=(1.1, 1.25, 2.0))
    assert stage_ids(tested) == stage_ids(plain)
    assert set(record_ids(plain)) < set(record_ids(tested))
    assert [stage.test_lengths for stage in tested.stages()] == [
        (7, 10, 11, 13, 20),  # 1.1 * 10 is a little more than 11.
        (7, 20, 22, 25, 40),
        (7, 20, 25, 28, 32, 50),
    ]
    assert ModelRun.from_json(tested.to_json()) == tested


def test_seed_is_the_outermost_loop_and_attention_comes_first():
    runs = runs_of(tasks=("copy", "sort"), models=("rnn", "seq2seq+dot"), seeds=(3, 4))
    assert [(run.seed, run.model, run.task) for run in runs] == [
        (seed, model, task)
        for seed in (3, 4)
        for model in ("seq2seq+dot", "rnn")
        for task in ("copy", "sort")
    ]


def test_blocks_are_planned_seed_by_seed_and_what_they_share_once():
    shared = {"lengths": (10,), "seeds": (1, 2)}
    wide = Block(Settings(**shared, hidden=32), (TASKS["copy"],), (MODELS["rnn"],))
    both = Block(Settings(**shared), (TASKS["copy"], TASKS["sort"]), (MODELS["rnn"],))
    part = Block(Settings(**shared), (TASKS["sort"],), (MODELS["rnn"], MODELS["seq2seq"]))
    runs = plan_blocks([wide, both, part])
    of_a_seed = [(32, "copy", "rnn"), (64, "copy", "rnn"), (64, "sort", "rnn")]
    assert [(run.seed, run.config.hidden, run.task, run.model) for run in runs] == [
        (seed, *run) for seed in (1, 2) for run in [*of_a_seed, (64, "sort", "seq2seq")]
    ]


def test_alphabets_and_versions_come_from_the_entries_unless_given():
    runs = runs_of(tasks=("copy", "sort"), symbols={"copy": 4}, cell="gru")
    assert [(run.config.symbols, run.config.cell) for run in runs] == [(4, "gru"), (128, "gru")]
    task, entry = replace(TASKS["copy"], version=3), replace(MODELS["rnn"], version=4)
    (run,) = plan_matrix(Settings(lengths=(10,), seeds=(1,)), tasks=[task], models=[entry])
    (row,) = run.planned_rows()
    assert (row.task_version, row.model_version) == (3, 4)
