"""What an id stands for, what a matrix contains, and that a longer ladder is the same run."""

import dataclasses
import os
import subprocess
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.cli.run_options import parse_request
from bench.plan import runs as plan
from bench.plan.protocols import PROTOCOLS
from bench.plan.recipe import Recipe
from bench.plan.runs import Block, ModelRun, Settings, digest, plan_blocks, plan_matrix
from models import MODELS, load_models
from models.config import ModelConfig
from results.schema.rows import NOT_REACHED
from tasks import TASKS
from tests import ROOT

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
OTHER_OF_RUN = {
    "task": "reverse",
    "model": "rnn",
    "builder": "elsewhere:build",
    "seed": 2,
    "protocol": "independent",
    "trajectory": ((11,), (20,), (30,)),
    "device": "cuda",
    "task_version": 2,
    "model_version": 2,
}
OTHER_OF_CONFIG = {"symbols": 17, "hidden": 66, "cell": "gru", "encoder": "uni"}
OTHER_OF_RECIPE = {
    field.name: 0.123 if isinstance(field.default, float) else field.default + 1
    for field in dataclasses.fields(Recipe)
}
VERSIONS = ("SAMPLER_VERSION", "RECIPE_VERSION")
IN_CONFIG_ID = {"protocol", "device", "task_version", "model_version"}


def changed_runs():
    """Every run that differs from `RUN` in one thing, and whether its settings differ."""
    for name, value in OTHER_OF_RUN.items():
        yield name, dataclasses.replace(RUN, **{name: value}), name in IN_CONFIG_ID
    for name, value in OTHER_OF_CONFIG.items():
        config = dataclasses.replace(RUN.config, **{name: value})
        yield f"config.{name}", dataclasses.replace(RUN, config=config), True
    for name, value in OTHER_OF_RECIPE.items():
        recipe = dataclasses.replace(RUN.recipe, **{name: value})
        yield f"recipe.{name}", dataclasses.replace(RUN, recipe=recipe), True


CHANGED = {name: (run, is_setting) for name, run, is_setting in changed_runs()}


def stage_ids(run):
    return [stage.stage_id for stage in run.stages()]


def record_ids(run):
    return [row.record_id for row in run.planned_rows()]


def curriculum(lengths, **changes):
    return dataclasses.replace(
        RUN, trajectory=PROTOCOLS["curriculum"].trajectories(lengths)[0], **changes
    )


def runs_of(*, tasks=("copy",), models=("rnn",), **options):
    return plan_matrix(
        Settings(**{"lengths": (10,), "seeds": (1,)} | options),
        tasks=[TASKS[name] for name in tasks],
        models=[MODELS[name] for name in models],
    )


def test_another_value_is_tried_for_every_field():
    """A field that is added later has to be added here, and so to the ids."""
    parts = {"config", "recipe"}
    leaves_ids_alone = {"test_lengths", "test_factors"}
    assert set(OTHER_OF_RUN) | parts | leaves_ids_alone == {
        field.name for field in dataclasses.fields(ModelRun)
    }
    assert set(OTHER_OF_CONFIG) == {field.name for field in dataclasses.fields(ModelConfig)}
    for name, value in OTHER_OF_RECIPE.items():
        assert value != getattr(RUN.recipe, name)


@pytest.mark.parametrize("name", CHANGED)
def test_whatever_changes_numbers_changes_every_id(name):
    other, is_setting = CHANGED[name]
    assert (other.config_id != RUN.config_id) == is_setting
    assert other.run_id != RUN.run_id
    assert set(stage_ids(other)).isdisjoint(stage_ids(RUN))
    assert set(record_ids(other)).isdisjoint(record_ids(RUN))


def test_no_two_changes_meet_in_one_id():
    runs = [RUN, *(run for run, _ in CHANGED.values())]
    assert len({run.run_id for run in runs}) == len(runs)
    assert len({each for run in runs for each in record_ids(run)}) == 3 * len(runs)


@pytest.mark.parametrize("name", VERSIONS)
def test_version_of_what_trains_changes_every_id(name, monkeypatch):
    before = RUN.config_id, RUN.run_id, *stage_ids(RUN), *record_ids(RUN)
    monkeypatch.setattr(plan, name, getattr(plan, name) + 1)
    after = RUN.config_id, RUN.run_id, *stage_ids(RUN), *record_ids(RUN)
    assert set(before).isdisjoint(after)


def test_version_of_the_evaluator_changes_records_and_no_training(monkeypatch):
    before = RUN.run_id, stage_ids(RUN)
    records = record_ids(RUN)
    monkeypatch.setattr(plan, "EVALUATOR_VERSION", plan.EVALUATOR_VERSION + 1)
    assert (RUN.run_id, stage_ids(RUN)) == before
    assert set(records).isdisjoint(record_ids(RUN))


def test_id_that_forgets_a_setting_is_rejected(monkeypatch):
    """The twin: an id without the recipe is the same for two recipes."""
    name = "recipe.learning_rate"

    def without_recipe(content):
        return digest({key: value for key, value in content.items() if key != "recipe"})

    monkeypatch.setattr(plan, "digest", without_recipe)
    with pytest.raises(AssertionError):
        test_whatever_changes_numbers_changes_every_id(name)


@pytest.mark.parametrize(
    "extra",
    [
        ("--out", "elsewhere"),
        ("--jobs", "7"),
        ("--no-throughput",),
        ("--retry-failed",),
        ("--dry-run",),
        ("--seeds", "3"),
    ],
    ids=" ".join,
)
def test_where_and_how_a_matrix_is_run_is_in_no_id(extra):
    def ids(arguments):
        request = parse_request(arguments)
        runs = plan_blocks(request.blocks)
        return [
            (row.config_id, row.run_id, row.stage_id, row.record_id)
            for run in runs
            for row in run.planned_rows()
        ]

    common = ("--lengths", "10,20", "--tasks", "copy")
    plain = ids((*common, "--seeds", "2"))
    assert ids((*common, "--seeds", "2", *extra))[: len(plain)] == plain


def test_blocks_are_planned_seed_by_seed_and_what_they_share_once():
    shared = {"lengths": (10,), "seeds": (1, 2)}
    wide = Block(Settings(**shared, hidden=32), (TASKS["copy"],), (MODELS["rnn"],))
    both = Block(Settings(**shared), (TASKS["copy"], TASKS["sort"]), (MODELS["rnn"],))
    part = Block(Settings(**shared), (TASKS["sort"],), (MODELS["rnn"], MODELS["seq2seq"]))
    runs = plan_blocks([wide, both, part])
    found = [(run.seed, run.config.hidden, run.task, run.model) for run in runs]
    expected = [
        (32, "copy", "rnn"),
        (64, "copy", "rnn"),
        (64, "sort", "rnn"),
        (64, "sort", "seq2seq"),
    ]
    assert found == [(seed, *run) for seed in (1, 2) for run in expected]


def test_defaults_written_out_give_the_same_ids():
    spelled = "--symbols copy=16 --cell lstm --encoder bi --protocol curriculum --device cpu"
    common = ["--lengths", "10..30", "--tasks", "copy"]
    requests = [parse_request(common), parse_request([*common, *spelled.split()])]
    left, right = ([run.run_id for run in plan_blocks(request.blocks)] for request in requests)
    assert left == right


def test_ids_are_the_same_in_another_process():
    """Python's own hash changes from process to process."""
    code = (
        "import sys; from bench.plan.runs import ModelRun\n"
        "run = ModelRun.from_json(sys.stdin.read())\n"
        "print(run.config_id, run.run_id, *(row.record_id for row in run.planned_rows()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=RUN.to_json(),
        env=os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [RUN.config_id, RUN.run_id, *record_ids(RUN)]


def test_ids_are_safe_file_names():
    for name in (RUN.config_id, RUN.run_id, *stage_ids(RUN), *record_ids(RUN)):
        assert len(name) == 16
        assert set(name) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", ["unchanged", *CHANGED])
def test_run_survives_its_json(name):
    run = RUN if name == "unchanged" else CHANGED[name][0]
    again = ModelRun.from_json(run.to_json())
    assert again == run
    assert hash(again) == hash(run)
    assert list(again.stages()) == list(run.stages())
    assert list(again.planned_rows()) == list(run.planned_rows())


def test_longer_ladder_goes_on_from_a_finished_one():
    shorter, longer = curriculum(range(10, 201, 10)), curriculum(range(10, 301, 10))
    assert len(stage_ids(longer)) == 30
    assert stage_ids(longer)[:20] == stage_ids(shorter)
    assert record_ids(longer)[:20] == record_ids(shorter)
    assert (longer.run_id, longer.config_id) == (shorter.run_id, shorter.config_id)


def assert_prefix_shares_its_ids(lengths, further):
    shorter, longer = curriculum(lengths), curriculum([*lengths, *further])
    below = list(shorter.stages())
    assert list(longer.stages())[: len(below)] == below


lengths_strategy = st.sets(st.integers(1, 150), min_size=1, max_size=8).map(sorted)


@pytest.mark.fault("F15")
@given(lengths_strategy, st.sets(st.integers(1, 100), min_size=1, max_size=4))
def test_stage_does_not_depend_on_later_rungs(lengths, steps):
    assert_prefix_shares_its_ids(lengths, [max(lengths) + step for step in sorted(steps)])


@pytest.mark.fault("F15", is_twin=True)
def test_ladder_that_looks_ahead_is_rejected(monkeypatch):
    """The twin: a path that holds the whole trajectory changes with every later rung."""
    monkeypatch.setattr(
        ModelRun,
        "stages",
        lambda run: iter(
            [digest({"run": run.run_id, "all": run.trajectory, "at": at}) for at in run.trajectory]
        ),
    )
    with pytest.raises(AssertionError):
        assert_prefix_shares_its_ids([10, 20], [30])


@pytest.mark.fault("F15")
@given(lengths_strategy, st.integers(1, 149))
def test_rung_put_in_between_changes_all_that_comes_after_it(lengths, between):
    assume(between not in lengths and between % 10 and between < max(lengths))
    before = {stage.train_length: stage.stage_id for stage in curriculum(lengths).stages()}
    after = {
        stage.train_length: stage.stage_id
        for stage in curriculum(sorted([*lengths, between])).stages()
    }
    for rung, stage_id in before.items():
        is_first = min(after) == between
        assert (after[rung] == stage_id) == (rung < between and not is_first)


@given(lengths_strategy, st.integers(1, 3), st.sampled_from(sorted(PROTOCOLS)))
@settings(max_examples=50)
def test_every_requested_length_has_a_row_of_its_own_for_every_seed(lengths, seeds, protocol):
    runs = runs_of(
        lengths=tuple(lengths),
        seeds=tuple(range(1, seeds + 1)),
        protocol=protocol,
        models=("rnn", "seq2seq+dot"),
    )
    rows = [row for run in runs for row in run.planned_rows()]
    assert len({row.record_id for row in rows}) == len(rows)
    assert {row.status for row in rows} == {NOT_REACHED}
    for model in ("rnn", "seq2seq+dot"):
        for seed in range(1, seeds + 1):
            tested = [row.length for row in rows if (row.model, row.seed) == (model, seed)]
            assert set(lengths) <= set(tested)
            assert len(tested) == len(set(tested))


def test_curriculum_is_one_run_that_climbs():
    (run,) = runs_of(lengths=(5, 20, 25))
    assert run.trajectory == ((5,), (10,), (20,), (25,))
    stages = list(run.stages())
    assert [stage.is_first for stage in stages] == [True, False, False, False]
    assert [stage.test_lengths for stage in stages] == [(5,), (10,), (20,), (25,)]


def test_independent_is_a_fresh_run_for_each_length():
    runs = runs_of(lengths=(5, 20, 25), protocol="independent")
    assert [run.trajectory for run in runs] == [((5,),), ((20,),), ((25,),)]
    assert len({run.run_id for run in runs}) == 3
    assert all(stage.is_first for run in runs for stage in run.stages())


def test_mixed_is_one_stage_on_all_lengths_tested_at_each():
    (run,) = runs_of(lengths=(5, 20, 25), protocol="mixed")
    (stage,) = run.stages()
    assert stage.lengths == stage.test_lengths == (5, 20, 25)
    assert stage.train_length == 25
    (other,) = runs_of(lengths=(5, 20, 30), protocol="mixed")
    assert other.run_id != run.run_id


def test_budget_is_full_then_the_same_number_of_tokens_then_of_updates():
    recipe = Recipe(stage_budget_updates=1000, full_budget_length=10, least_budget_length=80)
    lengths = (1, 10, 30, 80, 90, 200)
    budgets = [recipe.budget_updates([length]) for length in lengths]
    assert budgets == [1000, 1000, 334, 125, 125, 125]


@given(st.integers(1, 10_000), st.lists(st.integers(1, 100_000), min_size=1, max_size=6))
def test_budget_is_positive_never_rises_with_length_and_adds_up(updates, lengths):
    recipe = Recipe(stage_budget_updates=updates)
    alone = [recipe.budget_updates([length]) for length in sorted(lengths)]
    assert all(1 <= budget <= updates for budget in alone)
    assert alone == sorted(alone, reverse=True)
    assert recipe.budget_updates(lengths) == sum(alone)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_may_spend_the_same_at_each_length(protocol):
    """What the stages of a seed may take in all does not depend on the protocol."""
    runs = runs_of(lengths=(10, 20, 30), protocol=protocol)
    recipe = Settings(lengths=(1,), seeds=(1,)).recipe
    spent = sum(stage.budget_updates for run in runs for stage in run.stages())
    assert spent == recipe.budget_updates([10, 20, 30])


def test_row_tells_the_budget_of_its_own_stage():
    (run,) = runs_of(lengths=(10, 20, 40))
    for stage, row in zip(run.stages(), run.planned_rows(), strict=True):
        assert row.stage_budget_updates == stage.budget_updates
        assert row.budget_updates == run.recipe.stage_budget_updates


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_test_lengths_add_records_and_train_nothing(protocol):
    plain = runs_of(lengths=(10, 20), protocol=protocol)
    tested = runs_of(lengths=(10, 20), protocol=protocol, test_lengths=(7, 20, 33))
    assert [run.run_id for run in tested] == [run.run_id for run in plain]
    assert [stage_ids(run) for run in tested] == [stage_ids(run) for run in plain]
    for before, after in zip(plain, tested, strict=True):
        assert set(record_ids(before)) < set(record_ids(after))
        for stage in after.stages():
            assert stage.test_lengths == tuple(sorted({*stage.lengths, 7, 20, 33}))


def test_test_factors_are_multiples_of_the_length_trained():
    (plain,) = runs_of(lengths=(10, 25))
    (tested,) = runs_of(lengths=(10, 25), test_factors=(1.1, 1.25, 2.0))
    assert stage_ids(tested) == stage_ids(plain)
    assert set(record_ids(plain)) < set(record_ids(tested))
    assert [stage.test_lengths for stage in tested.stages()] == [
        (10, 11, 13, 20),
        (20, 22, 25, 40),
        (25, 28, 32, 50),
    ]
    assert ModelRun.from_json(tested.to_json()) == tested


def test_seed_is_the_outermost_loop_and_attention_comes_first():
    names = ("rnn", "seq2seq", "seq2seq+dot", "seq2seq+additive")
    runs = runs_of(tasks=("copy", "sort"), models=names, seeds=(3, 4, 5))
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)
    for seed in (3, 4, 5):
        of_seed = [run for run in runs if run.seed == seed]
        assert {(run.task, run.model) for run in of_seed} == {
            (task, model) for task in ("copy", "sort") for model in names
        }
        attends = [load_models()[run.model].attends for run in of_seed]
        assert attends == sorted(attends, reverse=True)


def test_alphabet_is_the_task_s_own_unless_given():
    runs = runs_of(tasks=("copy", "sort"), symbols={"sort": 16})
    assert {run.task: run.config.symbols for run in runs} == {"copy": 16, "sort": 16}
    assert runs_of(tasks=("sort",))[0].config.symbols == TASKS["sort"].default_symbols == 128


def test_versions_of_task_and_model_come_from_their_entries():
    task = dataclasses.replace(TASKS["copy"], version=3)
    entry = dataclasses.replace(MODELS["rnn"], version=4)
    (run,) = plan_matrix(Settings(lengths=(10,), seeds=(1,)), tasks=[task], models=[entry])
    assert (run.task_version, run.model_version) == (3, 4)
    (row,) = run.planned_rows()
    assert (row.task_version, row.model_version) == (3, 4)
