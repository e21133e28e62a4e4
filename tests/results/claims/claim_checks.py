"""What the tests of the claims share: effects by seed, known curves, twins of the tables."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from results.claims import effects as claim_effects
from results.claims.effects import (
    Effects,
    Evidence,
)
from results.schema.probe_rows import ProbeRow
from results.schema.rows import AccuracyRow
from tests.results.claims.claim_rows import (
    evidence_of,
    scored_row,
)

DOT, ADDITIVE, UNIFORM, PLAIN = "seq2seq+dot", "seq2seq+additive", "seq2seq+uniform", "seq2seq"
ALIGNED = "rnn-aligned"
NAN = math.nan
AT_20 = (1.0, 0.5, 0.3, 0.2, 0.1)
AT_80 = (1.0, 1.0, 0.9, 0.5, 0.1)
ALWAYS = (1.0, 1.0, 1.0, 1.0, 0.9)
NEVER = (0.4, 0.3, 0.2, 0.1, 0.1)


def found(effects: Effects, evidence: Evidence) -> dict[tuple[str, int], float]:
    table = effects(evidence)
    assert list(table.columns) == ["task", "seed", "effect"]
    return {(row.task, row.seed): float(row.effect) for row in table.itertuples()}


def one(effects: Effects, rows: Sequence[AccuracyRow], probes: Sequence[ProbeRow] = ()) -> float:
    effect = list(found(effects, evidence_of(rows, probes)).values())
    assert len(effect) == 1
    return effect[0]


# One score for each length; None is a length that failed.
Curve = tuple[float | None, ...]


def changed(effects: Effects, change: Callable[[Any], Any]) -> Effects:
    def twin(evidence: Evidence) -> pd.DataFrame:
        table = effects(evidence)
        return table.assign(effect=change(table["effect"].astype("float64")))

    return twin


def without_unknown(effects: Effects) -> Effects:
    return lambda evidence: effects(evidence).dropna(subset="effect")


def stage(model: str, *, length: int = 160, **changes: Any) -> AccuracyRow:
    return scored_row(model, length, 0.5, **changes)


PARTIAL = (1.0, 1.0, 1.0, 1.0, None)
Wide = Callable[..., pd.DataFrame]


def finished_lengths_alone(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    return WIDE(evidence, score, *models).dropna()


def lengths_of_any_model(evidence: Evidence, score: str, *models: str) -> pd.DataFrame:
    frame = evidence.accuracy
    rows = frame[frame["model"].isin(models)]
    return rows.pivot(index=["task", "seed", "length"], columns="model", values=score)


WIDE: Wide = claim_effects._wide
LENGTH = 40
