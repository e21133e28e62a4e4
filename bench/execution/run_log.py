"""What a command did in its results folder: a plain log, and run.json beside it.

Imports no torch. Neither names a host or a path.
"""

import json
import os
import platform
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.execution.provenance import processor_name, source_commit
from results.errors import ResultsError
from results.store.files import replace_file

RUN_FILE = "run.json"
LOG = "run.log"


class RunLog:
    """`logs/run.log`: one line for each thing that happened, with the time and the process.

    Several commands may write to one log: a line is one write to the end of the file. It is made
    with its first line, so that a command with nothing to do leaves none.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / "logs" / LOG
        self._file: FileIO | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self.write("ended" if error is None else f"ended: {type(error).__name__}: {error}")
            self._file.close()

    def write(self, text: str) -> None:
        """Add a line. What cannot be logged any more, on a full disk, stops no work.

        Raises:
            ResultsError: There can be no log.
        """
        line = f"{_now()} {os.getpid()} {' '.join(text.split())}\n".encode()
        with self._lock:
            if self._file is None:
                self._file = self._open()
            with suppress(OSError):
                self._file.write(line)

    def _open(self) -> FileIO:
        try:
            self._path.parent.mkdir(exist_ok=True)
            return self._path.open("ab", buffering=0)
        except OSError as error:
            raise ResultsError(
                f"{self._path}: cannot be written: {error.strerror or error}"
            ) from None


def write_run_file(out: Path, request: Mapping[str, Any]) -> None:
    """Write run.json: what was asked for last, when, and with what it is carried out.

    Args:
        out: Results folder.
        request: What was asked for, in plain values.

    Raises:
        ResultsError: The file cannot be written.
    """
    content = {"started": _now(), "request": dict(request), "environment": _environment()}
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    try:
        replace_file(out / RUN_FILE, text.encode())
    except OSError as error:
        raise ResultsError(
            f"{out / RUN_FILE}: cannot be written: {error.strerror or error}"
        ) from None


def _environment() -> dict[str, Any]:
    return {
        "commit": source_commit(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "processor": processor_name(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
