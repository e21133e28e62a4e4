"""Tests. A helper is imported by its path, as in `from tests.rows import accuracy_row`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout: the folder of the five packages."""
