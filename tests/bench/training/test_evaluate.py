"""Scores of models whose right score is known beforehand, and of answers counted by hand."""

import math
from statistics import fmean, stdev

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.training.evaluate import (
    MOST_CHUNK_SEQUENCES,
    TEST_SEQUENCES,
    Answers,
    answer_test_sequences,
    chunk_sequences,
    score,
)
from bench.training.seeding import seeded_initialisation, stream
from bench.training.train import validate
from models import MODELS
from models.config import ModelConfig
from tasks import TASKS
from tasks.import_path import resolve
from tasks.sampling import belongs_to, sample_batch
from tests.plugins.broken import Noisy

SYMBOLS = 8
LENGTH = 10
ENTRY = MODELS["seq2seq"]
AUTOREGRESSIVE = [name for name, entry in MODELS.items() if entry.is_autoregressive]


class Known(nn.Module):
    """A model without anything to learn; the parameter only says where it lives."""

    def __init__(self, task, symbols=SYMBOLS):
        super().__init__()
        self.task, self.symbols = task, symbols
        self.nothing = nn.Parameter(torch.zeros(()))

    def certain_of(self, item):
        return 50.0 * functional.one_hot(item, self.symbols).float() + self.nothing


class Oracle(Known):
    """Gives the right answer, since it knows the task, and is certain of it."""

    def forward(self, source, target_in):
        return self.certain_of(self.task.targets(source))

    def generate(self, source, length):
        return self.task.targets(source)


class Ignorant(Oracle):
    """Finds every symbol equally likely."""

    def forward(self, source, target_in):
        return 0 * super().forward(source, target_in)


class Peeking(Known):
    """Reads an item where teacher forcing puts it, one step later in `target_in`.

    The last item stands nowhere in there: of that one it knows the answer by itself.
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


class HalfAnswering(Oracle):
    """Is right in the first half of its items and gives no symbol at all in the second."""

    def generate(self, source, length):
        answer = super().generate(source, length)
        answer[:, length // 2 :] = -1
        return answer


def scores_of(model, task, *, entry=ENTRY, length=LENGTH, symbols=SYMBOLS, seed=1, **options):
    answers = answer_test_sequences(
        model, task, length=length, symbols=symbols, seed=seed, **options
    )
    return score(answers, task, entry, length=length, symbols=symbols)


def untrained(name, *, symbols=SYMBOLS, seed=1):
    with seeded_initialisation(seed):
        return resolve(MODELS[name].builder)(ModelConfig(symbols=symbols, hidden=16))


def standard_error(chance, items):
    return math.sqrt(chance * (1 - chance) / items)


# Models whose score is known.


@pytest.mark.fault("F17")
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
@pytest.mark.parametrize("length", [1, 2, 25])
def test_oracle_scores_one_and_carries_all_bits(task, length):
    scores = scores_of(Oracle(task), task, length=length)
    for name in (
        "token_accuracy",
        "sequence_accuracy",
        "teacher_forced_token_accuracy",
        "teacher_forced_sequence_accuracy",
        "normalised_accuracy",
    ):
        assert scores[name] == 1.0, name
    assert scores["correct_prefix_items"] == length
    assert scores["carried_bits"] == pytest.approx(scores["target_bits"], abs=1e-6)
    assert scores["target_bits"] == task.target_bits(length, SYMBOLS)


@pytest.mark.parametrize("name", ["copy", "reverse"])
def test_model_that_knows_nothing_carries_no_bits(name):
    scores = scores_of(Ignorant(TASKS[name]), TASKS[name])
    assert scores["carried_bits"] == pytest.approx(0.0, abs=1e-4)
    assert scores["cross_entropy_bits"] == pytest.approx(math.log2(SYMBOLS), abs=1e-5)


def test_model_that_knows_only_that_a_target_is_sorted_could_carry_less_than_nothing():
    """A lower bound: probabilities that ignore the order of `sort` cost more than its entropy."""
    scores = scores_of(Ignorant(TASKS["sort"]), TASKS["sort"])
    assert scores["carried_bits"] < -1.0


# An untrained `rnn-aligned` maps most items to one answer whatever stood before, so on `copy` its
# items are not independent: there the initialisations are the sample.
UNTRAINED = [(name, task) for name in MODELS for task in ("copy", "reverse")]
UNTRAINED.remove(("rnn-aligned", "copy"))


@pytest.mark.fault("F17")
@pytest.mark.parametrize(("name", "task"), UNTRAINED)
def test_untrained_model_is_at_chance(name, task):
    scores = scores_of(untrained(name), TASKS[task], entry=MODELS[name])
    error = standard_error(1 / SYMBOLS, TEST_SEQUENCES * LENGTH)
    for column in ("token_accuracy", "teacher_forced_token_accuracy"):
        assert scores[column] == pytest.approx(1 / SYMBOLS, abs=3 * error), column
    assert abs(scores["normalised_accuracy"]) < 3 * error / (1 - 1 / SYMBOLS)
    assert scores["sequence_accuracy"] == 0.0
    assert scores["carried_bits"] < 0.0


@pytest.mark.fault("F17")
def test_untrained_models_that_answer_at_once_are_at_chance_on_average():
    entry, task = MODELS["rnn-aligned"], TASKS["copy"]
    accuracies = [
        scores_of(untrained("rnn-aligned", seed=seed), task, entry=entry)["token_accuracy"]
        for seed in range(24)
    ]
    error = stdev(accuracies) / math.sqrt(len(accuracies))
    assert fmean(accuracies) == pytest.approx(1 / SYMBOLS, abs=3 * error)


@pytest.mark.fault("F17")
@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_untrained_model_is_no_better_than_the_best_constant_on_sort(name):
    scores = scores_of(untrained(name), TASKS["sort"], entry=MODELS[name])
    error = standard_error(scores["constant_accuracy"], TEST_SEQUENCES * LENGTH)
    assert scores["token_accuracy"] < scores["constant_accuracy"] + 3 * error


@pytest.mark.fault("F17", is_twin=True)
def test_chance_check_rejects_a_model_that_has_learned():
    """The twin: two items in a hundred above chance are found."""
    error = standard_error(1 / SYMBOLS, TEST_SEQUENCES * LENGTH)
    slightly_better = 1 / SYMBOLS + 0.02
    assert slightly_better != pytest.approx(1 / SYMBOLS, abs=3 * error)


@pytest.mark.parametrize("task", ["copy", "reverse"])
def test_model_that_peeks_at_the_answer_is_seen_free_running(task):
    """With the true items in its input it is perfect; left to itself it is at chance."""
    model = Peeking(TASKS[task])
    scores = scores_of(model, TASKS[task])
    assert scores["teacher_forced_token_accuracy"] == 1.0
    assert scores["teacher_forced_sequence_accuracy"] == 1.0
    answers = answer_test_sequences(model, TASKS[task], length=LENGTH, symbols=SYMBOLS, seed=1)
    before_the_last = (answers.answer == answers.target)[:, :-1].double()
    error = standard_error(1 / SYMBOLS, before_the_last.numel())
    assert before_the_last.mean().item() == pytest.approx(1 / SYMBOLS, abs=3 * error)
    assert scores["token_accuracy"] < 0.25
    assert scores["sequence_accuracy"] < 0.01


# Answers counted by hand.


def assert_divided_by_all_items(score_answers):
    """Half of the items right and half of them not answered is one half, not all."""
    task = TASKS["copy"]
    answers = answer_test_sequences(
        HalfAnswering(task), task, length=LENGTH, symbols=SYMBOLS, seed=1
    )
    scores = score_answers(answers, task, ENTRY, length=LENGTH, symbols=SYMBOLS)
    assert scores["token_accuracy"] == 0.5
    assert scores["correct_prefix_items"] == LENGTH / 2
    assert scores["sequence_accuracy"] == 0.0


def test_accuracy_is_divided_by_all_target_items():
    assert_divided_by_all_items(score)


def test_accuracy_divided_by_what_was_answered_is_rejected():
    def over_answered_items(answers, *arguments, **sizes):
        answered = answers.answer >= 0
        right = (answers.answer == answers.target) & answered
        return score(answers, *arguments, **sizes) | {
            "token_accuracy": right.sum().item() / answered.sum().item()
        }

    with pytest.raises(AssertionError):
        assert_divided_by_all_items(over_answered_items)


@pytest.mark.fault("F17")
def test_scores_agree_with_counting_one_by_one():
    draw = torch.Generator().manual_seed(5)
    source, target, answer = (torch.randint(3, (200, 4), generator=draw) for _ in range(3))
    forced = torch.rand(200, 4, generator=draw) < 0.9
    answers = Answers(source, target, answer, forced, cross_entropy_bits=900.0)
    scores = score(answers, TASKS["copy"], ENTRY, length=4, symbols=3)

    pairs = list(zip(answer.tolist(), target.tolist(), strict=True))
    right = [[a == t for a, t in zip(one, other, strict=True)] for one, other in pairs]
    prefixes = [[*row, False].index(False) for row in right]
    assert scores["token_accuracy"] == pytest.approx(sum(map(sum, right)) / 800)
    assert scores["sequence_accuracy"] == pytest.approx(sum(map(all, right)) / 200)
    assert scores["correct_prefix_items"] == pytest.approx(sum(prefixes) / 200)
    forced_rows = forced.tolist()
    assert scores["teacher_forced_token_accuracy"] == pytest.approx(
        sum(map(sum, forced_rows)) / 800
    )
    assert scores["teacher_forced_sequence_accuracy"] == pytest.approx(
        sum(map(all, forced_rows)) / 200
    )
    assert scores["cross_entropy_bits"] == pytest.approx(900.0 / 800)
    assert scores["carried_bits"] == pytest.approx(4 * math.log2(3) - 900.0 / 200)
    assert scores["normalised_accuracy"] == pytest.approx(
        (scores["token_accuracy"] - 1 / 3) / (1 - 1 / 3)
    )


def test_cross_entropy_is_that_of_the_teacher_forced_probabilities():
    model, task = untrained("seq2seq+dot"), TASKS["reverse"]
    answers = answer_test_sequences(model, task, length=5, symbols=SYMBOLS, seed=1)
    batch = batch_of_tests(task, length=5, symbols=SYMBOLS)
    with torch.no_grad():
        logits = model(batch.source, batch.target_in).double()
    bits = -logits.log_softmax(dim=-1).gather(2, batch.target[..., None]).sum().item() / math.log(2)
    assert answers.cross_entropy_bits == pytest.approx(bits, rel=1e-5)


# Which columns are filled.


def test_bits_are_empty_where_answers_at_once_meet_dependent_items():
    aligned, task = MODELS["rnn-aligned"], TASKS["sort"]
    scores = scores_of(untrained("rnn-aligned"), task, entry=aligned)
    assert scores["carried_bits"] is None
    assert scores["target_bits"] == task.target_bits(LENGTH, SYMBOLS)
    assert scores["cross_entropy_bits"] > 0
    others = [(MODELS[name], task) for name in AUTOREGRESSIVE] + [(aligned, TASKS["copy"])]
    for entry, other_task in others:
        model = Oracle(other_task)
        assert scores_of(model, other_task, entry=entry)["carried_bits"] is not None


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_only_a_causal_model_has_a_causal_ceiling(task):
    for name, entry in MODELS.items():
        ceiling = scores_of(Oracle(task), task, entry=entry)["causal_ceiling_accuracy"]
        if name == "rnn-aligned":
            assert ceiling == task.ceiling_accuracy(LENGTH, SYMBOLS)
            assert 1 / SYMBOLS < ceiling <= 1.0
        else:
            assert ceiling is None


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_baselines_of_the_task_are_in_every_row(task):
    scores = scores_of(Oracle(task), task)
    assert scores["chance_accuracy"] == 1 / SYMBOLS
    assert scores["constant_accuracy"] == task.constant_accuracy(LENGTH, SYMBOLS)
    assert scores["repeat_accuracy"] == task.repeat_accuracy(LENGTH, SYMBOLS)
    assert scores["test_sequences"] == 1024
    assert scores["distinct_sources"] == SYMBOLS**LENGTH
    assert scores["leak_fraction"] == 0.0


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
@pytest.mark.parametrize(("symbols", "length"), [(2, 1), (2, 9), (3, 2), (31, 2)])
def test_fewer_sources_than_test_sequences_are_all_used_and_leak(symbols, length, task):
    assert symbols**length < TEST_SEQUENCES
    for name, entry in MODELS.items():
        model = untrained(name, symbols=symbols)
        scores = scores_of(model, task, entry=entry, length=length, symbols=symbols)
        assert scores["leak_fraction"] == 1.0
        assert scores["distinct_sources"] == symbols**length
        assert scores["test_sequences"] == TEST_SEQUENCES
        assert 0.0 <= scores["token_accuracy"] <= 1.0
        assert all(value is None or math.isfinite(value) for value in scores.values())


# The test sequences.


def batch_of_tests(task, *, length=LENGTH, symbols=SYMBOLS, seed=1):
    return sample_batch(
        task,
        stream(seed, "test", length),
        batch_size=TEST_SEQUENCES,
        length=length,
        symbols=symbols,
        split="test",
    )


def test_every_model_of_a_seed_answers_the_same_held_out_sequences():
    task = TASKS["copy"]
    expected = batch_of_tests(task)
    assert belongs_to(expected.source, symbols=SYMBOLS, split="test").all()
    for model in (Oracle(task), untrained("rnn"), untrained("seq2seq+dot", seed=7)):
        answers = answer_test_sequences(model, task, length=LENGTH, symbols=SYMBOLS, seed=1)
        assert torch.equal(answers.source, expected.source)
        assert torch.equal(answers.target, expected.target)
    other = answer_test_sequences(Oracle(task), task, length=LENGTH, symbols=SYMBOLS, seed=2)
    assert not torch.equal(other.source, expected.source)


def test_evaluation_changes_neither_the_model_nor_a_global_generator():
    model = untrained("seq2seq+additive")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    first, second = (scores_of(model, TASKS["copy"]) for _ in range(2))
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("size", [1000, 1024, 96])
def test_size_of_the_chunks_changes_no_score(size):
    model = untrained("rnn")
    expected = scores_of(model, TASKS["sort"])
    chunked = scores_of(model, TASKS["sort"], chunk_size=size)
    assert chunked.pop("causal_ceiling_accuracy") is expected.pop("causal_ceiling_accuracy") is None
    assert chunked == pytest.approx(expected, rel=1e-5)


def test_chunks_are_as_large_as_the_caches_take():
    assert chunk_sequences(200, hidden=64) == MOST_CHUNK_SEQUENCES
    assert 64 <= chunk_sequences(200, hidden=128) < MOST_CHUNK_SEQUENCES
    assert chunk_sequences(100_000, hidden=1024) == 1


def noisy():
    with seeded_initialisation(1):
        return Noisy(ModelConfig(symbols=SYMBOLS, hidden=16))


def test_model_is_tested_without_its_regulariser():
    model = noisy()
    first, second = (
        answer_test_sequences(model, TASKS["copy"], length=4, symbols=SYMBOLS, seed=1)
        for _ in range(2)
    )
    assert torch.equal(first.answer, second.answer)
    assert first.cross_entropy_bits == second.cross_entropy_bits
    assert model.training


def test_model_is_validated_without_its_regulariser():
    model, batch = noisy(), batch_of_tests(TASKS["copy"])
    assert validate(model, [batch]) == validate(model, [batch])
    assert model.training


def test_answer_of_too_few_items_is_refused():
    source = torch.zeros(TEST_SEQUENCES, LENGTH, dtype=torch.int64)
    answers = object.__new__(Answers)  # Outside the tests no checker looks at its shapes.
    answers.__dict__.update(
        source=source,
        target=source,
        answer=source[:, :1],
        forced_correct=source == 0,
        cross_entropy_bits=0.0,
    )
    with pytest.raises(ValueError, match="items"):
        score(answers, TASKS["copy"], ENTRY, length=LENGTH, symbols=SYMBOLS)
