"""What all faults are compared with."""

import pytest

from tests.faults.fault_tools import Undisturbed


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A results folder of the matrix that nothing has disturbed; not to be written to."""
    return Undisturbed.of(tmp_path_factory.mktemp("undisturbed") / "results")
