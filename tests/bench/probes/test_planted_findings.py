"""Rows of influence, maps and alignment of models that were planted so that every number is known.

Sources are longer than the positions that are looked at, and what is trained differs in every
measure from what it began as: rows of other positions, stages or sequences have other numbers.
"""

import io
import json
import math
import tempfile
from dataclasses import replace
from statistics import fmean

import pytest
import torch

from bench.plan.recipe import Recipe
from bench.plan.versions import PROBE_VERSION
from bench.probes import rows as findings_module
from bench.probes import worker as probing
from bench.probes.influence import spread_positions
from bench.probes.rows import Subject, findings
from bench.training.checkpoints import Checkpoints
from bench.training.seeding import seeded_initialisation, stream
from bench.training.train import StageOutcome, Trajectory, Validation, build_optimizer
from models.config import ModelConfig
from results.schema.columns import to_json
from results.schema.probe_rows import (
    ATTENTION,
    CONTEXT,
    GRADIENT,
    INITIAL,
    OCCLUSION,
    TRAINED,
    TRUTH,
)
from results.store.csv_files import ALIGNMENT, INFLUENCE, MAPS
from results.store.probes import ProbeStore, stage_columns
from tasks import TASKS
from tests.plugins.planted import Blind, CarryingEncoder, Copying, NotYetCopying, RightAtFirst
from tests.rows import accuracy_row
from tests.tasks.duplicate import DUPLICATE

LENGTH, SYMBOLS, HIDDEN, SEED = 25, 5, 8, 3
FIRST_SEEN = LENGTH // 2  # By the initial model, which is blind to what stands before.
SEQUENCES = 32  # That influence is measured on, of the 128 of alignment.
CONFIG = ModelConfig(symbols=SYMBOLS, hidden=HIDDEN)
TOLERANCES = {INFLUENCE: 1e-5, MAPS: 6e-4, ALIGNMENT: 1e-5}  # Maps have four digits.
KNOWN_TASKS = {"copy": TASKS["copy"], "duplicate": DUPLICATE}

# Logits of `Copying` are 5 tanh(2 x): of the item that it looks at 5 tanh(2), of any other 0.
MARGIN = 5 * math.tanh(2)
STEEP, FLAT = 10.0, 10 * (1 - math.tanh(2) ** 2)
# Where it is right, the others are equally large and share the slope among them.
SLOPE_WHERE_RIGHT = math.hypot(FLAT, STEEP / math.sqrt(SYMBOLS - 1))
SLOPE_WHERE_WRONG = math.hypot(FLAT, STEEP)


@pytest.fixture(autouse=True)
def few_test_sequences(monkeypatch):
    monkeypatch.setattr("bench.training.evaluate.TEST_SEQUENCES", 160)


def planted_subject(task):
    """Trained: copies. Initial: looks a place to the right, and sees the second half only."""
    with seeded_initialisation(SEED):
        trained = RightAtFirst(CONFIG, task=task, sequences=SEQUENCES)
        initial = Copying(CONFIG, task=task, shift=1)
    for model in (trained, initial):
        model.encoder = CarryingEncoder(CONFIG)
    initial.encoder.embedding = Blind(initial.encoder.embedding, share=0.5)
    row = accuracy_row(
        task=task.name,
        seed=SEED,
        length=LENGTH,
        train_length=LENGTH,
        symbols=SYMBOLS,
        hidden=HIDDEN,
    )
    return Subject(row, task, trained, initial=initial)


def found(subject):
    return findings(subject, measures_influence=True, keeps_maps=True)


# What is known of the planted models.


def places_of(task):
    """Return the source position of each output."""
    return list(range(LENGTH)) * (2 if task is DUPLICATE else 1)


def occluded_items(source, sources):
    """Return what is put in the place of each source item that is looked at."""
    draw, others = stream(SEED, "occlusion", LENGTH), source.clone()
    for position in sources:
        others[:, position] += torch.randint(1, SYMBOLS, (len(source),), generator=draw)
    return others % SYMBOLS


def known_effects(subject, *, shift, first_seen, sources):
    """Return the effects of all source positions on all outputs, of a `Copying`."""
    source, places = subject.batch.source[:SEQUENCES], places_of(subject.task)
    others = occluded_items(source, sources)
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
    """Return the columns of one row; one that is empty is left out."""
    effect = values[:, outputs, source]
    is_copy = torch.tensor([places[output] == source for output in outputs])
    is_early = torch.tensor([output < source for output in outputs])
    columns = {"effect": effect.mean().item()}
    if is_copy.any():
        columns["aligned_effect"] = effect[:, is_copy].mean().item()
    if is_early.any():
        columns["largest_early_effect"] = effect[:, is_early].abs().max().item()
    return columns


def expected_cell(effects, output, source, *, place):
    """Return the cell of every map; attention is that of four times as many sequences."""
    is_place, is_next = source == place, source == (place + 1) % LENGTH
    return {
        **{
            measure: fmean(values[:, output, source].tolist())
            for measure, values in effects.items()
        },
        ATTENTION: 0.25 * is_place + 0.75 * is_next,
        TRUTH: float(is_place),
    }


def expected_alignment():
    wrapped = 0.75 / LENGTH  # A place to the right of the last is the first.
    return {
        "aligned_fraction": 0.25,
        "near_fraction": 1 - wrapped,
        "best_offset_items": 1.0,
        "best_offset_fraction": 0.75 - wrapped,
        "aligned_mass": 0.25,
        "near_mass": 1 - wrapped,
        "weight_entropy_bits": 0.0,
        "occlusion_agreement_fraction": 1.0,
        "test_sequences": 4 * SEQUENCES,
    }


def expected_numbers(subject):
    """Return every number of the three tables, by what it is of."""
    places = places_of(subject.task)
    sources, shown = (spread_positions(size, most=20).tolist() for size in (LENGTH, len(places)))
    measured = {OCCLUSION: list(range(len(places))), GRADIENT: shown}
    influence, maps = {}, {}
    for stage, shift, first_seen in ((INITIAL, 1, FIRST_SEEN), (TRAINED, 0, 0)):
        effects = known_effects(subject, shift=shift, first_seen=first_seen, sources=sources)
        for source in sources:
            # Both vectors of the state hold all the numbers of an item, times its position.
            norm = (source + 1) * math.sqrt(2 * HIDDEN) if source >= first_seen else 0.0
            influence[stage, CONTEXT, source, "effect"] = norm
            for measure, values in effects.items():
                row = expected_influence(values, measured[measure], source, places=places)
                influence |= {(stage, measure, source, name): row[name] for name in row}
    for output in shown:
        for source in sources:  # The effects are those of the last stage, the trained one.
            cell = expected_cell(effects, output, source, place=places[output])
            maps |= {(measure, output, source): cell[measure] for measure in cell}
    return {INFLUENCE: influence, MAPS: maps, ALIGNMENT: expected_alignment()}


def numbers_of(tables):
    (alignment,) = tables[ALIGNMENT]
    columns = ("effect", "aligned_effect", "largest_early_effect")
    return {
        INFLUENCE: {
            (row.parameters, row.measure, row.source_item - 1, name): getattr(row, name)
            for row in tables[INFLUENCE]
            for name in columns
            if getattr(row, name) is not None
        },
        MAPS: {
            (row.measure, row.output_item - 1, row.source_item - 1): row.value
            for row in tables[MAPS]
        },
        ALIGNMENT: {
            name: value
            for name, value in vars(alignment).items()
            if name not in stage_columns(alignment)
        },
    }


def tables_that_differ(subject):
    """Return the tables that say anything else than what was planted."""
    numbers, expected = numbers_of(found(subject)), expected_numbers(subject)
    return {
        name
        for name in expected
        if numbers[name] != pytest.approx(expected[name], rel=TOLERANCES[name], abs=1e-6)
    }


@pytest.mark.parametrize("name", KNOWN_TASKS)
def test_rows_say_what_was_planted(name):
    subject = planted_subject(KNOWN_TASKS[name])
    assert tables_that_differ(subject) == set()
    # Each number once: one that stands twice would hide another.
    tables = found(subject)
    assert len(tables[INFLUENCE]) == 2 * 3 * 20
    assert len(tables[MAPS]) == 4 * 20 * 20


# Twins: each takes one thing for another, and says in which tables it has to be seen.

REAL = {
    name: getattr(findings_module, name)
    for name in (
        "_agreement",
        "_weights",
        "alignment_columns",
        "context_norms",
        "margin_gradients",
        "measured_effects",
        "occlusion_effects",
    )
}


def weights_of_the_initial_model(subject):
    return REAL["_weights"](replace(subject, trained=subject.initial))


def truth_from_right_to_left(weights, truth):
    return REAL["alignment_columns"](weights, truth.flip(1))


def agreement_of_the_initial_model(weights, effects):
    other = {INITIAL: TRAINED, TRAINED: INITIAL}
    swapped = [replace(each, parameters=other[each.parameters]) for each in effects]
    return REAL["_agreement"](weights, swapped)


def agreement_of_the_last_sequences(weights, effects):
    return REAL["_agreement"](weights.roll(SEQUENCES, 0), effects)


def effects_of_the_trained_model_twice(subject):
    return REAL["measured_effects"](replace(subject, initial=subject.trained))


def effects_of_the_initial_model_twice(subject):
    return REAL["measured_effects"](replace(subject, trained=subject.initial))


def swapped_stages(measure):
    def effects(subject):
        other = {INITIAL: TRAINED, TRAINED: INITIAL}
        for each in REAL["measured_effects"](subject):
            is_swapped = each.measure == measure
            yield replace(each, parameters=other[each.parameters]) if is_swapped else each

    return effects


def occlusion_of_the_first_positions(model, batch, positions, *, generator):
    return REAL["occlusion_effects"](
        model, batch, torch.arange(len(positions)), generator=generator
    )


def gradients_of_the_first_sources(model, batch, outputs):
    slopes = REAL["margin_gradients"](model, batch, outputs)
    sources = spread_positions(LENGTH, most=20)
    slopes[..., sources] = slopes[..., : len(sources)].clone()
    return slopes


def gradients_of_the_first_outputs(model, batch, outputs):
    return REAL["margin_gradients"](model, batch, torch.arange(len(outputs)))


def context_of_the_first_positions(model, batch):
    norms = REAL["context_norms"](model, batch)
    sources = spread_positions(LENGTH, most=20)
    norms[:, sources] = norms[:, : len(sources)].clone()
    return norms


@pytest.mark.parametrize("task", KNOWN_TASKS)
@pytest.mark.parametrize(
    ("replaced", "broken", "tables"),
    [
        ("_weights", weights_of_the_initial_model, {ALIGNMENT, MAPS}),
        ("alignment_columns", truth_from_right_to_left, {ALIGNMENT}),
        ("_agreement", agreement_of_the_initial_model, {ALIGNMENT}),
        ("_agreement", agreement_of_the_last_sequences, {ALIGNMENT}),
        ("measured_effects", effects_of_the_trained_model_twice, {INFLUENCE}),
        ("measured_effects", effects_of_the_initial_model_twice, {ALIGNMENT, INFLUENCE, MAPS}),
        ("measured_effects", swapped_stages(OCCLUSION), {ALIGNMENT, INFLUENCE, MAPS}),
        ("measured_effects", swapped_stages(GRADIENT), {INFLUENCE, MAPS}),
        ("occlusion_effects", occlusion_of_the_first_positions, {ALIGNMENT, INFLUENCE, MAPS}),
        ("margin_gradients", gradients_of_the_first_sources, {INFLUENCE, MAPS}),
        ("margin_gradients", gradients_of_the_first_outputs, {INFLUENCE, MAPS}),
        ("context_norms", context_of_the_first_positions, {INFLUENCE}),
    ],
)
def test_rows_of_something_else_are_seen(monkeypatch, task, replaced, broken, tables):
    monkeypatch.setattr(findings_module, replaced, broken)
    assert tables_that_differ(planted_subject(KNOWN_TASKS[task])) == tables


# From a checkpoint.


def probe_of_a_checkpoint(root):
    """Probe a model that reads nothing out at first, and whose checkpoint copies."""
    row = accuracy_row(
        model=f"{NotYetCopying.__module__}:{NotYetCopying.__name__}",
        length=LENGTH,
        train_length=LENGTH,
        symbols=SYMBOLS,
        hidden=HIDDEN,
    )
    trained = Copying(CONFIG, task=TASKS["copy"])
    Checkpoints(root).save(
        row.stage_id,
        Trajectory(trained, build_optimizer(trained, Recipe())),
        StageOutcome("solved", 1, 1, 0.1, Validation(0.0, 1.0, 1.0)),
    )
    record = {"row": to_json(row), "measures_influence": True, "keeps_maps": False}
    order = json.dumps({"out": str(root), "records": [record]})
    with tempfile.TemporaryFile("w+") as events, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO(f"{order}\n"))
        assert probing.main(events) == 0
    return ProbeStore(root, version=PROBE_VERSION).read(row.record_id).tables


def check_stages(root):
    """Nothing moves what reads nothing out; each copy hangs on its item in the checkpoint."""
    rows = probe_of_a_checkpoint(root)[INFLUENCE]
    effects = {
        (stage, measure): [
            row.aligned_effect for row in rows if (row.parameters, row.measure) == (stage, measure)
        ]
        for stage in (INITIAL, TRAINED)
        for measure in (OCCLUSION, GRADIENT)
    }
    assert effects[INITIAL, OCCLUSION] == effects[INITIAL, GRADIENT] == [0.0] * 20
    assert effects[TRAINED, OCCLUSION] == pytest.approx([MARGIN] * 20)
    assert effects[TRAINED, GRADIENT] == pytest.approx([SLOPE_WHERE_RIGHT] * 20)


def test_checkpoint_is_the_trained_model_and_the_built_one_the_initial(tmp_path):
    check_stages(tmp_path)


def trained_twice(row, task, trained, *, initial):
    return Subject(row, task, trained, initial=trained)


def initial_twice(row, task, trained, *, initial):
    return Subject(row, task, initial, initial=initial)


def swapped(row, task, trained, *, initial):
    return Subject(row, task, initial, initial=trained)


@pytest.mark.parametrize("broken", [trained_twice, initial_twice, swapped])
def test_other_stages_of_a_checkpoint_are_rejected(tmp_path, monkeypatch, broken):
    monkeypatch.setattr(probing, "Subject", broken)
    with pytest.raises(AssertionError):
        check_stages(tmp_path)


def test_checkpoint_that_is_not_loaded_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "load_weights", lambda *_: object())
    with pytest.raises(AssertionError):
        check_stages(tmp_path)
