"""The committed results keep the laws that hold for any results of these models."""

import numpy as np
import pandas as pd
import pytest

from results.claims.effects import ALIGNED, PLAIN
from results.schema.probe_rows import CONTEXT, GRADIENT, OCCLUSION
from results.schema.rows import OK
from results.store.csv_files import INFLUENCE, MAPS
from results.tables import REFERENCE, read_accuracy, read_probes

CLAIMS = REFERENCE / "claims"
LEAST_ROWS = 150
MOST_ERRORS = 3.0


def check_ceiling(rows: pd.DataFrame) -> None:
    """Raise AssertionError unless no row is above its causal ceiling by more than chance."""
    assert len(rows) >= LEAST_ROWS
    ceiling = rows["causal_ceiling_accuracy"].astype(float)
    items = (rows["test_sequences"] * rows["length"]).astype(float)
    error = np.sqrt(ceiling * (1 - ceiling) / items)
    assert (rows["token_accuracy"] <= ceiling + MOST_ERRORS * error).all()


def test_no_answer_at_once_is_above_its_causal_ceiling() -> None:
    rows = read_accuracy(CLAIMS)
    rows = rows[(rows["model"] == ALIGNED) & (rows["status"] == OK)]
    check_ceiling(rows)
    # As if one row had seen what comes later.
    seen = rows.assign(token_accuracy=rows["token_accuracy"].where(rows["task"] != "reverse", 0.9))
    for twin in (seen, rows[:-1]):
        with pytest.raises(AssertionError):
            check_ceiling(twin)


def check_nothing_from_later(model: str) -> None:
    """Raise AssertionError unless no input of a model moves an earlier output at all."""
    influence = read_probes(CLAIMS, INFLUENCE)
    rows = influence[(influence["model"] == model) & (influence["measure"] != CONTEXT)]
    rows = rows[rows["source_item"] > 1]  # No output is before the first.
    assert len(rows) > 2_000
    assert (rows["largest_early_effect"] == 0).all()
    maps = read_probes(CLAIMS, MAPS)
    cells = maps[(maps["model"] == model) & maps["measure"].isin([OCCLUSION, GRADIENT])]
    early = cells[cells["source_item"] > cells["output_item"]]
    assert len(early) > 2_000
    assert (early["value"] == 0).all()
    assert (cells["value"] != 0).any()


def test_what_answers_at_once_has_an_upper_triangle_of_exact_zeros() -> None:
    check_nothing_from_later(ALIGNED)
    with pytest.raises(AssertionError):
        check_nothing_from_later(PLAIN)


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        (".", 3),
        ("claims", 5),
        ("capacity", 5),
        ("extrapolation", 3),
        ("budget-x4", 1),
        ("budget-x4-32", 1),
    ],
)
def test_published_plans_are_complete(name: str, seeds: int) -> None:
    rows = read_accuracy(REFERENCE / name)
    assert (rows["status"] == OK).all()
    assert rows["seed"].nunique() == seeds
    assert (rows.groupby("config_id")["seed"].nunique() == seeds).all()
