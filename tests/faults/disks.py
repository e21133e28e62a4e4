"""A small disk of its own, to fill and to make read-only; needs Linux and the right to mount."""

import errno
import subprocess
from contextlib import contextmanager

import pytest

FILLER = "filler"


def _mount(*arguments):
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")


@contextmanager
def small_disk(folder, *, megabytes=16):
    """Mount an empty disk of that size on a folder."""
    folder.mkdir(parents=True)
    try:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    except FileNotFoundError:
        pytest.skip("there is no command to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(disk):
    _mount("-o", "remount,ro", str(disk))


def fill(disk, *, spare_bytes=0):
    """Leave no more than so many bytes on the disk."""
    reserve = disk / "reserve"
    reserve.write_bytes(b"0" * spare_bytes)
    with (disk / FILLER).open("ab", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                size = size if file.write(b"\0" * size) == size else size // 2
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    reserve.unlink()


def make_room(disk):
    (disk / FILLER).unlink()
