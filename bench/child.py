"""The first code of every child process. Imports nothing heavy before it is tied to its parent.

`python -m bench.child MODULE PARENT_PID` runs MODULE's `main`.
"""

import ctypes
import importlib
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <sys/prctl.h>


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to end this process when its parent ends (Linux only)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(1)  # It ended before it could be asked for.


def main() -> int:
    """Run the `main` of the module that the first argument names."""
    module, parent_pid = sys.argv[1], int(sys.argv[2])
    die_with_parent(parent_pid)
    code: int = importlib.import_module(module).main()
    return code


if __name__ == "__main__":
    sys.exit(main())
