"""The sums of `kernel.c`, compiled in a moment when they are first needed."""

import ctypes
import functools
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


def compiler() -> list[str] | None:
    """Return the command of the C compiler, `$CC` or `cc`; None where there is none."""
    command = shlex.split(os.environ.get("CC", "cc"))
    return command if command and shutil.which(command[0]) else None


@functools.cache
def load_library() -> ctypes.CDLL:
    """Compile and load the functions of `kernel.c`, once per process; it takes a fraction of 1 s.

    Each process compiles its own: nothing is shared that could be stale or half-written.

    Raises:
        OSError: If there is no compiler, it fails, or what it made cannot be loaded.
    """
    command = compiler()
    if command is None:
        raise OSError("no C compiler")
    with tempfile.TemporaryDirectory() as folder:
        object_file, library_file = Path(folder, "additive.o"), Path(folder, "additive.so")
        # In two steps: some compilers link code into a library that was built with relaxed
        # arithmetic which relaxes the arithmetic of the whole process.
        _run([*command, *_FLAGS, "-c", str(_SOURCE), "-o", str(object_file)])
        _run([*command, "-shared", str(object_file), "-o", str(library_file)])
        library = ctypes.CDLL(str(library_file))
    library.additive_scores.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_ssize_t] * 4
    library.additive_slopes.argtypes = [ctypes.c_void_p] * 6 + [ctypes.c_ssize_t] * 4
    library.additive_scores.restype = library.additive_slopes.restype = None
    return library


def _run(command: list[str]) -> None:
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_SECONDS_TO_COMPILE
        )
    except subprocess.CalledProcessError as error:
        raise OSError(error.stderr.strip() or f"{command[0]} failed") from None
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} took more than {_SECONDS_TO_COMPILE} s") from None


def weighted_sums(
    query: Float[Tensor, "batch target hidden"],
    key: Float[Tensor, "batch source hidden"],
    v: Float[Tensor, " hidden"],
) -> Float[Tensor, "batch target source"]:
    """Return the sum over hidden units of v / (1 + query key)."""
    query, key, v = _padded(query), _padded(key), _padded(v)
    sums = query.new_empty(query.shape[0], query.shape[1], key.shape[1])

    def compute(rows: slice) -> None:
        arrays = (query[rows], key[rows], v, sums[rows])
        sizes = (len(query[rows]), *sums.shape[1:], len(v))
        load_library().additive_scores(*(array.data_ptr() for array in arrays), *sizes)

    _share_out(compute, len(query))
    return sums


def slope_sums(
    query: Float[Tensor, "batch target hidden"],
    key: Float[Tensor, "batch source hidden"],
    grad: Float[Tensor, "batch target source"],
) -> tuple[
    Float[Tensor, "batch target hidden"],
    Float[Tensor, "batch source hidden"],
    Float[Tensor, " hidden"],
]:
    """Return the sums of grad r(1 - r) over keys and over queries, and of grad r over all pairs.

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
    """Return it dense and detached, its last axis filled with zeros to a multiple of LANES."""
    array = array.detach()
    missing = -array.shape[-1] % LANES
    return functional.pad(array, (0, missing)) if missing else array.contiguous()


def _share_out(compute: Callable[[slice], None], batch: int) -> None:
    """Compute the sequences of a batch on torch's number of threads; no result depends on it."""
    threads = min(torch.get_num_threads(), batch)
    if threads <= 1:
        compute(slice(0, batch))
        return
    edges = [batch * thread // threads for thread in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(compute, map(slice, edges, edges[1:])))
