"""What a results folder has, and what harms it while it is written."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from results.store.files import LOCKS


def files_in(folder: Path, *, but: tuple[str, ...] = (LOCKS,)) -> dict[str, bytes]:
    """The content of every file of a folder, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in but
    }


def times_in(folder: Path) -> dict[str, Any]:
    """What changes when any file of a folder is written, its locks left out."""
    states = {name: (folder / name).stat() for name in files_in(folder)}
    return {name: (state.st_mtime_ns, state.st_ino) for name, state in states.items()}


class Killed(BaseException):
    """In place of SIGKILL."""


@contextlib.contextmanager
def killed_before(step: int) -> Iterator[None]:
    """Raise at the given call of os.replace; the temporary file stays, as after SIGKILL."""
    calls, replace, unlink = itertools.count(), os.replace, os.unlink

    def replace_or_die(source: Any, target: Any) -> None:
        if next(calls) == step:
            raise Killed
        replace(source, target)

    def unlink_others(path: Any) -> None:
        if not str(path).endswith(".tmp"):
            unlink(path)

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(os, "replace", replace_or_die)
        patch.setattr(os, "unlink", unlink_others)
        yield


@contextlib.contextmanager
def full_disk(step: int = 0) -> Iterator[None]:
    """Let every write fail from the given one on."""
    calls = itertools.count()

    def fill(descriptor: int) -> None:
        if next(calls) >= step:
            raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        yield
