"""What all faults are compared with."""

import os
import time

import pytest
from filelock import FileLock

from tests.faults.fault_tools import THREE_RUNS, TWO_JOBS, Undisturbed, complete


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A results folder that nothing has disturbed; not to be written to."""
    scratch = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # The processes that test share it.
        scratch = scratch.parent
    folder, seconds = scratch / "undisturbed" / "results", scratch / "undisturbed" / "seconds"
    with FileLock(scratch / "undisturbed.lock"):
        if not seconds.exists():
            folder.parent.mkdir()
            began = time.monotonic()
            complete(folder, *THREE_RUNS, *TWO_JOBS)
            seconds.write_text(str(time.monotonic() - began))
    return Undisturbed(folder, float(seconds.read_text()))


@pytest.fixture
def folder(tmp_path):
    """Where the results of a test go; not there yet."""
    return tmp_path / "results"
