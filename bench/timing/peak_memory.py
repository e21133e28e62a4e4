"""The memory that a piece of work takes at its peak."""

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

from bench.execution.engine import exit_in_words
from bench.training.failures import model_at_work, summary_of

_STATUS = Path("/proc/self/status")
_RESET_PEAK = Path("/proc/self/clear_refs"), "5"
_END_THIS_FIRST = Path("/proc/self/oom_score_adj"), "1000"

Work = Callable[[], object]


@dataclass(frozen=True)
class Peak:
    """The memory of a piece of work, or the status and error of what stopped it.

    Attributes:
        peak_bytes: Most memory; None if this system does not report it.
        reserved_bytes: Most memory held by the CUDA allocator; None on a CPU.
    """

    peak_bytes: int | None = None
    reserved_bytes: int | None = None
    failure: tuple[str, str] | None = None


def peak_memory(work: Work, *, rehearsal: Work, device: str) -> Peak:
    """Measure the memory that `work` takes beyond what is in use before it.

    Args:
        work: Is called once; it builds its model itself, so that the model is counted.
        rehearsal: The same at the smallest size. It loads the code, which is not counted.
    """
    try:
        if device == "cuda":
            with model_at_work():
                return _peak_on_cuda(work, rehearsal)
        return _peak_in_a_fork(work, rehearsal) if _STATUS.exists() else Peak()
    except Exception as error:
        return Peak(failure=summary_of(error))


def _peak_in_a_fork(work: Work, rehearsal: Work) -> Peak:
    """Measure in a fork: its memory is its own, and out of memory the system ends it alone.

    A fork has the calling thread only. This process must not have computed with several yet.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        process = os.fork()
    if process == 0:
        try:
            os.close(reading)
            os.write(writing, json.dumps(asdict(_peak_here(work, rehearsal))).encode())
        finally:
            os._exit(0)  # Without what Python does at its end, which is the parent's to do.
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as answer:
        text = answer.read()
    _, status = os.waitpid(process, 0)
    if text:
        values = json.loads(text)
        failure = values.pop("failure")
        return Peak(**values, failure=failure and tuple(failure))
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return Peak(failure=("out_of_memory", "killed, as a system does that runs out of memory"))
    return Peak(failure=("failed", exit_in_words(os.waitstatus_to_exitcode(status))))


def _peak_here(work: Work, rehearsal: Work) -> Peak:
    try:
        _write(*_END_THIS_FIRST)
        with model_at_work():
            rehearsal()
            _trim_free_memory()
            _write(*_RESET_PEAK)
            before = _bytes_of("VmRSS")
            work()
        return Peak(peak_bytes=max(0, _bytes_of("VmHWM") - before))
    except Exception as error:
        return Peak(failure=summary_of(error))


def _trim_free_memory() -> None:
    """Return freed blocks to the system: reused by the work, they would not be counted."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # Only glibc has it.
    if trim is not None:
        trim(0)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError:
        return  # Some containers refuse. The peak then counts from that of the rehearsal.


def _bytes_of(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise OSError(f"{_STATUS} has no {field}")
    return 1024 * int(found[1])


def _peak_on_cuda(work: Work, rehearsal: Work) -> Peak:
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
    finally:
        torch.cuda.empty_cache()
