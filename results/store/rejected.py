"""Bad files are set aside under another name: never used, never deleted."""

import os
from pathlib import Path

from results.errors import ResultsError

SUFFIX = ".rejected"

State = tuple[int, int, int]


def file_state(path: Path) -> State:
    """Return what changes when a file is replaced: modification time, size and inode."""
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size, status.st_ino


def set_aside(path: Path, state: State, *, reason: str, notices: list[str]) -> None:
    """Rename a bad file, unless another process has replaced or renamed it since `state`.

    Raises:
        ResultsError: The file cannot be renamed.
    """
    target = path.with_name(path.name + SUFFIX)
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{number}{SUFFIX}")
    try:
        if file_state(path) != state:
            return
        os.rename(path, target)
    except FileNotFoundError:
        return
    except OSError as error:
        cause = error.strerror or error
        raise ResultsError(f"{path}: {reason}; it cannot be set aside: {cause}") from None
    notices.append(f"{path}: not used: {reason}; set aside as {target.name}")
