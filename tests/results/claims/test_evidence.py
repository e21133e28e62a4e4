"""The rows of the presets are those that the claims are judged by, and no others."""

import dataclasses

import pytest

from bench.cli.run_options import parse_request
from bench.plan.runs import plan_blocks
from results.claims.evidence import CHANNEL, select
from results.claims.measures import MEASURES
from results.errors import ResultsError
from tests.rows import (
    BETWEEN,
    claim_rows,
    context_rows,
    curve,
    evidence_of,
    frame_of,
    probes_of,
)


def planned_rows(*arguments):
    runs = plan_blocks(parse_request(arguments).blocks)
    return [row for run in runs for row in run.planned_rows()]


def test_the_preset_trains_rows_that_are_judged_and_shares_those_of_the_default_matrix():
    claims, default = planned_rows("--preset", "claims"), planned_rows("--seeds", "5")
    empty = evidence_of([])
    picked = select(frame_of(claims), empty.influence, empty.alignment).accuracy
    assert {*picked["record_id"]} == {row.record_id for row in claims}
    assert len(picked) == 850
    shared = {row.record_id for row in claims} & {row.record_id for row in default}
    wanted = {"seq2seq", "seq2seq+dot", "seq2seq+additive"}
    others = {(row.model, row.encoder, row.cell) for row in claims if row.record_id not in shared}
    assert others == {
        ("rnn-aligned", "bi", "lstm"),
        ("seq2seq+uniform", "bi", "lstm"),
        *(("seq2seq", "uni", cell) for cell in ("lstm", "gru", "tanh")),
    }
    assert len(shared) == 10 * 5 * (2 * len(wanted) + 1)


def test_the_preset_trains_what_every_measure_takes():
    planned = planned_rows("--preset", "claims", "--seeds", "1")
    keep = {(row.task, row.model, row.encoder, row.cell) for row in planned}
    rows = claim_rows(BETWEEN)
    world = [row for row in rows if (row.task, row.model, row.encoder, row.cell) in keep]
    evidence = evidence_of(world, [probe for row in world for probe in probes_of(BETWEEN, row)])
    for measure in MEASURES:
        if CHANNEL not in measure.name:
            assert {*measure.effects(evidence)["task"]} >= {*measure.tasks}, measure.name


SHARES = (1.0, 0.8, 0.6, 0.4, 0.2)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": 128},
        {"learning_rate": 0.002},
        {"budget_updates": 28000},
        {"protocol": "independent"},
        {"symbols": 64},
    ],
)
def test_rows_of_other_settings_are_left_out(change):
    rows, others = curve("seq2seq", SHARES), curve("seq2seq", SHARES[::-1], **change)
    extrapolated = dataclasses.replace(rows[-1], train_length=80, record_id="longer")
    probes = [context_rows(row, lambda j: 1.0, positions=(1,))[0] for row in (rows[0], others[0])]
    evidence = evidence_of([*rows, *others, extrapolated], probes)
    assert [*evidence.accuracy["normalised_accuracy"]] == [*SHARES]
    assert [*evidence.influence["config_id"]] == [rows[0].config_id]
    assert [*evidence.influence["cell"]] == ["lstm"]


def test_seeds_are_compared_at_lengths_that_all_of_them_have():
    short = curve("seq2seq", SHARES[:3], seed=1)
    other = curve("seq2seq+dot", SHARES)
    found = evidence_of([*curve("seq2seq", SHARES), *short, *other]).accuracy
    assert found.groupby("model")["length"].max().to_dict() == {"seq2seq": 40, "seq2seq+dot": 160}


def test_two_rows_of_one_seed_and_length_are_refused():
    rows = curve("seq2seq", SHARES)
    twice = [dataclasses.replace(row, config_id="newer") for row in rows]
    with pytest.raises(ResultsError, match="several rows of one length"):
        evidence_of([*rows, *twice])
