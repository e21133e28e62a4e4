"""Where and with what a number was made, in rows and in `run.json`: no host name and no path."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from results.errors import explain_os_errors
from results.store.files import replace_file

RUN_FILE = "run.json"
_SOURCE_FOLDER = Path(__file__).resolve().parents[2]


def provenance(device: str, *, threads: int) -> dict[str, str | int | None]:
    """Give the provenance columns of a row."""
    return {
        "device_name": _cuda_name() if device == "cuda" else _processor_name(),
        "threads": threads,
        "torch_version": _torch_version(),
        "python_version": platform.python_version(),
        "platform": _platform(),
        "commit": _source_commit(),
    }


def write_run_file(out: Path, request: Mapping[str, Any]) -> None:
    """Write `run.json`: the last request, when it began, and with what it is carried out.

    Args:
        out: Results folder.
        request: Plain values.

    Raises:
        ResultsError: The file cannot be written.
    """
    content = {
        "started": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "request": dict(request),
        "environment": {
            "commit": _source_commit(),
            "platform": _platform(),
            "processor": _processor_name(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "torch": _torch_version(),
        },
    }
    path = out / RUN_FILE
    with explain_os_errors(f"{path}: cannot be written"):
        replace_file(path, f"{json.dumps(content, indent=2, sort_keys=True)}\n".encode())


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}"


def _cuda_name() -> str:
    import torch  # Only a process that computes has it loaded; run.json is written without.

    return torch.cuda.get_device_name()


@cache
def _processor_name() -> str | None:
    # platform.processor() is empty on many Linux systems.
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or None


def _torch_version() -> str:
    # Metadata of another installation may come first on the path.
    torch = sys.modules.get("torch")
    return version("torch") if torch is None else str(torch.__version__)


@cache
def _source_commit() -> str | None:
    """Name the commit of the source code, with `+changes` where files differ from it."""
    describe = ("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+changes")
    # Only of the repository whose top this folder is. Git hooks name their own in the environment,
    # and an installation may lie within a user's repository.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    } | {"GIT_CEILING_DIRECTORIES": str(_SOURCE_FOLDER.parent)}
    try:
        done = subprocess.run(
            describe,
            cwd=_SOURCE_FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
