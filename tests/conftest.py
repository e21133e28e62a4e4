"""Checks the shapes and types in every signature while the tests run, and adds options."""

import os
import sys

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
        help="run the conformance suite of the models on this one instead",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a model that cannot be imported; it may be in the folder where pytest is called."""
    from results.schema.columns import error_in_words
    from tasks.import_path import resolve

    sys.path.append(os.getcwd())  # Last, so that it hides no module of the suite.
    for reference in config.getoption("--model"):
        try:
            resolve(reference)
        except (Exception, SystemExit) as error:
            words = error_in_words(error)
            raise pytest.UsageError(f"--model: {reference!r} cannot be imported: {words}") from None
