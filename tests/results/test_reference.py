"""The committed results keep the laws that hold for any results of these models."""

import re
import shlex

import numpy as np
import pytest

from bench.cli.run_options import parse_request
from bench.plan.recipe import RECIPE_VERSION
from bench.plan.runs import plan_blocks
from results.claims.effects import ALIGNED, PLAIN
from results.schema.probe_rows import CONTEXT, GRADIENT, OCCLUSION
from results.schema.rows import OK
from results.store.csv_files import INFLUENCE, MAPS
from results.tables import REFERENCE, read_accuracy, read_probes

CLAIMS = REFERENCE / "claims"


def test_no_answer_at_once_is_above_its_causal_ceiling():
    rows = read_accuracy(CLAIMS)
    rows = rows[(rows["model"] == ALIGNED) & (rows["status"] == OK)]
    assert len(rows) == 100
    ceiling = rows["causal_ceiling_accuracy"].astype(float)
    items = (rows["test_sequences"] * rows["length"]).astype(float)
    error = np.sqrt(ceiling * (1 - ceiling) / items)
    assert (rows["token_accuracy"] <= ceiling + 3.0 * error).all()


@pytest.mark.parametrize(("model", "is_causal"), [(ALIGNED, True), (PLAIN, False)])
def test_what_answers_at_once_has_exact_zeros_from_later(model, is_causal):
    influence = read_probes(CLAIMS, INFLUENCE)
    rows = influence[(influence["model"] == model) & (influence["measure"] != CONTEXT)]
    rows = rows[rows["source_item"] > 1]  # No output is before the first.
    maps = read_probes(CLAIMS, MAPS)
    points = maps[(maps["model"] == model) & maps["measure"].isin([OCCLUSION, GRADIENT])]
    early = points[points["source_item"] > points["output_item"]]
    assert min(len(rows), len(early)) > 1_500
    assert (rows["largest_early_effect"] == 0).all() == is_causal
    assert (early["value"] == 0).all() == is_causal
    assert (points["value"] != 0).any()


def commands() -> dict[str, list[list[str]]]:
    """The commands of each published folder, from the page that says what made them."""
    text = (REFERENCE / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(\S+)` \| `python -m bench\.run ([^`]*)`", text, flags=re.MULTILINE)
    of_folders: dict[str, list[list[str]]] = {}
    for folder, arguments in found:
        of_folders.setdefault(folder, []).append(shlex.split(arguments))
    return of_folders


def test_every_published_folder_has_its_command():
    folders = {str(path.parent.relative_to(REFERENCE)) for path in REFERENCE.rglob("accuracy.csv")}
    assert commands().keys() == folders


@pytest.mark.parametrize("name", commands())
def test_published_rows_are_those_that_the_commands_plan(name):
    rows = read_accuracy(REFERENCE / name)
    version = rows["recipe_version"].iloc[0]
    if version != RECIPE_VERSION:
        pytest.skip(f"these rows are of recipe version {version}, not {RECIPE_VERSION}")
    blocks = [block for command in commands()[name] for block in parse_request(command).blocks]
    planned = {row.record_id for run in plan_blocks(blocks) for row in run.planned_rows()}

    assert (rows["status"] == OK).all()
    assert set(rows["record_id"]) == planned
