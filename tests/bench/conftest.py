"""One thread of arithmetic, as in every model run, and no deadline that a busy machine breaks."""

import sys
from collections.abc import Iterator

import hypothesis
import pytest
import torch

# The checker of types refuses `Self` in a class that it does not decorate as a whole.
_finders = list(sys.meta_path)
sys.meta_path[:] = [each for each in _finders if not type(each).__module__.startswith("jaxtyping")]
import bench.progress  # noqa: E402, F401

sys.meta_path[:] = _finders

hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
