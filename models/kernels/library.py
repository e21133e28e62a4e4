"""Compiles the C files beside it into one library, in a moment, when it is first needed."""

import ctypes
import functools
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

LANES = 16  # As in the C files.

_SOURCES = ("additive.c", "lstm.c")
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
# How many arrays each function takes, and then how many sizes.
_FUNCTIONS = {
    "additive_scores": (4, 4),
    "additive_slopes": (6, 4),
    "lstm_forward": (8, 6),
    "lstm_backward": (10, 5),
}

_log = logging.getLogger(__name__)


@functools.cache
def is_ready() -> bool:
    """Compile and load the kernel at the first call; warn once if that fails."""
    try:
        load_library()
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        _log.warning("not compiled, so LSTM and additive attention are slower: %s", reason)
        return False
    return True


@functools.cache
def load_library() -> ctypes.CDLL:
    """Compile and load the functions of the C files, once per process, in a fraction of a second.

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
        objects = [str(Path(folder, f"{source}.o")) for source in _SOURCES]
        library_file = str(Path(folder, "kernels.so"))
        # In two steps: some compilers link code into a library that was built with relaxed
        # arithmetic which relaxes the arithmetic of the whole process.
        for source, object_file in zip(_SOURCES, objects, strict=True):
            path = str(Path(__file__).with_name(source))
            _run([*compiler, *_FLAGS, "-c", path, "-o", object_file])
        _run([*compiler, "-shared", *objects, "-o", library_file])
        library = ctypes.CDLL(library_file)
    for name, (arrays, sizes) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes = [ctypes.c_void_p] * arrays + [ctypes.c_ssize_t] * sizes
        function.restype = ctypes.c_int if name == "lstm_forward" else None
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
