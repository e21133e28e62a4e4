"""The sums of `kernel.c`, which is compiled in a moment when it is first needed."""

import ctypes
import functools
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from models.interface import Memory, States, Weights

LANES = 16  # As in kernel.c.

_SOURCE = Path(__file__).with_name("kernel.c")
# For this processor. Sums may be added up in any order; infinities and NaN are respected.
_FLAGS = (
    "-O3",
    "-march=native",
    "-fPIC",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-fassociative-math",
)
_SECONDS_TO_COMPILE = 60

_log = logging.getLogger(__name__)


@functools.cache
def is_ready() -> bool:
    """Compile and load the kernel at the first call; warn once if that fails."""
    try:
        load_library()
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        _log.warning("additive attention: not compiled, so it runs in the chunked form: %s", reason)
        return False
    return True


@functools.cache
def load_library() -> ctypes.CDLL:
    """Compile and load the functions of `kernel.c`, once per process, in a fraction of a second.

    Raises:
        OSError: There is no compiler, it fails, or its library cannot be loaded.
        ValueError: `$CC` has an open quotation.
        AttributeError: The library lacks the functions, as one of a C++ compiler does.
    """
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not compiler or not shutil.which(compiler[0]):
        raise OSError("no C compiler")
    # Each process compiles its own library: nothing is shared that could be stale or half-written.
    with tempfile.TemporaryDirectory() as folder:
        object_file, library_file = Path(folder, "additive.o"), Path(folder, "additive.so")
        # In two steps: some compilers link code into a library that was built with relaxed
        # arithmetic which relaxes the arithmetic of the whole process.
        _run([*compiler, *_FLAGS, "-c", str(_SOURCE), "-o", str(object_file)])
        _run([*compiler, "-shared", str(object_file), "-o", str(library_file)])
        library = ctypes.CDLL(str(library_file))
    library.additive_scores.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_ssize_t] * 4
    library.additive_slopes.argtypes = [ctypes.c_void_p] * 6 + [ctypes.c_ssize_t] * 4
    library.additive_scores.restype = library.additive_slopes.restype = None
    return library


def _run(command: list[str]) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",  # A compiler may speak in another encoding.
            timeout=_SECONDS_TO_COMPILE,
        )
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.strip() or f"{command[0]} failed") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} took more than {_SECONDS_TO_COMPILE} s") from None


def weighted_sums(query: States, key: Memory, v: Float[Tensor, " hidden"]) -> Weights:
    """Sum v / (1 + query key) over the hidden units."""
    query, key, v = _padded(query), _padded(key), _padded(v)
    sums = query.new_empty(query.shape[0], query.shape[1], key.shape[1])

    def compute(rows: slice) -> None:
        arrays = (query[rows], key[rows], v, sums[rows])
        sizes = (len(query[rows]), *sums.shape[1:], len(v))
        load_library().additive_scores(*(array.data_ptr() for array in arrays), *sizes)

    _share_out(compute, len(query))
    return sums


def slope_sums(
    query: States, key: Memory, grad: Weights
) -> tuple[States, Memory, Float[Tensor, " hidden"]]:
    """Sum grad r(1 - r) over keys and over queries, and grad r over all pairs.

    Here r = 1 / (1 + query key).
    """
    hidden = query.shape[-1]
    query, key, grad = _padded(query), _padded(key), grad.contiguous()
    query_slopes, key_slopes = torch.empty_like(query), torch.empty_like(key)
    r_sum = query.new_empty(len(query), query.shape[-1])

    def compute(rows: slice) -> None:
        arrays = (query, key, grad, query_slopes, key_slopes, r_sum)
        sizes = (len(query[rows]), *grad.shape[1:], query.shape[-1])
        load_library().additive_slopes(*(array[rows].data_ptr() for array in arrays), *sizes)

    _share_out(compute, len(query))
    return query_slopes[..., :hidden], key_slopes[..., :hidden], r_sum[:, :hidden].sum(0)


def _padded(array: Tensor) -> Tensor:
    """Make it dense and detached, its last axis filled with zeros to a multiple of LANES."""
    # The hidden units that this adds count for nothing, because v is 0 there.
    array = array.detach()
    missing = -array.shape[-1] % LANES
    return functional.pad(array, (0, missing)) if missing else array.contiguous()


def _share_out(compute: Callable[[slice], None], batch: int) -> None:
    """Compute the sequences of a batch on torch's number of threads."""
    # A sequence is computed by one thread from end to end, so no result depends on their number.
    threads = min(torch.get_num_threads(), batch)
    if threads <= 1:
        compute(slice(0, batch))
        return
    edges = [batch * thread // threads for thread in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(compute, map(slice, edges, edges[1:])))
