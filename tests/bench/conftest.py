"""Folders that several tests start from, and one thread of arithmetic."""

from collections.abc import Iterator

import pytest
import torch

from tests.commands import BOTH, SMALL, run

REFUSE_HEAVY_IMPORTS = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "pandas"):
            raise ImportError(f"{name} is imported")

sys.meta_path.insert(0, Refuse())
"""


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """One thread of arithmetic, as in every model run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", autouse=True)
def few_test_sequences() -> Iterator[None]:
    """64 test sequences, in this process; a test that needs another number sets it itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.training.evaluate.TEST_SEQUENCES", 64)
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A results folder in which two models on two lengths are done; not to be written to."""
    folder = tmp_path_factory.mktemp("finished") / "results"
    status, _, errors = run(folder, *SMALL, *BOTH, "--jobs", "2")
    assert status == 0, errors
    return folder


@pytest.fixture
def without_torch(tmp_path):
    """A folder that, first on the path, makes importing torch or pandas an error."""
    folder = tmp_path / "without torch"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(REFUSE_HEAVY_IMPORTS, encoding="utf-8")
    return folder
