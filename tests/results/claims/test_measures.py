import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from results.claims.evidence import Evidence
from results.claims.measures import CLAIMS, MEASURES, Measure
from results.claims.verdicts import ABSENT, HOLDS, SMALLER, Case, judge
from results.schema.columns import columns_of
from results.schema.rows import AccuracyRow
from results.store.csv_files import ROW_TYPES
from tests.rows import (
    BETWEEN,
    HOLDING,
    OPPOSITE,
    World,
    claim_rows,
    evidence_of,
    probes_of,
    stopped,
)

PRIMARY = [measure for measure in MEASURES if measure.lines]
EACH = pytest.mark.parametrize("measure", PRIMARY, ids=lambda measure: measure.name)
LOST_SEED = 1


def evidence_with(rows: Sequence[AccuracyRow], world: World) -> Evidence:
    """Return the rows, and what the probes find of those that finished."""
    return evidence_of(rows, [probe for row in rows for probe in probes_of(world, row)])


@pytest.fixture(scope="module")
def worlds():
    verdicts = {HOLDS: HOLDING, SMALLER: BETWEEN, ABSENT: OPPOSITE}
    return {verdict: evidence_with(claim_rows(it), it) for verdict, it in verdicts.items()}


@EACH
def test_every_primary_measure_tells_three_worlds_apart(measure, worlds):
    none, asked = measure.lines
    for verdict, evidence in worlds.items():
        effects = measure.effects(evidence).groupby("task")["effect"]
        assert {*measure.tasks} <= {*effects.groups}
        for _, each in effects:
            (found,) = judge([Case([*each], none=none, asked=asked, is_ratio=measure.is_ratio)])
            assert found.verdict == verdict


def effects_without(model: str, become: Callable[..., Sequence[AccuracyRow]]) -> Evidence:
    """Return what holds, but for one seed of a model, with any encoder."""
    rows: list[AccuracyRow] = []
    for _, each in itertools.groupby(claim_rows(HOLDING), key=lambda row: row.run_id):
        run = [*each]
        is_lost = (run[0].model, run[0].seed) == (model, LOST_SEED)
        rows += become(run) if is_lost else run
    return evidence_with(rows, HOLDING)


def by_seed(measure: Measure, evidence: Evidence) -> dict[Any, float]:
    return measure.effects(evidence).set_index(["task", "seed"])["effect"].to_dict()


@pytest.mark.parametrize("model", HOLDING.curves)
def test_a_run_that_diverged_leaves_its_seed_unknown_and_one_not_begun_none(model, worlds):
    diverged = effects_without(model, stopped)
    not_begun = effects_without(model, lambda run: [])
    seen = 0
    for measure in MEASURES:
        known, unknown, left = (
            by_seed(measure, each) for each in (worlds[HOLDS], diverged, not_begun)
        )
        lost = {key for key in known if key[1] == LOST_SEED and key not in left}
        seen += bool(lost)
        wanted = known | dict.fromkeys(lost, math.nan)
        assert unknown == pytest.approx(wanted, nan_ok=True), measure.name
        wanted = {key: known[key] for key in known.keys() - lost}
        assert left == pytest.approx(wanted, nan_ok=True), measure.name
    assert seen


def test_every_claim_has_one_primary_measure_and_says_why_a_task_is_not_in_it():
    assert [measure.claim for measure in PRIMARY] == [*CLAIMS]
    names = [(measure.claim, measure.name) for measure in MEASURES]
    assert len({*names}) == len(names)
    for claim, measure in zip(CLAIMS.values(), PRIMARY, strict=True):
        assert measure.tasks == claim.tasks
        told = " and ".join((*claim.tasks, *claim.out_of_scope)).split(" and ")
        assert sorted(told) == ["copy", "reverse", "sort"]
    columns = {item.name for row_type in ROW_TYPES.values() for item in columns_of(row_type)}
    for measure in MEASURES:
        assert measure.rows.split(",")[0].split(":")[0] in ROW_TYPES
        assert {*re.findall(r"[a-z]+(?:_[a-z\d]+)+", measure.rows)} <= columns, measure.name
