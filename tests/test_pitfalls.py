"""Pitfalls found in other suites, and the test that fails when one of them is fallen into.

| pitfall | test |
|---|---|
| accuracy with the gold answer in the input | tests/bench/training/test_evaluate.py::test_model_that_peeks_at_the_answer_is_seen_free_running |
| chance not shown, or taken to be constant | test_baselines_stand_in_every_row_and_follow_the_task, tests/reports/selection/test_curves.py::test_baselines_are_those_of_the_rows |
| sort rises with length for a model that ignores its input | test_accuracy_that_rises_without_the_source_is_normalised_away |
| accuracy divided by the length of the hypothesis | tests/bench/training/test_evaluate.py::test_accuracy_divided_by_what_was_answered_is_rejected |
| attention over padding, state taken at padding | test_a_batch_has_one_length_and_no_padding |
| held-out strings that also occur in training | tests/tasks/test_sampling.py::test_split_checks_reject_a_broken_twin |
| choosing by test score | test_training_never_meets_a_test_sequence |
| best of N seeds reported | test_the_summary_is_the_mean_of_all_seeds, tests/reports/selection/test_curves.py::test_every_seed_and_every_failure_is_in_the_curves |
| 24 strings per length | test_a_record_rests_on_1024_sequences |
| diverged runs dropped | tests/bench/test_run_failures.py::test_model_that_raises_or_diverges_leaves_rows_and_stops_no_other, tests/results/stats/test_over_seeds.py::test_rows_that_are_not_ok_did_not_solve |
| a learning rate tuned for one model | test_all_models_share_one_recipe, test_all_models_share_one_optimiser |
| unequal sizes unreported | test_size_and_budget_of_every_model_are_in_its_row |
| initialisation that has no effect | tests/bench/training/test_train.py::test_initialisation_changes_the_weights_and_sets_the_forget_bias |
| clipping before the backward pass | tests/bench/training/test_train.py::test_clipping_twin_is_seen |
| seeds that do not cover the data | test_models_of_a_seed_share_their_data_and_seeds_do_not, tests/bench/training/test_train.py::test_same_seed_gives_the_same_weights_and_moves_no_global_generator |
| off by one in ranges of lengths | tests/bench/cli/test_lengths.py::test_range_holds_both_ends_and_every_step, tests/bench/plan/test_runs.py::test_every_requested_length_has_a_row_of_its_own_for_every_seed |
| early stopping for some | test_all_models_share_one_recipe, tests/bench/training/test_train.py::test_stage_without_progress_ends_on_the_plateau |
| too few updates called a limit | test_size_and_budget_of_every_model_are_in_its_row, tests/bench/training/test_train.py::test_stage_ends_at_its_budget_and_counts |
| stopping errors mixed with memory errors | tests/models/test_conformance.py::test_twin_is_rejected, tests/tasks/test_sampling.py::test_target_in_is_the_target_one_step_later_behind_the_start_symbol |
| a scale of the score taken over from elsewhere | tests/models/attention/test_layers.py::test_dot_is_the_unscaled_product |
| another decoder for another attention | test_swapping_the_score_swaps_nothing_else |
| attention weights taken for the explanation | test_attention_weights_are_reported_only_beside_alignment_and_occlusion |
| throughput cold, with padding, with neighbours | test_throughput_is_timed_warm_in_turns_and_beside_a_reference, test_throughput_is_measured_after_the_last_child |
"""  # noqa: E501

import re
from collections.abc import Callable
from dataclasses import make_dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import run
from bench.cli.summary import summary_table
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.timing import measure as timing
from bench.timing.cases import Cell, Measurement
from bench.timing.peak_memory import Peak
from bench.timing.phases import Phase
from bench.training import evaluate, seeding, train
from bench.training.evaluate import answer_test_sequences, score
from bench.training.model_run import execute
from models import MODELS
from models.attention.layers import AdditiveAttention, DotAttention, UniformAttention
from models.config import ModelConfig
from models.decoder import Decoder
from models.entry import ModelEntry
from models.seq2seq import Seq2Seq
from results.schema.columns import columns_of
from results.schema.rows import PHASES, AccuracyRow, SampleRow, ThroughputRow
from results.store.folder import open_store
from tasks import TASKS
from tasks.import_path import resolve
from tasks.sampling import belongs_to, sample_batch
from tests import ROOT
from tests.bench.training import pitfall_twins as twins
from tests.plugins import example as example_model
from tests.rows import accuracy_row

SORT, COPY = TASKS["sort"], TASKS["copy"]
QUICK = Recipe(batch_size=8, stage_budget_updates=4, validation_sequences=8)


def rejects(check: Callable[..., None], *arguments: object) -> None:
    """Hold that a check fails on something broken."""
    with pytest.raises(AssertionError):
        check(*arguments)


class Constant(nn.Module):
    """Ignores its source: the most frequent symbol at each position, whatever was asked."""

    def __init__(self, task, *, length, symbols):
        super().__init__()
        self.symbols, self.nothing = symbols, nn.Parameter(torch.zeros(()))
        draw = torch.Generator().manual_seed(99)
        drawn = torch.randint(symbols, (4096, length), generator=draw)
        self.answer = task.targets(drawn).mode(dim=0).values

    def forward(self, source, target_in):
        return nn.functional.one_hot(self.generate(source, 0), self.symbols) + self.nothing

    def generate(self, source, length):
        return self.answer.expand(len(source), -1)


def scores_of(score_answers, task, *, length, symbols, entry=MODELS["seq2seq"]):
    model = Constant(task, length=length, symbols=symbols)
    answers = answer_test_sequences(model, task, length=length, symbols=symbols, seed=1)
    return score_answers(answers, task, entry, length=length, symbols=symbols)


# Baselines.


def check_baselines(score_answers):
    """Each is there, and the best constant is no better than a guess only where that is so."""
    for task in TASKS.values():
        scores = scores_of(score_answers, task, length=40, symbols=8)
        baselines = [scores[f"{name}_accuracy"] for name in ("chance", "constant", "repeat")]
        assert None not in baselines
        chance, constant, repeat = baselines
        assert chance == 1 / 8
        assert scores["token_accuracy"] == pytest.approx(constant, abs=0.01)
        if task is SORT:
            assert constant > 4 * chance
            assert repeat > constant
        else:
            assert constant == repeat == chance


def test_baselines_stand_in_every_row_and_follow_the_task():
    check_baselines(score)
    rejects(check_baselines, twins.without_baselines)
    rejects(check_baselines, twins.constant_is_chance)


def check_sort(score_answers):
    """A model that ignores its input gains by length alone, and no normalised score says so."""
    rows = [scores_of(score_answers, SORT, length=length, symbols=10) for length in (10, 50, 200)]
    accuracies = [scores["token_accuracy"] for scores in rows]
    assert accuracies == pytest.approx([0.36, 0.60, 0.78], abs=0.03)
    for scores in rows:
        assert scores["normalised_accuracy"] == pytest.approx(0.0, abs=0.02)
        assert scores["sequence_accuracy"] < 0.01


def test_accuracy_that_rises_without_the_source_is_normalised_away():
    check_sort(score)
    rejects(check_sort, twins.unnormalised)
    assert SORT.default_symbols == 128


# Data.


def check_batch(sampler):
    draw = torch.Generator().manual_seed(1)
    batch = sampler(SORT, draw, batch_size=16, length=9, symbols=5, split="train")
    assert batch.source.shape == batch.target.shape == batch.target_in.shape == (16, 9)
    for ids in (batch.source, batch.target, batch.target_in[:, 1:]):
        assert set(ids.flatten().tolist()) <= {0, 1, 2, 3, 4}


def test_a_batch_has_one_length_and_no_padding():
    check_batch(sample_batch)
    rejects(check_batch, twins.padded)


def sources_met(monkeypatch, *, sampler=sample_batch, stream=seeding.stream, model="rnn", seed=1):
    """Train one stage; return every source that it drew, by split, and how the model began."""
    met: dict[str, list[torch.Tensor]] = {"train": [], "validation": [], "test": []}

    def meet(task, generator, *, split, **options):
        batch = sampler(task, generator, split=split, **options)
        met[split].append(batch.source)
        return batch

    monkeypatch.setattr(train, "sample_batch", meet)
    monkeypatch.setattr(train, "stream", stream)
    with seeding.seeded_initialisation(seed):
        built = resolve(MODELS[model].builder)(ModelConfig(symbols=8, hidden=8))
    began = [parameter.detach().clone() for parameter in built.parameters()]
    train.train_stage(
        train.Trajectory(built, train.build_optimizer(built, QUICK)),
        COPY,
        lengths=(6,),
        symbols=8,
        seed=seed,
        recipe=QUICK,
        budget_updates=4,
        is_first=True,
    )
    return {split: torch.cat(sources) for split, sources in met.items() if sources}, began


def check_splits(sampler, monkeypatch):
    """Training and its validation meet no source that could be a test sequence."""
    met, _ = sources_met(monkeypatch, sampler=sampler)
    assert met.keys() == {"train", "validation"}
    for split, sources in met.items():
        assert len(sources) >= 8
        assert belongs_to(sources, symbols=8, split=split).all()
        assert not belongs_to(sources, symbols=8, split="test").any()


def test_training_never_meets_a_test_sequence(monkeypatch):
    check_splits(sample_batch, monkeypatch)
    rejects(check_splits, twins.validated_on_test, monkeypatch)
    rejects(check_splits, twins.trained_on_test, monkeypatch)


def check_streams(stream_for, monkeypatch):
    """Comparisons of models are paired, and a seed is a replication of everything."""
    met, began = {}, {}
    for model in ("rnn", "seq2seq+dot"):
        for seed in (1, 2):
            stream = stream_for(seed, model)
            found = sources_met(monkeypatch, stream=stream, model=model, seed=seed)
            met[model, seed], began[model, seed] = found
    for split in ("train", "validation"):
        for seed in (1, 2):
            assert torch.equal(met["rnn", seed][split], met["seq2seq+dot", seed][split])
        assert not torch.equal(met["rnn", 1][split], met["rnn", 2][split])
    pairs = zip(began["rnn", 1], began["rnn", 2], strict=True)
    assert not all(torch.equal(one, other) for one, other in pairs)


def test_models_of_a_seed_share_their_data_and_seeds_do_not(monkeypatch):
    check_streams(lambda seed, model: seeding.stream, monkeypatch)
    rejects(check_streams, twins.streams_by_model, monkeypatch)
    rejects(check_streams, twins.one_stream_for_all, monkeypatch)


def check_test_sequences():
    model = Constant(COPY, length=10, symbols=16)
    answers = answer_test_sequences(model, COPY, length=10, symbols=16, seed=1)
    assert len(answers.answer) == 1024
    assert len({tuple(source) for source in answers.source.tolist()}) > 1000


def test_a_record_rests_on_1024_sequences(monkeypatch):
    check_test_sequences()
    monkeypatch.setattr(evaluate, "TEST_SEQUENCES", 24)
    rejects(check_test_sequences)


# One rule for all models, and all of it reported.


def check_recipe(plan):
    """All that the runs of one task and seed differ in is the model."""
    settings = Settings(lengths=(10, 20), seeds=(1, 2))
    runs = plan(settings, tasks=list(TASKS.values()), models=list(MODELS.values()))
    assert len(runs) == 2 * len(TASKS) * len(MODELS)
    assert {run.recipe for run in runs} == {settings.recipe}
    for task in TASKS:
        of_task = [run for run in runs if run.task == task]
        assert len({(run.config, run.trajectory, run.device) for run in of_task}) == 1
        assert len({run.config_id for run in of_task}) == 1
        budgets = {tuple(stage.budget_updates for stage in run.stages()) for run in of_task}
        assert len(budgets) == 1


def test_all_models_share_one_recipe():
    check_recipe(plan_matrix)
    rejects(check_recipe, twins.tuned_for_attention)
    rejects(check_recipe, twins.stopped_early_without_attention)


def test_all_models_share_one_optimiser():
    groups = []
    for entry in MODELS.values():
        optimizer = train.build_optimizer(
            resolve(entry.builder)(ModelConfig(symbols=4, hidden=8)), QUICK
        )
        assert isinstance(optimizer, torch.optim.Adam)
        (group,) = optimizer.param_groups
        groups.append({name: value for name, value in group.items() if name != "params"})
    assert all(group == groups[0] for group in groups)
    assert groups[0]["weight_decay"] == 0


REPORTED = (
    "parameters",
    "forward_flops",
    "stage_updates",
    "total_updates",
    "stage_tokens",
    "total_tokens",
    "stopped_because",
    "train_seconds",
    "evaluate_seconds",
    "train_tokens_per_second",
    "validation_cross_entropy_bits",
)


def check_reported(entry, folder):
    settings = Settings(lengths=(3,), seeds=(1,), hidden=8, recipe=QUICK)
    (one,) = plan_matrix(settings, tasks=[COPY], models=[entry])
    store = open_store(folder, create=True)
    store.extend_plan(one.planned_rows())
    execute(one, store, attempt=1, emit=lambda event: None)
    (planned,) = one.planned_rows()
    row = store.read_record(planned.record_id).row
    assert [name for name in REPORTED if getattr(row, name) is None] == []
    assert row.stage_updates <= row.stage_budget_updates
    assert row.stopped_because == "budget"
    model = resolve(entry.builder)(one.config)
    assert row.parameters == sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_size_and_budget_of_every_model_are_in_its_row(name, tmp_path):
    check_reported(MODELS[name], tmp_path)


def test_model_that_keeps_its_operations_to_itself_is_found(tmp_path):
    """The twin: a plug-in may leave them out, and its row has a gap."""
    assert not hasattr(example_model.BagModel, "flops")
    entry = ModelEntry(name="bag", summary="no operations", builder="tests.plugins.example:build")
    rejects(check_reported, entry, tmp_path)


def check_summary(summarise):
    rows = [accuracy_row(seed=seed, token_accuracy=seed / 10) for seed in (1, 2, 9)]
    assert "0.400" in summarise(rows)
    assert "0.900" not in summarise(rows)


def test_the_summary_is_the_mean_of_all_seeds():
    check_summary(summary_table)
    rejects(check_summary, twins.best_of_seeds)


# One decoder.


def check_decoder(decoder, monkeypatch):
    """Two kinds of attention: the same parts with the same weights, and the rest does not care."""
    monkeypatch.setattr("models.seq2seq.Decoder", decoder)
    models = []
    for kind in (DotAttention, UniformAttention, AdditiveAttention):
        with seeding.seeded_initialisation(1):
            models.append(Seq2Seq(ModelConfig(symbols=5, hidden=8), build_attention=kind))
    parts = [
        {
            name: (type(part), [each.shape for each in part.parameters(recurse=False)])
            for name, part in model.named_modules()
            if not name.startswith("decoder.attention")
        }
        for model in models
    ]
    weights = [
        {
            name: value
            for name, value in model.state_dict().items()
            if not name.startswith("decoder.attention")
        }
        for model in models
    ]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        assert part == parts[0]
        assert all(torch.equal(value, weights[0][name]) for name, value in weight.items())
    draw = torch.Generator().manual_seed(1)
    source, target_in = (torch.randint(5, (4, 6), generator=draw) for _ in range(2))
    for one in models:
        states, _ = one.decoder.recurrent(one.decoder.embedding(target_in), one.encoder(source)[1])
        memory = one.encoder(source)[0]
        context, _ = one.decoder.attention(states, one.decoder.keys(memory), memory)
        features = torch.cat((states, context), dim=-1)
        expected = one.decoder.output(torch.tanh(one.decoder.combine(features)))
        assert torch.allclose(one(source, target_in), expected, atol=1e-6)


def test_swapping_the_score_swaps_nothing_else(monkeypatch):
    check_decoder(Decoder, monkeypatch)
    for twin in (twins.WiderForDot, twins.AttentionFirst, twins.HalfContextForDot):
        rejects(check_decoder, twin, monkeypatch)


def check_explanations(row_type):
    """Weights alone explain nothing: what they should be and what they do stand beside them."""
    names = [item.name for item in columns_of(row_type)]
    if any("attention_weight" in name for name in names):
        assert any("alignment" in name for name in names)
        assert any("occlusion" in name for name in names)


def test_attention_weights_are_reported_only_beside_alignment_and_occlusion():
    for row_type in (AccuracyRow, ThroughputRow, SampleRow):
        check_explanations(row_type)
    fields = ThroughputRow.__dataclass_fields__
    weight_only = make_dataclass(
        "WeightRow", [("attention_weight", float, make_field(fields["median_seconds"]))]
    )
    rejects(check_explanations, weight_only)


def make_field(known):
    """Return a field that is declared like a known one."""
    from results.schema.columns import optional

    return optional(known.metadata["unit"], known.metadata["meaning"])


# Throughput.


def check_timing(measure, monkeypatch):
    """Nothing is timed in its first call; rounds take models in turn; the reference goes along."""
    log: list[tuple[str, object]] = []

    def phase(measurement, cell, *, length, batch_size):
        place = (cell.model, cell.phase)
        call = calls.setdefault(place, lambda: log.append(("called", place)))
        return Phase(call, nn.Identity(), None)

    def time(function, measurement):
        places = {call: place for place, call in calls.items()}
        log.append(("timed", places.get(function, "reference")))
        return 1.0

    calls: dict[tuple[str, str], Callable[[], None]] = {}
    monkeypatch.setattr(timing, "_phase", phase)
    monkeypatch.setattr(timing, "_time", time)
    monkeypatch.setattr(timing, "_compile", lambda measurement: None)
    monkeypatch.setattr(timing, "peak_memory", lambda *work, **options: Peak())
    monkeypatch.setattr(timing, "bind", lambda threads: None)
    each = [(model, phase) for model in ("one", "two") for phase in PHASES]
    asked = Measurement(
        builders={"one": "one", "two": "two"},
        cells=tuple(Cell(model, 5, phase) for model, phase in each),
        config=ModelConfig(symbols=4, hidden=8),
        device="cpu",
        batch_size=4,
        threads=1,
    )
    rows = list(measure(asked))
    assert [row.status for row in rows] == ["ok"] * len(each)

    first = log.index(("timed", each[0]))
    assert [what for kind, what in log[:first] if kind == "called"] == each
    timed = [what for kind, what in log if kind == "timed"]
    in_turn = [what for pair in each for what in ("reference", pair)]
    assert timed[-len(in_turn) * timing.ROUNDS :] == in_turn * timing.ROUNDS
    assert timing.ROUNDS >= 5


def test_throughput_is_timed_warm_in_turns_and_beside_a_reference(monkeypatch):
    check_timing(timing.measure, monkeypatch)
    for twin in (twins.cold, twins.one_after_another, twins.without_reference):
        rejects(check_timing, twin, monkeypatch)


def check_order(log):
    assert log == ["started", "stopped", "measured"]


def test_throughput_is_measured_after_the_last_child(monkeypatch, tmp_path):
    log: list[str] = []

    class Engine:
        def __init__(self, **options):
            log.append("started")

        def execute(self, orders, *, on_event):
            return iter(())

        def stop(self):
            if "stopped" not in log:  # It may be stopped again.
                log.append("stopped")

    monkeypatch.setattr(run, "LocalEngine", Engine)
    monkeypatch.setattr(run, "measure_missing", lambda request, store: log.append("measured"))
    run.main(["--lengths", "2", "--tasks", "copy", "--models", "rnn", "--out", str(tmp_path / "r")])
    check_order(log)
    rejects(check_order, ["started", "measured", "stopped"])


# The table above.


def covering_tests():
    for line in (__doc__ or "").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 2 and cells[0] not in ("pitfall", "---"):
            for test in cells[1].split(","):
                yield cells[0], test.strip()


def check_is_there(test):
    file, _, name = test.rpartition("::")
    path = ROOT / file if file else Path(__file__)
    assert path.is_file()
    assert re.search(rf"^def {re.escape(name)}\(", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_pitfall_names_tests_that_are_there():
    tests = list(covering_tests())
    assert len({pitfall for pitfall, _ in tests}) == 23
    for _, test in tests:
        check_is_there(test)
    for missing in ("test_nothing", "tests/nowhere.py::test_nothing"):
        rejects(check_is_there, missing)
