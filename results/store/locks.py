"""Locks of a results folder. The operating system releases them when their holder dies.

A lock is a file in `locks` that stays there; being locked is no property of the file. On a shared
file system that passes locks on, as NFS does, they hold between machines.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from results.errors import ResultsError

LOCKS = "locks"
FOLDER = "folder"
THROUGHPUT = "throughput"
LOCK_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.005
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def locked(folder: Path, name: str, *, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Hold a lock of a results folder, and yield whether it is held.

    Where the file system has no locks the answer is yes: two who do the same work then do it
    twice, which is waste and no harm.

    Args:
        folder: The results folder.
        name: Name of the lock, a safe file name.
        wait_seconds: How long to wait for another holder; negative for as long as it takes.

    Raises:
        ResultsError: The folder is gone or cannot be written.
    """
    path = folder / LOCKS / f"{name}.lock"
    lock = FileLock(path, poll_interval=_POLL_SECONDS, fallback_to_soft=False)
    try:
        path.parent.mkdir(exist_ok=True)
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        yield False
        return
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise ResultsError(f"{path}: cannot be locked: {error.strerror or error}") from None
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes and threads out of this folder's `exclusive` blocks.

    Where a stopped process holds the lock for long, the block runs without it: files are replaced
    whole, and whoever compiles next has all of them.
    """
    with locked(folder, FOLDER, wait_seconds=LOCK_WAIT_SECONDS):
        yield
