"""Checks the shapes and types in every signature while the tests run, and adds options."""

import os

import pytest

# One thread, as in a model run: numbers must not depend on the machine that tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook(["bench", "models", "tasks"], "beartype.beartype")

pytest_plugins = ["tests.faults.fault_report"]


MOST_WORKERS = 8  # Each worker imports torch, about 300 MB.


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker a processor; none for benchmarks, which a second worker would disturb."""
    if config.getoption("benchmark_only"):
        return 0
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return min(usable, MOST_WORKERS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--model",
        action="append",
        default=[],
        metavar="PACKAGE.MODULE:BUILDER",
        help="run the conformance suite of the models on this one too",
    )
