"""Where and with what a number was made: versions and processor, no host name and no path."""

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

_SOURCE_FOLDER = Path(__file__).resolve().parents[2]


def provenance(device: str, *, threads: int) -> dict[str, str | int | None]:
    """Return the provenance columns of a row.

    Args:
        device: Where the arithmetic was done, `cpu` or `cuda`.
        threads: Threads of arithmetic.
    """
    return {
        "device_name": _cuda_name() if device == "cuda" else processor_name(),
        "threads": threads,
        "torch_version": version("torch"),
        "python_version": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "commit": source_commit(),
    }


def _cuda_name() -> str:
    import torch  # Whoever computes has it loaded; a log or a plan does without.

    return torch.cuda.get_device_name()


@cache
def processor_name() -> str | None:
    """Return the processor's name, if the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or None


@cache
def source_commit() -> str | None:
    """Return the commit of the source code, `+changes` behind it where files differ from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+changes" if changes else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ("git", *arguments),
        cwd=_SOURCE_FOLDER,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
