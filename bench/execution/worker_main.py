"""The first code of every child process. Imports nothing heavy before it is tied to its parent.

`python -m bench.execution.worker_main MODULE PARENT_PID` runs MODULE's `main`, which writes its
events to the file that it is given.
"""

import ctypes
import importlib
import io
import os
import signal
import sys

RESULTS_REFUSED = 74  # The exit status where the results folder refused a record; as EX_IOERR.
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <sys/prctl.h>
_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def main() -> int:
    """Run the `main` of the module that the first argument names."""
    module, parent_pid = sys.argv[1], int(sys.argv[2])
    _die_with_parent(parent_pid)
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
