"""The first code of every child process. Imports nothing heavy before it is tied to its parent.

`worker_main.py MODULE PARENT_PID EVENTS PATH` runs MODULE's `main`, which writes its events to the
file that it is given, of descriptor EVENTS. PATH is where the parent looks for modules, as JSON.
"""

import ctypes
import importlib
import io
import json
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

RESULTS_REFUSED = 74  # The exit status where the results folder refused a record; as EX_IOERR.
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <sys/prctl.h>
_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def main() -> int:
    """Run the `main` of the module that the first argument names."""
    module, parent_pid, descriptor, path = sys.argv[1:]
    del sys.argv[1:]  # A user's module may parse arguments: these are not its own.
    if not _dies_with_parent(int(parent_pid)):
        return 1
    # No process that a model starts may keep the events open: their end is the end of the run.
    events = os.fdopen(int(descriptor), "w", encoding="utf-8")
    os.set_inheritable(events.fileno(), False)
    os.register_at_fork(after_in_child=lambda: os.close(events.fileno()))
    suite = str(Path(__file__).parents[2])
    sys.path[:] = [suite, *json.loads(path)]
    importlib.import_module("bench")  # With it come the other packages of the suite.
    sys.path.remove(suite)
    # A model may print any text, whatever the terminal of the command can show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code: int = importlib.import_module(module).main(events)
    return code


def _dies_with_parent(parent_pid: int) -> bool:
    """Ask the kernel to end this process when its parent ends (Linux only); false if it has.

    It also adopts what its own children leave behind, so that its parent finds all of it.
    """
    if sys.platform != "linux":
        return True
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1)
    # "Parent" is the thread that started this process; the threads of a pool outlive their child.
    prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    return os.getppid() == parent_pid  # Else it ended before it could be asked for.


def _leave(code: int) -> None:
    """End this process and all it has started, whatever threads or exit handlers a model left."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    with suppress(ImportError):
        importlib.import_module("bench.execution.engine").end_descendants(os.getpid())
    os._exit(code)


if __name__ == "__main__":
    status = 1
    try:
        status = main()
    except BaseException:
        traceback.print_exc()
    _leave(status)
