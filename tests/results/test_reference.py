"""The committed results keep the laws that hold for any results of these models."""

import numpy as np
import pytest

from results.claims.effects import ALIGNED, PLAIN
from results.schema.probe_rows import CONTEXT, GRADIENT, OCCLUSION
from results.schema.rows import OK
from results.store.csv_files import INFLUENCE, MAPS
from results.tables import REFERENCE, read_accuracy, read_probes

CLAIMS = REFERENCE / "claims"


def test_no_answer_at_once_is_above_its_causal_ceiling() -> None:
    rows = read_accuracy(CLAIMS)
    rows = rows[(rows["model"] == ALIGNED) & (rows["status"] == OK)]
    assert len(rows) >= 150
    ceiling = rows["causal_ceiling_accuracy"].astype(float)
    items = (rows["test_sequences"] * rows["length"]).astype(float)
    error = np.sqrt(ceiling * (1 - ceiling) / items)
    assert (rows["token_accuracy"] <= ceiling + 3.0 * error).all()


@pytest.mark.parametrize(("model", "is_causal"), [(ALIGNED, True), (PLAIN, False)])
def test_what_answers_at_once_has_exact_zeros_from_later(model: str, is_causal: bool) -> None:
    influence = read_probes(CLAIMS, INFLUENCE)
    rows = influence[(influence["model"] == model) & (influence["measure"] != CONTEXT)]
    rows = rows[rows["source_item"] > 1]  # No output is before the first.
    maps = read_probes(CLAIMS, MAPS)
    points = maps[(maps["model"] == model) & maps["measure"].isin([OCCLUSION, GRADIENT])]
    early = points[points["source_item"] > points["output_item"]]
    assert min(len(rows), len(early)) > 2_000
    assert (rows["largest_early_effect"] == 0).all() == is_causal
    assert (early["value"] == 0).all() == is_causal
    assert (points["value"] != 0).any()


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        *((".", 3), ("claims", 5), ("capacity", 5), ("extrapolation", 3)),
        *(("budget-x4", 1), ("budget-x4-32", 1)),
    ],
)
def test_published_plans_are_complete(name: str, seeds: int) -> None:
    rows = read_accuracy(REFERENCE / name)
    assert (rows["status"] == OK).all()
    assert rows["seed"].nunique() == seeds
    assert (rows.groupby("config_id")["seed"].nunique() == seeds).all()
