"""Locks keep others out, wait as long as asked, and are free again when their holder dies."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from unittest.mock import Mock

import pytest
from filelock import FileLock

from results.errors import ResultsError, explain_os_errors
from results.store import files
from results.store.files import exclusive, locked
from tests import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from results.store.files import locked

with locked(Path(sys.argv[1]), "run") as is_held:
    print(is_held, flush=True)
    time.sleep(60)
"""


def test_second_is_kept_out(tmp_path):
    (tmp_path / "other").mkdir()
    with locked(tmp_path, "run") as first, locked(tmp_path, "run") as second:
        assert (first, second) == (True, False)
        with locked(tmp_path, "b") as other, locked(tmp_path / "other", "run") as elsewhere:
            assert (other, elsewhere) == (True, True)
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "run"):
        raise ZeroDivisionError
    with locked(tmp_path, "run") as after_an_error:
        assert after_an_error


def test_lock_of_a_killed_process_is_free_at_once(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with locked(tmp_path, "run") as is_held:
            assert not is_held
        holder.send_signal(signal.SIGKILL)
    with locked(tmp_path, "run") as is_held:
        assert is_held


def test_waiting_ends_when_the_lock_is_free(tmp_path):
    first = locked(tmp_path, "run")
    first.__enter__()
    threading.Timer(0.2, lambda: first.__exit__(None, None, None)).start()
    began = time.monotonic()
    with locked(tmp_path, "run", wait_seconds=30.0) as is_held:
        assert is_held
        assert time.monotonic() - began >= 0.1


def test_block_runs_without_the_lock_after_long(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LOCK_WAIT_SECONDS", 0.05)
    entered = []
    with locked(tmp_path, "folder"), exclusive(tmp_path):
        entered.append(True)
    assert entered == [True]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_system_without_locks_lets_everybody_in(tmp_path, monkeypatch, number):
    refuse = Mock(side_effect=OSError(number, "no locks"))
    monkeypatch.setattr(FileLock, "acquire", refuse)
    with locked(tmp_path, "run") as first, locked(tmp_path, "run") as second:
        assert (first, second) == (True, True)


def test_folder_that_is_gone_is_named(tmp_path):
    with (
        pytest.raises(ResultsError, match=r"gone/locks/run\.lock: cannot be locked: No such file"),
        locked(tmp_path / "gone", "run"),
    ):
        pytest.fail("there is nothing to lock")
    assert not (tmp_path / "gone").exists()


@pytest.mark.fault("F27")
def test_a_process_with_too_many_files_is_not_the_folder_refusing():
    with (
        pytest.raises(ResultsError, match="x: cannot be read: No space left on device"),
        explain_os_errors("x: cannot be read"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OSError, match="Too many open files") as caught, explain_os_errors("x"):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    assert not isinstance(caught.value, ResultsError)
