import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from results.claims.effects import Evidence
from results.claims.measures import CLAIMS, MEASURES, TRAIN_COMMAND, Measure
from results.claims.verdicts import REFUTED, SUPPORTED, judge
from results.schema.rows import AccuracyRow
from results.store.csv_files import ROW_TYPES
from tests.rows import (
    CLAIM_LENGTHS,
    FAILS,
    HOLDS,
    World,
    claim_rows,
    evidence_of,
    probes_of,
    stopped,
)

EACH = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
LOST_SEED = 1


def evidence_with(rows: Sequence[AccuracyRow], world: World) -> Evidence:
    """Return the rows, and what the probes find of those that finished."""
    return evidence_of(rows, [probe for row in rows for probe in probes_of(world, row)])


@pytest.fixture(scope="module")
def holding():
    return evidence_with(claim_rows(HOLDS), HOLDS)


@pytest.fixture(scope="module")
def failing():
    return evidence_with(claim_rows(FAILS), FAILS)


def verdicts(measure: Measure, evidence: Evidence) -> set[str]:
    rule = {"threshold": measure.threshold, "is_at_least": measure.is_at_least}
    tasks = measure.effects(evidence).groupby("task")["effect"]
    return {judge(effects.to_list(), **rule).verdict for _, effects in tasks}


@EACH
def test_every_measure_supports_what_holds_and_refutes_what_does_not(measure, holding, failing):
    assert verdicts(measure, holding) == {SUPPORTED}
    assert verdicts(measure, failing) == {REFUTED}


@EACH
def test_a_measure_takes_the_models_encoder_and_tasks_that_it_names(measure, holding):
    for column, names in (
        ("model", measure.models),
        ("encoder", (measure.encoder,)),
        ("task", measure.tasks),
    ):
        for name in names:
            parts = {
                table: rows[rows[column] != name]
                for table in ("accuracy", "influence", "alignment")
                if column in (rows := getattr(holding, table))
            }
            assert measure.effects(dataclasses.replace(holding, **parts)).empty


def effects_without(model: str, become: Callable[..., Sequence[AccuracyRow]]) -> Evidence:
    """Return what holds, but for one seed of a model with the two-way encoder."""
    rows: list[AccuracyRow] = []
    for _, each in itertools.groupby(claim_rows(HOLDS), key=lambda row: row.run_id):
        run = [*each]
        is_lost = (run[0].model, run[0].encoder, run[0].seed) == (model, "bi", LOST_SEED)
        rows += become(run) if is_lost else run
    return evidence_with(rows, HOLDS)


def by_seed(measure: Measure, evidence: Evidence) -> dict[Any, float]:
    return measure.effects(evidence).set_index(["task", "seed"])["effect"].to_dict()


@pytest.mark.parametrize("model", HOLDS.curves)
def test_a_run_that_diverged_leaves_its_seed_unknown_and_one_not_begun_none(model, holding):
    diverged = effects_without(model, stopped)
    not_begun = effects_without(model, lambda run: [])
    for measure in MEASURES:
        known, unknown, left = (by_seed(measure, each) for each in (holding, diverged, not_begun))
        is_used = model in measure.models and measure.encoder == "bi"
        lost = {key for key in known if key[1] == LOST_SEED and is_used}
        wanted = known | dict.fromkeys(lost, math.nan)
        assert unknown == pytest.approx(wanted, nan_ok=True), measure.name
        wanted = {key: known[key] for key in known.keys() - lost}
        assert left == pytest.approx(wanted), measure.name


@EACH
def test_the_command_named_brings_the_rows_that_are_missing(measure, holding):
    nothing = evidence_of([])
    assert measure.command(nothing, Path("some")) == TRAIN_COMMAND
    probe = f"python -m bench.probe --results some --lengths {max(CLAIM_LENGTHS)}"
    trained = dataclasses.replace(nothing, accuracy=holding.accuracy)
    is_measured = not measure.effects(trained).empty
    assert measure.command(trained, Path("some")) == (TRAIN_COMMAND if is_measured else probe)
    # Probes find nothing in a model that was not trained.
    for column, needed in (("model", measure.models), ("task", measure.tasks)):
        for name in needed:
            accuracy = holding.accuracy[holding.accuracy[column] != name]
            less = dataclasses.replace(holding, accuracy=accuracy)
            assert measure.command(less, Path("some")) == TRAIN_COMMAND


def test_every_claim_has_measures_with_names_and_columns_of_their_own():
    names = [(measure.claim, measure.name) for measure in MEASURES]
    assert len({*names}) == len(names)
    assert [*dict.fromkeys(measure.claim for measure in MEASURES)] == [*CLAIMS]
    for measure in MEASURES:
        row_type = ROW_TYPES[measure.rows.split(",")[0]]
        columns = {field.name for field in dataclasses.fields(row_type)}
        text = re.sub(r"results/\S+", "", measure.rows)
        assert {*re.findall(r"[a-z]+(?:_[a-z]+)+", text)} <= columns, measure.name
