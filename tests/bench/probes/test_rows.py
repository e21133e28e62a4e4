"""The finer tables of every model on every task, and their numbers against plain Python."""

from collections import Counter
from statistics import fmean

import pytest
import torch

from bench.probes import rows as findings_module
from bench.probes.influence import context_norms, spread_positions
from bench.probes.rows import Effects, Subject, findings, influence_rows, map_rows
from bench.probes.worker import build
from bench.training.evaluate import answer_test_sequences
from bench.training.seeding import seeded_initialisation
from models import MODELS
from models.config import ModelConfig
from models.interface import attention_weights
from results.schema.probe_rows import (
    ATTENTION,
    CONTEXT,
    GRADIENT,
    INITIAL,
    OCCLUSION,
    TRAINED,
    TRUTH,
)
from results.store.csv_files import ALIGNMENT, ERRORS, INFLUENCE, MAPS, POSITIONS, PROBE_TABLES
from tasks import TASKS
from tests.plugins.broken import Noisy
from tests.rows import accuracy_row
from tests.tasks.duplicate import DUPLICATE

LENGTH = 4
EXAMPLE = (
    "tests.plugins.example:build"  # A plug-in: no attention, and no context that it would name.
)


@pytest.fixture(autouse=True)
def few_test_sequences(monkeypatch):
    monkeypatch.setattr("bench.training.evaluate.TEST_SEQUENCES", 160)


def row_of(model="seq2seq+dot", task="copy", *, length=LENGTH, hidden=8, seed=3):
    return accuracy_row(
        task=task,
        model=model,
        seed=seed,
        length=length,
        train_length=length,
        symbols=5,
        hidden=hidden,
    )


def subject_of(model="seq2seq+dot", task="copy", *, length=LENGTH):
    """Another seed's parameters stand in for trained ones."""
    row = row_of(model, task, length=length)
    trained = build(row_of(model, task, seed=4))
    known = TASKS | {"duplicate": DUPLICATE}
    return Subject(row, known[task], trained, initial=build(row))


def found(subject, *, measures_influence=True, keeps_maps=True):
    return findings(subject, measures_influence=measures_influence, keeps_maps=keeps_maps)


# Which rows there are.


def check_rows(tables, *, attends, has_context):
    """Each output, source and measure once, and nothing of what a model does not have."""
    places, stages = list(range(1, LENGTH + 1)), (INITIAL, TRAINED)
    expected = {ERRORS, POSITIONS, INFLUENCE, MAPS} | ({ALIGNMENT} if attends else set())
    assert set(tables) == expected
    for name, rows in tables.items():
        assert {type(row) for row in rows} == {PROBE_TABLES[name]}
        assert {(row.seed, row.train_length, row.length) for row in rows} == {(3, LENGTH, LENGTH)}
    assert len(tables[ERRORS]) == 1
    assert len(tables.get(ALIGNMENT, [])) == attends
    assert [row.output_item for row in tables[POSITIONS]] == places
    measures = {OCCLUSION, GRADIENT}
    in_influence = measures | ({CONTEXT} if has_context else set())
    assert Counter(
        (row.parameters, row.measure, row.source_item) for row in tables[INFLUENCE]
    ) == Counter((s, m, p) for s in stages for m in in_influence for p in places)
    in_maps = measures | {TRUTH} | ({ATTENTION} if attends else set())
    assert Counter(
        (row.measure, row.output_item, row.source_item) for row in tables[MAPS]
    ) == Counter((m, t, p) for m in in_maps for t in places for p in places)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_its_rows_on_every_task(name, task):
    tables = found(subject_of(name, task))
    check_rows(tables, attends=MODELS[name].attends, has_context=name != "rnn-aligned")
    for row in tables.get(ALIGNMENT, []):
        assert row.test_sequences == findings_module.ALIGNMENT_SEQUENCES
        assert row.occlusion_agreement_fraction is not None
    for row in tables[INFLUENCE]:
        is_context = row.measure == CONTEXT
        assert row.test_sequences == (8 if is_context else 32)
        # The first source item comes after no output.
        assert (row.largest_early_effect is None) == (is_context or row.source_item == 1)
        assert (row.aligned_effect is None) == is_context


def test_nothing_is_invented_for_a_plug_in_that_says_nothing_of_itself():
    check_rows(found(subject_of(EXAMPLE)), attends=False, has_context=False)


def of_a_model_without_attention(tables):
    return tables | {ALIGNMENT: found(subject_of("seq2seq+dot"))[ALIGNMENT]}


def without_the_initial_parameters(tables):
    return tables | {INFLUENCE: [row for row in tables[INFLUENCE] if row.parameters == TRAINED]}


def with_a_context(tables):
    context = [row for row in found(subject_of("rnn"))[INFLUENCE] if row.measure == CONTEXT]
    return tables | {INFLUENCE: [*tables[INFLUENCE], *context]}


def without_a_position(tables):
    return tables | {POSITIONS: tables[POSITIONS][:-1]}


def with_a_cell_twice(tables):
    return tables | {MAPS: [*tables[MAPS], tables[MAPS][-1]]}


@pytest.mark.parametrize(
    "broken",
    [
        of_a_model_without_attention,
        without_the_initial_parameters,
        with_a_context,
        without_a_position,
        with_a_cell_twice,
    ],
)
def test_other_rows_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_rows(broken(found(subject_of(EXAMPLE))), attends=False, has_context=False)


def test_influence_and_maps_are_there_only_where_asked_for():
    subject = subject_of()
    tables = found(subject, measures_influence=False)
    assert set(tables) == {ERRORS, POSITIONS, ALIGNMENT}
    assert tables[ALIGNMENT][0].occlusion_agreement_fraction is None
    assert set(found(subject, keeps_maps=False)) == {ERRORS, POSITIONS, ALIGNMENT, INFLUENCE}


@pytest.mark.parametrize("task", ["copy", "duplicate"])
def test_long_sequences_are_shown_at_spread_positions(task):
    """Of either side its own: a target may be longer than its source."""
    length = 25
    tables = found(subject_of("seq2seq+dot", task, length=length))
    sources, outputs = (
        [position + 1 for position in spread_positions(size, most=20).tolist()]
        for size in (length, length * (2 if task == "duplicate" else 1))
    )
    for measure in (ATTENTION, TRUTH, OCCLUSION, GRADIENT):
        cells = [
            (row.output_item, row.source_item) for row in tables[MAPS] if row.measure == measure
        ]
        assert cells == [(t, p) for t in outputs for p in sources], measure
    for measure in (OCCLUSION, GRADIENT, CONTEXT):
        rows = [row for row in tables[INFLUENCE] if row.measure == measure]
        assert [row.source_item for row in rows] == 2 * sources, measure


# What is looked into.


@pytest.mark.parametrize("length", [1, LENGTH, 12])
def test_sequences_looked_into_are_the_first_of_those_that_are_scored(length):
    subject = subject_of("rnn", length=length)
    scored = answer_test_sequences(
        subject.trained, subject.task, length=length, symbols=5, seed=subject.row.seed
    )
    assert torch.equal(subject.batch.source, scored.source[:128])
    assert torch.equal(subject.batch.target, scored.target[:128])


def noisy(seed):
    with seeded_initialisation(seed):
        return Noisy(ModelConfig(symbols=5, hidden=8))


def check_is_reproducible(measure):
    """Twice the same, and no global generator moves: a regulariser is left out."""
    subject = Subject(row_of("rnn"), TASKS["copy"], noisy(4), initial=noisy(3))
    state = torch.random.get_rng_state()
    first, second = measure(subject), measure(subject)
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), state)


def test_findings_are_made_outside_of_training():
    check_is_reproducible(found)


def test_findings_made_in_training_mode_are_rejected():
    def in_training_mode(subject):
        for _, model in subject.models():
            model.train()
        return influence_rows(subject, list(findings_module.measured_effects(subject)))

    with torch.random.fork_rng(), pytest.raises(AssertionError):
        check_is_reproducible(in_training_mode)


def check_names_the_parameters(subject, tables):
    """By the context, whose norms are of one model alone."""
    first = findings_module._first(subject.batch, 8)
    for stage, model in ((INITIAL, subject.initial), (TRAINED, subject.trained)):
        effects = [
            row.effect
            for row in tables[INFLUENCE]
            if (row.parameters, row.measure) == (stage, CONTEXT)
        ]
        assert effects == pytest.approx(context_norms(model, first).mean(dim=0).tolist())


def test_rows_say_whose_parameters_they_are_of():
    subject = subject_of()
    check_names_the_parameters(subject, found(subject))


def test_rows_of_swapped_parameters_are_rejected():
    subject = subject_of()
    swapped = Subject(subject.row, subject.task, subject.initial, initial=subject.trained)
    with pytest.raises(AssertionError):
        check_names_the_parameters(subject, found(swapped))


# Numbers.


def random_effects(*, outputs, sources, measure=OCCLUSION, rows=6):
    draw = torch.Generator().manual_seed(8)
    values = torch.randn(rows, len(outputs), len(sources), generator=draw)
    return Effects(TRAINED, measure, values, torch.tensor(outputs), torch.tensor(sources))


def check_influence(rows_of, task):
    subject = subject_of("rnn-aligned", task, length=7)  # Without a context: these rows only.
    effects = random_effects(outputs=[0, 2, 3, 6], sources=[0, 1, 5, 6])
    values, truth = effects.values.tolist(), subject.task.align(subject.batch.source).tolist()
    rows = rows_of(subject, [effects])
    assert [row.source_item for row in rows] == [1, 2, 6, 7]
    for column, row in enumerate(rows):
        source = row.source_item - 1
        cells = [
            (values[n][i][column], truth[n][output][source], output)
            for n in range(len(values))
            for i, output in enumerate([0, 2, 3, 6])
        ]
        assert row.effect == pytest.approx(fmean(value for value, _, _ in cells))
        shares = sum(share for _, share, _ in cells)
        if shares:
            weighted = sum(value * share for value, share, _ in cells) / shares
            assert row.aligned_effect == pytest.approx(weighted)
        else:
            assert row.aligned_effect is None
        early = [abs(value) for value, _, output in cells if output < source]
        assert row.largest_early_effect == (pytest.approx(max(early)) if early else None)
        assert (row.parameters, row.measure, row.test_sequences) == (TRAINED, OCCLUSION, 6)


@pytest.mark.parametrize("task", TASKS)
def test_effects_on_copies_and_on_earlier_outputs_agree_with_plain_python(task):
    check_influence(influence_rows, task)


def changed_rows(**changes):
    def rows_of(subject, effects):
        rows = influence_rows(subject, effects)
        for row in rows:
            for name, value_of in changes.items():
                object.__setattr__(row, name, value_of(row))
        return rows

    return rows_of


def early_with_the_same_position(subject, effects):
    (each,) = effects
    later = Effects(each.parameters, each.measure, each.values, each.outputs - 1, each.sources)
    rows = influence_rows(subject, effects)
    for row, other in zip(rows, influence_rows(subject, [later]), strict=True):
        object.__setattr__(row, "largest_early_effect", other.largest_early_effect)
    return rows


@pytest.mark.parametrize(
    "broken",
    [
        early_with_the_same_position,
        changed_rows(aligned_effect=lambda row: row.effect),
        changed_rows(aligned_effect=lambda row: row.aligned_effect or 0.0),
        changed_rows(largest_early_effect=lambda row: row.largest_early_effect or 0.0),
        changed_rows(source_item=lambda row: row.source_item - 1),
    ],
)
def test_effects_counted_otherwise_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_influence(broken, "copy")


def early_effects(tables):
    """Return the largest effects on earlier outputs, both measures and both stages together."""
    return {
        row.largest_early_effect
        for row in tables[INFLUENCE]
        if row.largest_early_effect is not None
    }


@pytest.mark.parametrize("task", TASKS)
def test_answer_at_once_has_no_early_effect_in_its_rows(task):
    assert early_effects(found(subject_of("rnn-aligned", task))) == {0.0}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "rnn-aligned"])
def test_model_that_reads_all_of_its_source_first_has_early_effects(name):
    assert min(early_effects(found(subject_of(name)))) > 0


def check_maps(rows_of):
    """Means over sequences, to four digits, of the trained model alone."""
    subject = subject_of("seq2seq+dot", "sort")
    trained = random_effects(outputs=[0, 1, 3], sources=[0, 2])
    initial = Effects(INITIAL, OCCLUSION, trained.values + 9, trained.outputs, trained.sources)
    batch = subject.batch
    with torch.no_grad():
        weights = attention_weights(subject.trained, batch.source, batch.target_in)
    truth = subject.task.align(batch.source)
    rows = {
        (row.measure, row.output_item - 1, row.source_item - 1): row.value
        for row in rows_of(subject, [initial, trained], weights)
    }
    expected = {}
    for measure, values, outputs, sources in (
        (OCCLUSION, trained.values, [0, 1, 3], [0, 2]),
        (ATTENTION, weights, range(4), range(4)),
        (TRUTH, truth, range(4), range(4)),
    ):
        for i, output in enumerate(outputs):
            for j, source in enumerate(sources):
                expected[measure, output, source] = fmean(values[:, i, j].tolist())
    assert rows == pytest.approx(expected, rel=6e-4)
    assert sum(value for key, value in rows.items() if key[0] == ATTENTION) == pytest.approx(
        LENGTH, rel=1e-3
    )


def test_maps_are_means_over_sequences():
    check_maps(map_rows)


def transposed(subject, effects, weights):
    return map_rows(subject, effects, weights.transpose(1, 2))


def of_the_initial_model(subject, effects, weights):
    return map_rows(subject, [Effects(TRAINED, *list(vars(effects[0]).values())[1:])], weights)


def of_one_sequence(subject, effects, weights):
    return map_rows(subject, effects, weights[:1])


@pytest.mark.parametrize("broken", [transposed, of_the_initial_model, of_one_sequence])
def test_other_maps_are_rejected(broken):
    with pytest.raises(AssertionError):
        check_maps(broken)
