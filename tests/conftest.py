"""Checks the shapes and types in every signature while the tests run, and adds options."""

import os

import pytest

# One thread, as in a model run: numbers must not depend on the machine that tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook(["bench", "models", "tasks"], "beartype.beartype")

pytest_plugins = ["tests.faults.fault_report"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--model",
        action="append",
        default=[],
        metavar="PACKAGE.MODULE:BUILDER",
        help="run the conformance suite of the models on this one too",
    )
