"""Tests. A helper is imported by its path, as in `from tests.rows import accuracy_row`."""

import csv
from pathlib import Path

import pytest

from bench.plan.recipe import RECIPE_VERSION

ROOT = Path(__file__).resolve().parents[1]
"""The checkout: the folder of the five packages."""


def _published_version() -> int:
    with open(ROOT / "results" / "reference" / "accuracy.csv", encoding="utf-8") as file:
        return int(next(csv.DictReader(file))["recipe_version"])


STALE_UNTIL_REGENERATED = pytest.mark.skipif(
    _published_version() != RECIPE_VERSION,
    reason=f"published rows are of recipe version {_published_version()}, not {RECIPE_VERSION}",
)
"""After a change of the recipe the published rows are no longer those of this plan."""
