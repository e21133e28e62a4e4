"""Pitfalls found in other suites: each rule here fails when it is broken on purpose.

Each check stands beside a twin that it must reject: a way of measuring that is wrong in one
respect, as other suites have it. Other rules are checked elsewhere:

* held-out strings that also occur in training, padding: tests/tasks/test_sampling.py
* accuracy over answered items alone, no baselines: tests/bench/training/test_evaluate.py
* the best of several seeds: tests/bench/cli/test_summary.py
* too few test sequences: tests/bench/test_run.py
* diverged runs dropped: tests/bench/training/test_model_run.py
* weights taken for an explanation: tests/bench/probes/test_attention.py
* off by one in ranges of lengths: tests/bench/cli/test_lengths.py
* stopping errors mixed with memory errors: tests/models/test_conformance.py
* a scale of the score taken over from elsewhere: tests/models/attention/test_layers.py
"""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from bench import run
from bench.plan.recipe import Recipe
from bench.plan.runs import Settings, plan_matrix
from bench.timing import measure as timing
from bench.timing.cases import Case, Measurement
from bench.timing.measure import Phase
from bench.timing.peak_memory import Peak
from bench.training import seeding, train
from bench.training.evaluate import answer_test_sequences, score
from bench.training.model_run import execute
from models import MODELS, find_model
from models.attention.layers import AdditiveAttention, DotAttention, UniformAttention
from models.config import ModelConfig
from models.decoder import Decoder
from models.seq2seq import Seq2Seq, build_plain
from results.schema.rows import PHASES
from results.store.folder import open_store
from tasks import TASKS
from tasks.import_path import resolve
from tasks.sampling import belongs_to, sample_batch

SORT, COPY = TASKS["sort"], TASKS["copy"]
QUICK = Recipe(batch_size=8, stage_budget_updates=4, validation_sequences=8)


def rejects(check: Callable[..., None], *arguments: object) -> None:
    """Require that a check fails on something broken."""
    with pytest.raises(AssertionError):
        check(*arguments)


def built(builder, *, seed=1, symbols=5, hidden=8, **options):
    with seeding.seeded_initialisation(seed):
        return builder(ModelConfig(symbols=symbols, hidden=hidden), **options)


# Scores.


class Known(nn.Module):
    """A model without anything to learn; the parameter only says where it is."""

    def __init__(self, task, *, symbols):
        super().__init__()
        self.task, self.symbols, self.nothing = task, symbols, nn.Parameter(torch.zeros(()))

    def certain_of(self, item):
        return 50.0 * nn.functional.one_hot(item, self.symbols).float() + self.nothing


class Constant(Known):
    """Ignores its source: the most frequent symbol at each position, whatever was asked."""

    def generate(self, source, length):
        draw = torch.Generator().manual_seed(99)
        drawn = torch.randint(self.symbols, (4096, source.shape[1]), generator=draw)
        return self.task.targets(drawn).mode(dim=0).values.expand(len(source), -1)

    def forward(self, source, target_in):
        return self.certain_of(self.generate(source, 0))


class Peeking(Known):
    """Reads an item where teacher forcing puts it: one step later in `target_in`.

    The last item is nowhere in there: of that one it knows the answer by itself.
    """

    def forward(self, source, target_in):
        gold = target_in.roll(-1, dims=1) % self.symbols
        gold[:, -1] = self.task.targets(source)[:, -1]
        return self.certain_of(gold)

    def generate(self, source, length):
        answer = source.new_full((len(source), 1), self.symbols)
        for _ in range(length):
            item = self(source, answer)[:, -1:].argmax(dim=-1)
            answer = torch.cat((answer, item), dim=1)
        return answer[:, 1:]


def scores_of(score_answers, model, *, length):
    """Score a model; `score_answers` is `score`, or a twin of it."""
    sizes = {"length": length, "symbols": model.symbols}
    answers = answer_test_sequences(model, model.task, seed=1, **sizes)
    return score_answers(answers, model.task, MODELS["seq2seq"], **sizes)


def check_peeking(score_answers):
    """With the true items in its input it is perfect; left to itself it is near chance."""
    scores = scores_of(score_answers, Peeking(COPY, symbols=8), length=10)
    assert scores["teacher_forced_token_accuracy"] == 1.0
    assert scores["token_accuracy"] < 1 / 8 + 0.1 + 0.03  # The last item is one in ten.
    assert scores["sequence_accuracy"] < 0.01


def test_model_that_peeks_at_the_answer_is_seen_free_running():
    def forced(answers, *arguments, **sizes):
        return score(replace(answers, answer=answers.target), *arguments, **sizes)

    check_peeking(score)
    rejects(check_peeking, forced)


def check_sort(score_answers):
    """A model that ignores its input gains by length alone, and no normalised score says so."""
    rows = [
        scores_of(score_answers, Constant(SORT, symbols=10), length=length)
        for length in (10, 50, 200)
    ]
    accuracies = [scores["token_accuracy"] for scores in rows]
    assert accuracies == pytest.approx([0.36, 0.60, 0.78], abs=0.03)
    for scores in rows:
        assert scores["normalised_accuracy"] == pytest.approx(0.0, abs=0.02)
        assert scores["sequence_accuracy"] < 0.01


def test_accuracy_that_rises_without_the_source_is_normalised_away():
    def unnormalised(*arguments, **sizes):
        scores = score(*arguments, **sizes)
        return scores | {"normalised_accuracy": scores["token_accuracy"]}

    check_sort(score)
    rejects(check_sort, unnormalised)
    assert SORT.default_symbols == 128


# Data.


def sources_met(monkeypatch, *, sampler=sample_batch, stream=seeding.stream, model="rnn", seed=1):
    """Train one stage; return every source that it drew, by split, and how the model began."""
    met: dict[str, list[torch.Tensor]] = {"train": [], "validation": [], "test": []}

    def meet(task, generator, *, split, **options):
        batch = sampler(task, generator, split=split, **options)
        met[split].append(batch.source)
        return batch

    monkeypatch.setattr(train, "sample_batch", meet)
    monkeypatch.setattr(train, "stream", stream)
    trained = built(resolve(MODELS[model].builder), seed=seed, symbols=8)
    began = torch.cat([parameter.detach().flatten() for parameter in trained.parameters()])
    train.train_stage(
        train.Trajectory(trained, train.build_optimizer(trained, QUICK)),
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
    def validated_on_test(*arguments, split, **options):
        known = "test" if split == "validation" else split
        return sample_batch(*arguments, split=known, **options)

    check_splits(sample_batch, monkeypatch)
    rejects(check_splits, validated_on_test, monkeypatch)


def check_streams(stream_for, monkeypatch):
    """Comparisons of models are paired, and a seed is a replication of everything."""
    met, began = {}, {}
    for key in (("rnn", 1), ("rnn", 2), ("seq2seq+dot", 1)):
        model, seed = key
        met[key], began[key] = sources_met(
            monkeypatch, stream=stream_for(seed, model), model=model, seed=seed
        )
    for split in ("train", "validation"):
        assert torch.equal(met["rnn", 1][split], met["seq2seq+dot", 1][split])
        assert not torch.equal(met["rnn", 1][split], met["rnn", 2][split])
    assert not torch.equal(began["rnn", 1], began["rnn", 2])


def test_models_of_a_seed_share_their_data_and_seeds_do_not(monkeypatch):
    def one_stream_for_all(seed, model):
        return lambda _, *purpose: seeding.stream(0, *purpose)

    def streams_by_model(seed, model):
        return lambda _, purpose, *rest: seeding.stream(seed, f"{model}/{purpose}", *rest)

    check_streams(lambda seed, model: seeding.stream, monkeypatch)
    rejects(check_streams, one_stream_for_all, monkeypatch)
    rejects(check_streams, streams_by_model, monkeypatch)


# Training.


def check_initialisation(build):
    """Recurrent weights are orthogonal, the forget bias is 1, and the others are 0."""
    recurrent = build().decoder.recurrent
    for gate in recurrent.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)
    bias = (recurrent.bias_ih_l0 + recurrent.bias_hh_l0).chunk(4)
    assert [part.unique().tolist() for part in bias] == [[0.0], [1.0], [0.0], [0.0]]


def test_initialisation_changes_the_weights_and_sets_the_forget_bias():
    def as_torch_leaves_it():
        model = built(build_plain)
        model.decoder.recurrent.reset_parameters()
        return model

    check_initialisation(lambda: built(build_plain))
    rejects(check_initialisation, as_torch_leaves_it)


def check_clipping():
    """The norm that the optimiser sees is at most the limit, and the limit binds."""
    model, norms = built(build_plain), []
    optimizer = train.build_optimizer(model, QUICK)
    optimizer.register_step_pre_hook(
        lambda *_: norms.append(
            math.hypot(*(each.grad.norm().item() for each in model.parameters()))
        )
    )
    draw = seeding.stream(1, "train", 6)
    batch = sample_batch(COPY, draw, batch_size=16, length=6, symbols=5, split="train")
    train.train_update(model, optimizer, batch, clip_norm=0.001)
    assert norms == [pytest.approx(0.001, rel=1e-2)]


def test_gradient_is_clipped_after_the_backward_pass(monkeypatch):
    """Before the backward pass there is no gradient yet, and clipping does nothing."""
    check_clipping()
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", lambda *_: None)
    rejects(check_clipping)


def check_recipe(plan):
    """All that the runs of one task and seed differ in is the model."""
    settings = Settings(lengths=(10, 20), seeds=(1, 2))
    # A model with a channel has the size of that in its configuration, too.
    models = [entry for entry in MODELS.values() if not entry.reads]
    runs = plan(settings, tasks=list(TASKS.values()), models=models)
    assert len(runs) == 2 * len(TASKS) * len(models)
    assert {run.recipe for run in runs} == {settings.recipe}
    for task in TASKS:
        of_task = [run for run in runs if run.task == task]
        assert len({(run.config, run.trajectory, run.device) for run in of_task}) == 1
        assert len({run.config_id for run in of_task}) == 1
        budgets = {tuple(stage.budget_updates for stage in run.stages()) for run in of_task}
        assert len(budgets) == 1


@pytest.mark.parametrize("changed", ["learning_rate", "plateau_fraction"])
def test_all_models_share_one_recipe(changed):
    """Nor has one a learning rate or a stopping rule of its own."""

    def tuned_for_attention(settings, **matrix):
        tuned = replace(settings.recipe, **{changed: getattr(settings.recipe, changed) / 4})
        return tuple(
            replace(run, recipe=tuned) if MODELS[run.model].attends else run
            for run in plan_matrix(settings, **matrix)
        )

    check_recipe(plan_matrix)
    rejects(check_recipe, tuned_for_attention)


def check_reported(entry, folder):
    """Sizes, budget, updates and operations of a model are in its row."""
    settings = Settings(lengths=(3,), seeds=(1,), hidden=8, recipe=QUICK)
    (one,) = plan_matrix(settings, tasks=[COPY], models=[entry])
    store = open_store(folder, create=True)
    (planned,) = one.planned_rows()
    store.extend_plan([planned])
    execute(one, store, attempt=1, emit=lambda event: None)
    row = store.read_record(planned.record_id).row
    reported = (
        *("parameters", "forward_flops", "stage_updates", "total_updates", "stage_tokens"),
        *("total_tokens", "train_seconds", "evaluate_seconds", "train_tokens_per_second"),
        "validation_cross_entropy_bits",
    )
    assert [name for name in reported if getattr(row, name) is None] == []
    assert row.stage_updates <= row.stage_budget_updates
    assert row.stopped_because == "budget"
    model = resolve(entry.builder)(one.config)
    assert row.parameters == sum(each.numel() for each in model.parameters())


def test_size_and_budget_of_every_model_are_in_its_row(tmp_path):
    """The twin: a plug-in may leave its operations out, and its row has a gap."""
    for name, entry in MODELS.items():
        check_reported(entry, tmp_path / name)
    bag = find_model("tests.plugins.example:build")
    rejects(check_reported, bag, tmp_path / "bag")


# One decoder.


def check_decoder(decoder, monkeypatch):
    """For every attention the same parts with the same weights, put together in the same way."""
    monkeypatch.setattr("models.seq2seq.Decoder", decoder)
    draw = torch.Generator().manual_seed(1)
    source, target_in = (torch.randint(5, (4, 6), generator=draw) for _ in range(2))
    others = []
    for kind in (DotAttention, UniformAttention, AdditiveAttention):
        model = built(Seq2Seq, build_attention=kind)
        others.append(
            {
                name: value
                for name, value in model.state_dict().items()
                if not name.startswith("decoder.attention")
            }
        )
        memory, state = model.encoder(source)
        one = model.decoder
        states, _ = one.recurrent(one.embedding(target_in), state)
        context, _, _ = one.attention(states, one.attention.begin(memory), memory)
        expected = one.output(torch.tanh(one.combine(torch.cat((states, context), dim=-1))))
        assert torch.allclose(model(source, target_in), expected, atol=1e-6)
    for weights in others[1:]:
        assert weights.keys() == others[0].keys()
        assert all(torch.equal(value, others[0][name]) for name, value in weights.items())


class HalfContextForDot(Decoder):
    """Treats what one kind of attention found in its own way."""

    def forward(self, target_in, state, prepared):
        if isinstance(self.attention, DotAttention):
            prepared = prepared._replace(memory=prepared.memory / 2)
        return super().forward(target_in, state, prepared)


def test_swapping_the_score_swaps_nothing_else(monkeypatch):
    check_decoder(Decoder, monkeypatch)
    rejects(check_decoder, HalfContextForDot, monkeypatch)


# Throughput.


def check_timing(measure, monkeypatch):
    """Nothing is timed in its first call; rounds take models in turn; the reference goes along."""
    log: list[tuple[str, object]] = []
    calls: dict[object, Callable[[], None]] = {}

    def prepare(measurement, case):
        place = (case.model, case.phase)
        call = calls.setdefault(place, lambda: log.append(("called", place)))
        return Phase(call, nn.Identity(), None)

    def time(function, measurement):
        places = {call: place for place, call in calls.items()}
        log.append(("timed", places.get(function, "reference")))
        return 1.0

    monkeypatch.setattr(timing, "prepare", prepare)
    monkeypatch.setattr(timing, "_time", time)
    monkeypatch.setattr(timing, "peak_memory", lambda *work, **options: Peak())
    monkeypatch.setattr(timing, "bind", lambda threads: None)
    each = [(model, phase) for model in ("one", "two") for phase in PHASES]
    asked = Measurement(
        builders={"one": "one", "two": "two"},
        cases=tuple(Case(model, 5, phase) for model, phase in each),
        config=ModelConfig(symbols=4, hidden=8),
        device="cpu",
        batch_size=4,
        threads=1,
    )
    assert [row.status for row in measure(asked)] == ["ok"] * len(each)
    first = log.index(("timed", each[0]))
    assert [what for kind, what in log[:first] if kind == "called"] == each
    timed = [what for kind, what in log if kind == "timed"]
    in_turn = [what for pair in each for what in ("reference", pair)]
    assert timed[-len(in_turn) * timing.ROUNDS :] == in_turn * timing.ROUNDS
    assert timing.ROUNDS >= 5


def test_throughput_is_timed_warm_in_turns_and_beside_a_reference(monkeypatch):
    def cold(asked):
        def uncalled(measurement, case, peak):
            return timing._Timed(case, peak, timing.prepare(measurement, case))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timing, "_prepared", uncalled)
            yield from timing.measure(asked)

    def one_after_another(asked):
        for model in asked.builders:
            cases = tuple(case for case in asked.cases if case.model == model)
            yield from timing.measure(replace(asked, cases=cases))

    check_timing(timing.measure, monkeypatch)
    for twin in (cold, one_after_another):
        rejects(check_timing, twin, monkeypatch)


def test_throughput_is_measured_after_the_last_child(monkeypatch, tmp_path):
    log: list[str] = []

    class Engine:
        def __init__(self, **options):
            log.append("started")

        def execute(self, orders, *, on_event):
            return iter(())

        def stop(self):
            log.append("stopped")

    monkeypatch.setattr(run, "LocalEngine", Engine)
    monkeypatch.setattr(run, "measure_missing", lambda request, store: log.append("measured") or [])
    run.main(["--lengths", "2", "--tasks", "copy", "--models", "rnn", "--out", str(tmp_path / "r")])
    assert log[0] == "started"
    assert log.index("stopped") < log.index("measured")
