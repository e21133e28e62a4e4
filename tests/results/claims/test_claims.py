import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from results.claims.effects import (
    Effects,
    Evidence,
)
from results.claims.measures import CLAIMS, MEASURES, PROBE_COMMAND, TRAIN_COMMAND, Measure
from results.claims.verdicts import INCONCLUSIVE, NOT_MEASURED, REFUTED, SUPPORTED, judge
from results.schema.rows import OK, AccuracyRow
from tests.results.claims.claim_checks import DOT, NAN, PLAIN, UNIFORM, changed, without_unknown
from tests.results.claims.claim_rows import (
    FAILS,
    HOLDS,
    LENGTHS,
    World,
    evidence_of,
    probes_of,
    rows_in,
    stopped,
)


def evidence_with(rows: Sequence[AccuracyRow], world: World) -> Evidence:
    """Return the rows, and what the probes find of those that finished."""
    is_ok = [row for row in rows if row.status == OK]
    return evidence_of(rows, [probe for row in is_ok for probe in probes_of(world, row)])


def world_of(world: World) -> Evidence:
    return evidence_with(rows_in(world), world)


@pytest.fixture(scope="module")
def holding() -> Evidence:
    return world_of(HOLDS)


@pytest.fixture(scope="module")
def failing() -> Evidence:
    return world_of(FAILS)


def verdicts(measure: Measure, evidence: Evidence) -> set[str]:
    table = measure.effects(evidence)
    return {
        judge(
            rows["effect"].to_list(), threshold=measure.threshold, is_at_least=measure.is_at_least
        ).verdict
        for _, rows in table.groupby("task")
    } or {NOT_MEASURED}


def check_can_turn(measure: Measure, holding: Evidence, failing: Evidence) -> None:
    """Raise AssertionError unless the measure supports what holds and refutes what does not."""
    assert verdicts(measure, holding) == {SUPPORTED}
    assert verdicts(measure, failing) == {REFUTED}


EACH = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)


@EACH
def test_every_measure_can_support_and_refute(
    measure: Measure, holding: Evidence, failing: Evidence
) -> None:
    check_can_turn(measure, holding, failing)


@EACH
def test_a_measure_that_is_stuck_is_rejected(
    measure: Measure, holding: Evidence, failing: Evidence
) -> None:
    for stuck in (
        {"effects": lambda _: measure.effects(holding)},
        {"effects": lambda _: measure.effects(failing)},
        {"is_at_least": not measure.is_at_least},
        {"threshold": -np.inf},
        {"threshold": np.inf},
        {"effects": lambda evidence: measure.effects(evidence)[:0]},
        {"effects": changed(measure.effects, lambda effect: effect * NAN)},
    ):
        with pytest.raises(AssertionError):
            check_can_turn(dataclasses.replace(measure, **stuck), holding, failing)  # type: ignore[arg-type]


# A run, by model and encoder; what becomes of it in one of the seeds.
Run = tuple[str, str]
RUNS: tuple[Run, ...] = (*((model, "bi") for model in HOLDS.curves), (PLAIN, "uni"))
LOST_SEED = 1


def runs_of(measure: Measure) -> set[Run]:
    """Return the runs that a measure compares, from its name."""
    if measure.claim == "C3":
        (encoder,) = re.findall(r"encoder (\w+)", measure.name)
        return {(PLAIN, encoder)}
    if measure.claim == "C5":
        return {(PLAIN, "bi"), (UNIFORM, "bi"), (DOT, "bi")}
    return {
        (model, "bi")
        for model in HOLDS.curves
        if re.search(rf"(?<!\S){re.escape(model)}(?=[\s:,]|$)", measure.name)
    }


Lose = Callable[[Sequence[AccuracyRow]], Sequence[AccuracyRow]]


def world_without(run: Run, lose: Lose) -> Evidence:
    rows: list[AccuracyRow] = []
    for _, each in itertools.groupby(rows_in(HOLDS), key=lambda row: row.run_id):
        of_run = [*each]
        first = of_run[0]
        is_lost = (first.model, first.encoder, first.seed) == (*run, LOST_SEED)
        rows += lose(of_run) if is_lost else of_run
    return evidence_with(rows, HOLDS)


@pytest.fixture(scope="module")
def diverged() -> dict[Run, Evidence]:
    return {run: world_without(run, stopped) for run in RUNS}


@pytest.fixture(scope="module")
def not_begun() -> dict[Run, Evidence]:
    return {run: world_without(run, lambda rows: []) for run in RUNS}


def effects_of(measure: Measure, evidence: Evidence) -> dict[tuple[str, int], float]:
    table = measure.effects(evidence)[["task", "seed", "effect"]]
    assert not table.duplicated(["task", "seed"]).any()
    return {(task, seed): float(effect) for task, seed, effect in table.itertuples(index=False)}


def check_diverged(measure: Measure, holding: Evidence, diverged: dict[Run, Evidence]) -> None:
    """Raise AssertionError unless a run that diverged leaves its seed unknown, and no other."""
    known = effects_of(measure, holding)
    for run, evidence in diverged.items():
        is_used = run in runs_of(measure)
        effects = effects_of(measure, evidence)
        assert effects.keys() == known.keys()
        for (task, seed), effect in effects.items():
            is_unknown = is_used and seed == LOST_SEED
            expected = NAN if is_unknown else known[task, seed]
            assert effect == pytest.approx(expected, nan_ok=True), (run, task, seed)
        assert verdicts(measure, evidence) == {INCONCLUSIVE if is_used else SUPPORTED}


def check_not_begun(measure: Measure, holding: Evidence, not_begun: dict[Run, Evidence]) -> None:
    """Raise AssertionError unless a run that was not begun takes its seed out, and no other."""
    known = effects_of(measure, holding)
    for run, evidence in not_begun.items():
        lost = LOST_SEED if run in runs_of(measure) else None
        expected = {(task, seed): known[task, seed] for task, seed in known if seed != lost}
        assert effects_of(measure, evidence) == pytest.approx(expected), run


def with_every_seed(effects: Effects) -> Effects:
    """Return NaN for seeds that any model has rows of."""

    def twin(evidence: Evidence) -> pd.DataFrame:
        table = effects(evidence)
        names = itertools.product({*table["task"]}, {*evidence.accuracy["seed"]})
        every = pd.DataFrame(names, columns=["task", "seed"])
        return every.merge(table, how="left", on=["task", "seed"])

    return twin


def test_the_runs_of_a_measure_are_told_by_its_name() -> None:
    counts = [len(runs_of(measure)) for measure in MEASURES]
    assert counts == [2] * 6 + [1, 1, 2, 2] + [1] * 4 + [1] * 6 + [3] * 3
    assert set.union(*(runs_of(measure) for measure in MEASURES)) == {*RUNS}


@EACH
def test_a_seed_that_diverged_never_vanishes(
    measure: Measure, holding: Evidence, diverged: dict[Run, Evidence]
) -> None:
    check_diverged(measure, holding, diverged)
    for twin in (
        without_unknown(measure.effects),
        changed(measure.effects, lambda effect: effect.fillna(effect.mean())),
        changed(measure.effects, lambda effect: effect * (NAN if effect.isna().any() else 1)),
    ):
        with pytest.raises(AssertionError):
            check_diverged(dataclasses.replace(measure, effects=twin), holding, diverged)


@EACH
def test_a_seed_that_was_not_begun_is_left_out(
    measure: Measure, holding: Evidence, not_begun: dict[Run, Evidence]
) -> None:
    check_not_begun(measure, holding, not_begun)
    twin = dataclasses.replace(measure, effects=with_every_seed(measure.effects))
    with pytest.raises(AssertionError):
        check_not_begun(twin, holding, not_begun)


def check_all_diverged(measure: Measure, holding: Evidence) -> None:
    """Raise AssertionError unless what diverged in every seed was measured, and is unknown."""
    runs = itertools.groupby(rows_in(HOLDS), key=lambda row: row.run_id)
    evidence = evidence_of([row for _, rows in runs for row in stopped([*rows])])
    effects = effects_of(measure, evidence)
    assert effects.keys() == effects_of(measure, holding).keys()
    assert all(math.isnan(effect) for effect in effects.values())
    assert verdicts(measure, evidence) == {INCONCLUSIVE}


@pytest.mark.parametrize(
    "measure",
    [measure for measure in MEASURES if not measure.is_probed],
    ids=lambda measure: measure.name,
)
def test_what_diverged_in_every_seed_is_not_unmeasured(measure: Measure, holding: Evidence) -> None:
    check_all_diverged(measure, holding)
    for twin in (
        without_unknown(measure.effects),
        changed(measure.effects, lambda effect: effect.fillna(0.0)),
    ):
        with pytest.raises(AssertionError):
            check_all_diverged(dataclasses.replace(measure, effects=twin), holding)


def check_names(measures: Sequence[Measure]) -> None:
    names = [(measure.claim, measure.name) for measure in measures]
    assert len({*names}) == len(names)
    assert [*dict.fromkeys(measure.claim for measure in measures)] == [*CLAIMS]


def test_every_claim_has_measures_with_names_of_their_own() -> None:
    check_names(MEASURES)
    for twin in (MEASURES[1:6] * 2, MEASURES[6:], MEASURES[::-1], (*MEASURES, MEASURES[0])):
        with pytest.raises(AssertionError):
            check_names(twin)


FOLDER = "results/some"


def check_command(measure: Measure, holding: Evidence) -> None:
    """Raise AssertionError unless the command named would bring the rows that are missing."""
    nothing = evidence_of([])
    assert measure.command(nothing, FOLDER) == TRAIN_COMMAND
    trained = dataclasses.replace(nothing, accuracy=holding.accuracy)
    command = f"{PROBE_COMMAND} --results {FOLDER} --lengths {max(LENGTHS)}"
    is_measured = not measure.effects(trained).empty
    assert measure.command(trained, FOLDER) == (TRAIN_COMMAND if is_measured else command)
    for column, kept in (("model", measure.models), ("task", measure.tasks)):
        for name in kept:
            # Probes find nothing in a model that was not trained.
            accuracy = holding.accuracy[holding.accuracy[column] != name]
            less = dataclasses.replace(holding, accuracy=accuracy)
            assert measure.command(less, FOLDER) == TRAIN_COMMAND
    only = holding.accuracy[holding.accuracy["encoder"] == measure.encoder]
    assert measure.command(dataclasses.replace(nothing, accuracy=only), FOLDER) == (
        TRAIN_COMMAND if is_measured else command
    )


@EACH
def test_the_command_named_brings_the_rows_that_are_needed(
    measure: Measure, holding: Evidence
) -> None:
    check_command(measure, holding)
    for twin in (
        {"is_probed": not measure.is_probed},
        {"models": (*measure.models, "seq2seq+none")},
        {"encoder": "other"},
    ):
        if measure.is_probed or "is_probed" in twin:
            with pytest.raises(AssertionError):
                check_command(dataclasses.replace(measure, **twin), holding)


def check_models(measure: Measure, holding: Evidence) -> None:
    """Raise AssertionError unless a measure takes the models, encoder and tasks that it names."""
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


@EACH
def test_the_models_named_are_those_taken(measure: Measure, holding: Evidence) -> None:
    check_models(measure, holding)
    with pytest.raises(AssertionError):
        check_models(dataclasses.replace(measure, models=("rnn",)), holding)
