"""Scores of models whose right score is known beforehand, and of answers counted by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.training import evaluate
from bench.training.evaluate import Answers, answer_test_sequences, chunk_sequences, score
from bench.training.seeding import seeded_initialisation, stream
from models import MODELS
from models.config import ModelConfig
from tasks import TASKS
from tasks.import_path import resolve
from tasks.sampling import belongs_to, sample_batch
from tests.models.checks import RECURRENT
from tests.plugins.broken import Noisy

SYMBOLS, LENGTH = 8, 10
ENTRY, ALIGNED = MODELS["seq2seq"], MODELS["rnn-aligned"]
all_tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())


class Oracle(nn.Module):
    """Gives the right answer, since it knows the task, and is `certainty` nats sure of it."""

    def __init__(self, task, *, certainty=50.0):
        super().__init__()
        self.task, self.certainty = task, certainty
        self.nothing = nn.Parameter(torch.zeros(()))  # It says where the model is.

    def forward(self, source, target_in):
        right = functional.one_hot(self.task.targets(source), SYMBOLS)
        return self.certainty * right.float() + self.nothing

    def generate(self, source, length):
        return self.task.targets(source)


def answers_of(model, task, *, length=LENGTH, symbols=SYMBOLS, seed=1, **options):
    return answer_test_sequences(model, task, length=length, symbols=symbols, seed=seed, **options)


def scores_of(model, task, *, entry=ENTRY, length=LENGTH, symbols=SYMBOLS, **options):
    answers = answers_of(model, task, length=length, symbols=symbols, **options)
    return score(answers, task, entry, length=length, symbols=symbols)


def untrained(name, *, seed=1):
    with seeded_initialisation(seed):
        channel = {"channel_numbers": 8, "channel_snr": 3.0}
        return resolve(MODELS[name].builder)(ModelConfig(SYMBOLS, hidden=16, **channel))


class Memorising(Oracle):
    """Answers by what a forward pass has shown it of the true items, or by zeros."""

    def __init__(self):
        super().__init__(TASKS["copy"])
        self.seen = {}

    def forward(self, source, target_in):
        for index, each in enumerate(source.tolist()):
            self.seen[tuple(each)] = target_in[index]
        return super().forward(source, target_in)

    def generate(self, source, length):
        nothing = source.new_zeros(length)
        return torch.stack([self.seen.get(tuple(each), nothing) for each in source.tolist()])


@pytest.mark.fault("F22")
@pytest.mark.parametrize("chunk_size", [1024, 16])
def test_answers_come_before_any_true_item_is_shown(chunk_size):
    answers = answers_of(Memorising(), TASKS["copy"], chunk_size=chunk_size)
    assert answers.answer.eq(0).all()


# Models whose score is known.


@pytest.mark.fault("F17")
@all_tasks
@pytest.mark.parametrize("length", [1, 25])
def test_oracle_scores_one_and_carries_all_bits(task, length):
    scores = scores_of(Oracle(task), task, length=length)
    exact = [name for name in scores if name.endswith(("token_accuracy", "sequence_accuracy"))]
    assert {name: scores[name] for name in exact} == dict.fromkeys(exact, 1.0)
    assert len(exact) == 4
    assert scores["normalised_accuracy"] == 1.0
    assert (scores["correct_prefix_items"], scores["prefix_accuracy"]) == (length, 1.0)
    assert scores["target_bits"] == task.target_bits(length, SYMBOLS)
    assert scores["carried_bits"] == pytest.approx(scores["target_bits"], abs=1e-6)


def test_model_that_finds_every_symbol_equally_likely_carries_nothing():
    """On sort it pays more than the entropy, so its bits, a lower bound, are below 0."""
    for name, task in TASKS.items():
        scores = scores_of(Oracle(task, certainty=0.0), task)
        assert scores["cross_entropy_bits"] == pytest.approx(math.log2(SYMBOLS), abs=1e-5)
        if name == "sort":
            assert scores["carried_bits"] < -1.0
        else:
            assert scores["carried_bits"] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.fault("F17")
# An untrained causal network may answer with an item that it has just seen.
@pytest.mark.parametrize("name", [name for name in RECURRENT if name != "rnn-aligned"])
def test_untrained_model_is_at_chance(name, monkeypatch):
    """Not `rnn-aligned`: it maps most items to one answer, so its items are not independent."""
    monkeypatch.setattr(evaluate, "TEST_SEQUENCES", 1024)
    error = math.sqrt(1 / SYMBOLS * (1 - 1 / SYMBOLS) / (1024 * LENGTH))
    for task in (TASKS["copy"], TASKS["reverse"]):
        scores = scores_of(untrained(name), task)
        for column in ("token_accuracy", "teacher_forced_token_accuracy"):
            assert scores[column] == pytest.approx(1 / SYMBOLS, abs=3 * error)
        assert scores["carried_bits"] < 0.0
    scores = scores_of(untrained(name), TASKS["sort"])
    assert scores["token_accuracy"] < scores["constant_accuracy"] + 0.015


# Answers counted one by one.


@pytest.mark.fault("F17")
def test_scores_agree_with_counting_one_by_one():
    draw = torch.Generator().manual_seed(5)
    source, target = (torch.randint(3, (200, 4), generator=draw) for _ in range(2))
    answer = torch.randint(-1, 3, (200, 4), generator=draw)  # An item without an answer is wrong.
    forced = torch.rand(200, 4, generator=draw) < 0.9
    answers = Answers(source, target, answer, forced, cross_entropy_bits=900.0)
    scores = score(answers, TASKS["copy"], ENTRY, length=4, symbols=3)
    pairs = list(zip(answer.tolist(), target.tolist(), strict=True))
    right = [[a == t for a, t in zip(one, other, strict=True)] for one, other in pairs]
    prefixes = [[*row, False].index(False) for row in right]
    expected = {
        "token_accuracy": sum(map(sum, right)) / 800,
        "sequence_accuracy": sum(map(all, right)) / 200,
        "correct_prefix_items": sum(prefixes) / 200,
        "prefix_accuracy": sum(prefixes) / 800,
        "teacher_forced_token_accuracy": sum(map(sum, forced.tolist())) / 800,
        "teacher_forced_sequence_accuracy": sum(map(all, forced.tolist())) / 200,
        "cross_entropy_bits": 900.0 / 800,
        "carried_bits": 4 * math.log2(3) - 900.0 / 200,
        "normalised_accuracy": (sum(map(sum, right)) / 800 - 1 / 3) / (1 - 1 / 3),
        "test_sequences": 200,
        "distinct_sources": 81,
        "leak_fraction": 1.0,
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_answer_of_too_few_items_is_refused():
    class Brief(Oracle):
        def generate(self, source, length):
            return super().generate(source, length)[:, :1]

    with pytest.raises(ValueError, match=r"generate: must return .* got shape \(64, 1\)"):
        answers_of(Brief(TASKS["copy"]), TASKS["copy"])


# Which columns are filled.


@all_tasks
def test_baselines_of_the_task_are_in_every_row(task):
    for entry in (ENTRY, ALIGNED):
        scores = scores_of(Oracle(task), task, entry=entry)
        assert scores["chance_accuracy"] == 1 / SYMBOLS
        assert scores["constant_accuracy"] == task.constant_accuracy(LENGTH, SYMBOLS)
        assert scores["repeat_accuracy"] == task.repeat_accuracy(LENGTH, SYMBOLS)
        ceiling = task.ceiling_accuracy(LENGTH, SYMBOLS) if entry.is_causal else None
        assert scores["causal_ceiling_accuracy"] == ceiling
        assert scores["distinct_sources"] == SYMBOLS**LENGTH
        assert scores["leak_fraction"] == 0.0
        # Where answers given at once depend on each other, they have no probability as a whole.
        has_bits = entry.is_autoregressive or not task.has_dependent_items
        assert (scores["carried_bits"] is not None) == has_bits


def test_chunks_are_as_large_as_the_caches_take():
    sizes = ((200, 64), (200, 128), (100_000, 1024))
    assert [chunk_sequences(length, hidden=hidden) for length, hidden in sizes] == [128, 81, 1]


# The test sequences.


def batch_of_tests(task):
    return sample_batch(
        task,
        stream(1, "test", LENGTH),
        batch_size=64,
        length=LENGTH,
        symbols=SYMBOLS,
        split="test",
    )


def test_every_model_of_a_seed_answers_the_same_held_out_sequences():
    task = TASKS["copy"]
    expected = batch_of_tests(task)
    assert belongs_to(expected.source, symbols=SYMBOLS, split="test").all()
    for model in (Oracle(task), untrained("seq2seq+dot", seed=7)):
        assert torch.equal(answers_of(model, task).source, expected.source)
    assert not torch.equal(answers_of(Oracle(task), task, seed=2).source, expected.source)


@pytest.mark.parametrize("size", [64, 24])
def test_chunks_change_neither_the_cross_entropy_nor_an_answer(size):
    """The cross-entropy is that of the teacher-forced probabilities, in double precision."""
    task, model = TASKS["reverse"], untrained("seq2seq+dot")
    batch = batch_of_tests(task)
    with torch.no_grad():
        logits = model(batch.source, batch.target_in).double()
    nats = -logits.log_softmax(dim=-1).gather(2, batch.target[..., None]).sum().item()
    answers = answers_of(model, task, chunk_size=size)
    assert answers.cross_entropy_bits == pytest.approx(nats / math.log(2), rel=1e-5)
    assert torch.equal(answers.answer, model.generate(batch.source, LENGTH))


def test_evaluation_leaves_the_model_and_the_global_generator_as_they_were():
    """A regulariser is left out, and on again afterwards."""
    with seeded_initialisation(1):
        model = Noisy(ModelConfig(symbols=SYMBOLS, hidden=16))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    first, second = (scores_of(model, TASKS["copy"], length=2) for _ in range(2))
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training
