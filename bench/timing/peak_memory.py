"""How much memory a piece of work takes at its peak."""

import ctypes
import json
import os
import re
import signal
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from bench.training.failure_status import summary_of

_STATUS = Path("/proc/self/status")
_RESET_PEAK = Path("/proc/self/clear_refs"), "5"
_END_THIS_FIRST = Path("/proc/self/oom_score_adj"), "1000"


@dataclass(frozen=True)
class Peak:
    """The memory of a piece of work, or what stopped it.

    Attributes:
        peak_bytes: Most memory; None where this system cannot tell.
        reserved_bytes: Most memory held by the CUDA allocator; None on a CPU.
        failure: Status and error of a row, if it did not come to its end.
    """

    peak_bytes: int | None = None
    reserved_bytes: int | None = None
    failure: tuple[str, str] | None = None


def peak_memory(
    work: Callable[[], object], *, rehearsal: Callable[[], object], device: str
) -> Peak:
    """Return the memory that `work` takes beyond what is in use before it.

    On a CPU it is done in a fork of this process, which must not have computed with several
    threads so far. If the system runs out of memory, the fork is what it ends.

    Args:
        work: What is measured, once, from building the model on.
        rehearsal: The same at the smallest size: it loads the code, which is not counted.
    """
    if device == "cuda":
        return _peak_on_cuda(work, rehearsal)
    if not _STATUS.exists():
        return Peak()
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        process = os.fork()
    if process == 0:
        try:
            os.close(reading)
            message = json.dumps(asdict(_peak_here(work, rehearsal)))
            os.write(writing, message.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        text = answer.read()
    _, status = os.waitpid(process, 0)
    if text:
        values = json.loads(text)
        failure = values["failure"]
        return Peak(**values | {"failure": None if failure is None else tuple(failure)})
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return Peak(failure=("out_of_memory", "killed, as a system does that runs out of memory"))
    return Peak(failure=("failed", "ended without a word"))


def _peak_here(work: Callable[[], object], rehearsal: Callable[[], object]) -> Peak:
    try:
        _write(*_END_THIS_FIRST)
        rehearsal()
        _give_back_free_memory()
        _write(*_RESET_PEAK)
        before = _bytes_of("VmRSS")
        work()
        return Peak(peak_bytes=max(0, _bytes_of("VmHWM") - before))
    except Exception as error:
        return Peak(failure=summary_of(error))


def _give_back_free_memory() -> None:
    """Return to the system what was freed, or the work would use it again uncounted (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError:
        return  # Not allowed in every container; a peak is then counted from the rehearsal's.


def _bytes_of(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise OSError(f"{_STATUS} has no {field}")
    return 1024 * int(found[1])


def _peak_on_cuda(work: Callable[[], object], rehearsal: Callable[[], object]) -> Peak:
    try:
        rehearsal()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        allocated, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
        work()
        torch.cuda.synchronize()
        return Peak(
            peak_bytes=torch.cuda.max_memory_allocated() - allocated,
            reserved_bytes=torch.cuda.max_memory_reserved() - reserved,
        )
    except Exception as error:
        return Peak(failure=summary_of(error))
    finally:
        torch.cuda.empty_cache()
