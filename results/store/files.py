"""Files that are replaced whole or not at all, and the locks of a results folder.

Lock files are never deleted. The operating system knows whether a lock is held, and releases it
when its holder dies. On a file system that passes locks on, as NFS does, they hold between
machines.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from results.errors import explain_os_errors

LOCKS = "locks"
FOLDER_LOCK = "folder"
THROUGHPUT_LOCK = "throughput"
LOCK_WAIT_SECONDS = 10.0
# Locks are held for milliseconds: filelock's own 0.05 s would be most of the waiting.
_POLL_SECONDS = 0.005
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def replace_file(path: Path, content: bytes) -> None:
    """Put content at path: a kill or power cut leaves the old file or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        # In the same folder: os.replace is atomic within one file system only.
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Else a power cut may undo the renaming. Windows cannot open a folder.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path, name: str, *, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Hold a lock of a results folder, and yield whether it is held.

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
        with explain_os_errors(f"{path}: cannot be locked"):
            is_held = _acquire(lock, path.parent, wait_seconds)
        yield is_held
    finally:
        lock.release()


def _acquire(lock: FileLock, folder: Path, wait_seconds: float) -> bool:
    try:
        folder.mkdir(exist_ok=True)
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        return False
    except OSError as error:
        # Without locks two commands may do the same work twice: a waste, and no harm.
        if error.errno not in _NO_LOCKS:
            raise
    return True


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes and threads out of this folder's `exclusive` blocks."""
    # A stopped process may hold the lock for long. The block then runs without it: files are
    # replaced whole, and the next to compile has all of them.
    with locked(folder, FOLDER_LOCK, wait_seconds=LOCK_WAIT_SECONDS):
        yield
