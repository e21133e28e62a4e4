"""The first code of every child process. Imports nothing heavy before it is tied to its parent.

`worker_main.py MODULE PARENT_PID PATH` runs MODULE's `main`, which writes its events to the file
that it is given. PATH is the module search path of the parent, as JSON.
"""

import ctypes
import importlib
import io
import json
import os
import signal
import sys
from pathlib import Path

RESULTS_REFUSED = 74  # The exit status where the results folder refused a record; as EX_IOERR.
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <sys/prctl.h>
_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def main() -> int:
    """Run the `main` of the module that the first argument names."""
    module, parent_pid, path = sys.argv[1:]
    del sys.argv[1:]  # A user's module may parse arguments: these are not its own.
    _die_with_parent(int(parent_pid))
    suite = str(Path(__file__).parents[2])
    sys.path[:] = [suite, *json.loads(path)]
    importlib.import_module("bench")  # With it come the other packages of the suite.
    sys.path.remove(suite)
    # What a model prints goes to the log; the parent reads events, and nothing else.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # A model may print any text, whatever the terminal of the command can show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code: int = importlib.import_module(module).main(events)
    return code


def _die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to end this process when its parent ends (Linux only).

    It also adopts what its own children leave behind, so that its parent finds all of it.
    """
    if sys.platform != "linux":
        return
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1)
    # "Parent" is the thread that started this process; the threads of a pool outlive their child.
    prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(1)  # It ended before it could be asked for.


if __name__ == "__main__":
    sys.exit(main())
