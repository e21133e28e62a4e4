"""The rows of the finer tables: every number of planted models, and which rows a model has.

Planted sources are longer than the positions that are looked at, and what is trained differs in
every measure from what it began as: rows of other positions, stages or sequences have other
numbers.
"""

import math
from collections import Counter
from itertools import product
from statistics import fmean

import pytest
import torch

from bench.probes.influence import spread_positions
from bench.probes.worker import ItemMap, Subject, _effect_rows, build, completed, probe
from bench.training.evaluate import answer_test_sequences
from bench.training.seeding import seeded_initialisation, stream
from models import MODELS
from models.config import ModelConfig
from results.schema.probe_rows import (
    ATTENTION,
    CONTEXT,
    GRADIENT,
    INITIAL,
    OCCLUSION,
    TRAINED,
    TRUTH,
)
from results.store.csv_files import (
    ALIGNMENT,
    CORRUPTION,
    ERRORS,
    INFLUENCE,
    MAPS,
    POSITIONS,
    PROBE_TABLES,
    STATE,
    WEIGHTS,
)
from results.store.probes import stage_columns
from tasks import TASKS
from tests.models.checks import RECURRENT
from tests.plugins.broken import Noisy
from tests.plugins.planted import Blind, CarryingEncoder, Copying
from tests.rows import accuracy_row
from tests.tasks.duplicate import DUPLICATE

LENGTH, SYMBOLS, HIDDEN, SEED = 25, 5, 8, 3
FIRST_SEEN = LENGTH // 2  # By the initial model, which is blind to what is before.
SEQUENCES = 32  # That influence is measured on, of the 128 of alignment.
SOURCES = spread_positions(LENGTH, most=20).tolist()

# Logits of `Copying` are 5 tanh(2 x): of the item that it looks at 5 tanh(2), of any other 0.
MARGIN = 5 * math.tanh(2)
STEEP, FLAT = 10.0, 10 * (1 - math.tanh(2) ** 2)
# Where it is right, the others are equally large and share the slope among them.
SLOPE_WHERE_RIGHT = math.hypot(FLAT, STEEP / math.sqrt(SYMBOLS - 1))
SLOPE_WHERE_WRONG = math.hypot(FLAT, STEEP)


def row_of(model="seq2seq+dot", task="copy", *, length=LENGTH, seed=SEED):
    return accuracy_row(
        task=task,
        model=model,
        seed=seed,
        length=length,
        train_length=length,
        symbols=SYMBOLS,
        hidden=HIDDEN,
        channel_numbers=8,
        channel_snr=1e12,
    )


def tables_of(subject, *, measures_influence=True, keeps_maps=True):
    return probe(subject, measures_influence=measures_influence, keeps_maps=keeps_maps)


# What is known of the planted models.


def planted_subject(task):
    """Trained: copies, in the first sequences. Initial: looks a place to the right, half blind."""
    config = ModelConfig(symbols=SYMBOLS, hidden=HIDDEN)
    with seeded_initialisation(SEED):
        trained = Copying(config, task=task, shift=1, shift_from=SEQUENCES)
        initial = Copying(config, task=task, shift=1)
    for model in (trained, initial):
        model.encoder = CarryingEncoder(config)
    initial.encoder.embedding = Blind(initial.encoder.embedding, share=0.5)
    return Subject(row_of(task=task.name), task, trained, initial=initial)


def places_of(task):
    """List the source position of each output."""
    return list(range(LENGTH)) * (2 if task is DUPLICATE else 1)


def known_effects(subject, *, shift, first_seen):
    """Compute the effects of all source positions on all outputs, of a `Copying`."""
    source, places = subject.batch.source[:SEQUENCES], places_of(subject.task)
    draw, others = stream(SEED, "occlusion", LENGTH), source.clone()
    for position in SOURCES:
        others[:, position] += torch.randint(1, SYMBOLS, (len(source),), generator=draw)
    others %= SYMBOLS
    losses = torch.zeros(SEQUENCES, len(places), LENGTH)
    slopes = torch.zeros_like(losses)
    for output, place in enumerate(places):
        looks_at = (place + shift) % LENGTH
        if looks_at < first_seen:
            continue
        is_right = source[:, looks_at] == source[:, place]
        stays_right = others[:, looks_at] == source[:, place]
        losses[:, output, looks_at] = MARGIN * (is_right.float() - stays_right.float())
        slopes[:, output, looks_at] = torch.where(is_right, SLOPE_WHERE_RIGHT, SLOPE_WHERE_WRONG)
    return {OCCLUSION: losses, GRADIENT: slopes}


def expected_influence(values, outputs, source, *, places):
    """Compute the columns of one row; one that is empty is NaN."""
    effect = values[:, outputs, source]
    is_copy = torch.tensor([places[output] == source for output in outputs])
    is_early = torch.tensor([output < source for output in outputs])
    return (
        effect.mean().item(),
        effect[:, is_copy].mean().item() if is_copy.any() else math.nan,
        effect[:, is_early].abs().max().item() if is_early.any() else math.nan,
    )


def expected_numbers(subject):
    """Compute every number of influence and maps, by what it is of."""
    places = places_of(subject.task)
    shown = spread_positions(len(places), most=20).tolist()
    influence, maps = {}, {}
    for stage, shift, first_seen in ((INITIAL, 1, FIRST_SEEN), (TRAINED, 0, 0)):
        effects = known_effects(subject, shift=shift, first_seen=first_seen)
        for source in SOURCES:
            # Both vectors of the state have all the numbers of an item, times its position.
            norm = (source + 1) * math.sqrt(2 * HIDDEN) if source >= first_seen else 0.0
            influence[stage, CONTEXT, source] = (norm, math.nan, math.nan)
            for measure, outputs in ((OCCLUSION, range(len(places))), (GRADIENT, shown)):
                influence[stage, measure, source] = expected_influence(
                    effects[measure], list(outputs), source, places=places
                )
    for output in shown:
        for source in SOURCES:  # The effects are those of the trained model.
            is_place, is_next = source == places[output], source == (places[output] + 1) % LENGTH
            maps[TRUTH, output, source] = float(is_place)
            # Attention is that of four times as many sequences.
            maps[ATTENTION, output, source] = 0.25 * is_place + 0.75 * is_next
            for measure, values in effects.items():
                maps[measure, output, source] = fmean(values[:, output, source].tolist())
    return influence, maps


@pytest.mark.parametrize("task", [TASKS["copy"], DUPLICATE], ids=lambda task: task.name)
def test_rows_say_what_was_planted(task):
    subject = planted_subject(task)
    tables = tables_of(subject)
    influence, maps = expected_numbers(subject)
    assert len(tables[INFLUENCE]) == len(influence) == 2 * 3 * 20
    for row in tables[INFLUENCE]:
        columns = (row.effect, row.aligned_effect, row.largest_early_effect)
        found = [math.nan if value is None else value for value in columns]
        expected = influence[row.parameters, row.measure, row.source_item - 1]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)
        assert row.test_sequences == (8 if row.measure == CONTEXT else SEQUENCES)
    assert len(tables[MAPS]) == len(maps) == 4 * 20 * 20
    for row in tables[MAPS]:
        expected = maps[row.measure, row.output_item - 1, row.source_item - 1]
        assert row.value == pytest.approx(expected, rel=6e-4, abs=1e-6)  # It has four digits.
    (alignment,) = tables[ALIGNMENT]
    wrapped = 0.75 / LENGTH  # A place to the right of the last is the first.
    # A copy of the first item is also beside that of the last, if the source is answered twice.
    far = wrapped / 2 if task is DUPLICATE else wrapped
    found = dict(vars(alignment))
    accuracies = [found.pop(name) for name in [*found] if name.endswith("_accuracy")]
    assert len(accuracies) == 6
    assert None not in accuracies
    assert found == stage_columns(subject.row) | {
        "aligned_fraction": 0.25,
        "near_fraction": pytest.approx(1 - wrapped),
        "best_offset_items": 1.0,
        "best_offset_fraction": pytest.approx(0.75 - wrapped),
        "aligned_mass": 0.25,
        "near_mass": pytest.approx(1 - wrapped),
        "weight_entropy_bits": 0.0,
        "occlusion_agreement_fraction": 1.0,
        "rank_0_mass": 0.25,
        "near_rank_mass": pytest.approx(1 - far),
        "rank_4_mass": pytest.approx(1 - far),
        "test_sequences": 4 * SEQUENCES,
    }


def test_effects_on_copies_are_weighted_by_shares():
    """Equal items of sort share an output, so the effect on copies is a weighted mean."""
    subject, positions = untrained_subject("rnn", "sort", length=7), torch.arange(7)
    truth = subject.task.align(subject.batch.source)
    assert ((truth > 0) & (truth < 1)).any()
    values = torch.randn(6, 7, 7, generator=torch.Generator().manual_seed(8))
    effects = ItemMap(TRAINED, OCCLUSION, values, positions, positions)
    for source, row in enumerate(_effect_rows(subject, effects, truth)):
        share = truth[:6, :, source]
        expected = (values[..., source] * share).sum() / share.sum()
        assert row.aligned_effect == pytest.approx(expected.item(), rel=1e-5)


# Which rows there are.


def untrained_subject(model, task="copy", *, length=4):
    """Take another seed's parameters for trained ones."""
    row = row_of(model, task, length=length)
    trained = build(row_of(model, task, length=length, seed=4))
    return Subject(row, TASKS[task], trained, initial=build(row))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", [*MODELS, "tests.plugins.example:build"])
def test_every_model_has_its_rows_and_nothing_is_invented(name, task):
    """Each output, source and measure once; the plug-in says nothing of itself."""
    attends = name in MODELS and MODELS[name].attends
    has_context = name in RECURRENT and name != "rnn-aligned"
    tables, places = tables_of(untrained_subject(name, task)), [1, 2, 3, 4]
    expected = {ERRORS, POSITIONS, INFLUENCE, MAPS, *([ALIGNMENT] if attends else [])}
    # A model that reads no item of its answer cannot be fed a wrong one.
    assert set(tables) == expected | ({CORRUPTION} if name != "rnn-aligned" else set())
    for table, rows in tables.items():
        assert {type(row) for row in rows} == {PROBE_TABLES[table]}
        assert {(row.seed, row.train_length, row.length) for row in rows} == {(SEED, 4, 4)}
    assert [row.output_item for row in tables[POSITIONS]] == places
    assert all((row.weight_entropy_bits is not None) == attends for row in tables[POSITIONS])
    found = Counter((row.parameters, row.measure, row.source_item) for row in tables[INFLUENCE])
    measures = [OCCLUSION, GRADIENT, *([CONTEXT] if has_context else [])]
    assert found == Counter(product((INITIAL, TRAINED), measures, places))
    found = Counter((row.measure, row.output_item, row.source_item) for row in tables[MAPS])
    measures = [OCCLUSION, GRADIENT, TRUTH, *([ATTENTION] if attends else [])]
    assert found == Counter(product(measures, places, places))


def test_influence_and_maps_are_there_only_where_asked_for():
    """The sequences looked into are the first of those that are scored."""
    subject = untrained_subject("seq2seq+dot")
    tables = tables_of(subject, measures_influence=False)
    assert set(tables) == {ERRORS, POSITIONS, CORRUPTION, ALIGNMENT}
    assert tables[ALIGNMENT][0].occlusion_agreement_fraction is None
    assert MAPS not in tables_of(subject, keeps_maps=False)
    scored = answer_test_sequences(
        subject.trained, subject.task, length=4, symbols=SYMBOLS, seed=SEED
    )
    assert torch.equal(subject.batch.source[:64], scored.source)


def test_weights_are_those_of_the_first_sequence():
    """Every weight once, with the symbols on both sides; a model without attention has no row."""
    wanted = dict.fromkeys(("measures_influence", "keeps_maps", "asks_state"), False)
    subject = untrained_subject("seq2seq+dot", "sort")
    found, _ = completed(subject, {}, **wanted, keeps_weights=True)
    batch = subject.batch
    with torch.no_grad():
        weights = subject.trained.attention_weights(batch.source, batch.target_in)[0]

    places = product(range(4), range(4))
    for row, (output, source) in zip(found[WEIGHTS], places, strict=True):
        assert (row.output_item, row.source_item) == (output + 1, source + 1)
        assert row.source_symbol == batch.source[0, source]
        assert row.target_symbol == batch.target[0, output]
        assert row.weight == pytest.approx(weights[output, source].item(), rel=1e-3)
    tables, _ = completed(untrained_subject("seq2seq"), {}, **wanted, keeps_weights=True)
    assert tables[WEIGHTS] == ()
    assert WEIGHTS not in completed(subject, {}, **wanted, keeps_weights=False)[0]


def test_a_model_is_probed_without_its_regulariser():
    """Twice the same, and no global generator moves."""
    models = [Noisy(ModelConfig(symbols=SYMBOLS, hidden=HIDDEN)) for _ in range(2)]
    subject = Subject(row_of("rnn", length=2), TASKS["copy"], models[0], initial=models[1])
    state = torch.random.get_rng_state()
    assert tables_of(subject) == tables_of(subject)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_was_found_is_kept_and_only_what_is_missing_is_added(monkeypatch):
    monkeypatch.setattr("bench.probes.state.MOST_UPDATES", 2)
    subject = untrained_subject("seq2seq")
    wanted = {"measures_influence": False, "keeps_maps": False, "keeps_weights": False}
    first, unfit = completed(subject, {}, **wanted, asks_state=True)
    assert (set(first), unfit) == ({ERRORS, POSITIONS, CORRUPTION, STATE}, None)
    monkeypatch.setattr("bench.probes.worker.state_rows", None)
    again, _ = completed(subject, first, **wanted, asks_state=True)
    assert again == first
    more, _ = completed(subject, first, **wanted | {"measures_influence": True}, asks_state=False)
    assert set(more) == {*first, INFLUENCE}
    assert more[STATE] is first[STATE]


def test_a_model_without_a_state_says_so():
    wanted = dict.fromkeys(("measures_influence", "keeps_maps", "keeps_weights"), False)
    wanted["asks_state"] = True
    tables, unfit = completed(untrained_subject("rnn-aligned"), {}, **wanted)
    assert (tables[STATE], unfit) == ((), "it names no state")
