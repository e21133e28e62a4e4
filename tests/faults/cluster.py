"""A Dask cluster on this machine: a scheduler and workers, each a process that can be killed."""

import os
import socket
import subprocess
import sys
import uuid

from tests.commands import MARK, ROOT, marked_processes

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
LOOPBACK = "127.0.0.1"


def free_port():
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return listener.getsockname()[1]


class Cluster:
    """A scheduler with workers of one thread each; all of it ends with the `with` block.

    Args:
        folder: Where its processes run.
        workers: How many.
        has_nannies: Whether each worker has a nanny, which starts it again when it dies.
    """

    def __init__(self, folder, *, workers=2, has_nannies=False):
        self.address = f"tcp://{LOOPBACK}:{free_port()}"
        self._mark = uuid.uuid4().hex
        self._folder = folder
        self._environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "GIT_DIR": str(folder / "no-repository"),
            MARK: self._mark,
        }
        port = self.address.rsplit(":", 1)[1]
        self.scheduler = self._start("dask_scheduler", "--port", port)
        nanny = "--nanny" if has_nannies else "--no-nanny"
        self.workers = [
            self._start("dask_worker", self.address, nanny, "--nthreads", "1", "--no-dashboard")
            for _ in range(workers)
        ]

    def _start(self, kind, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{kind}", "--host", LOOPBACK, *arguments],
            cwd=self._folder,
            env=self._environment,
            **QUIET,
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        for process in self.processes():
            os.kill(process, 9)

    def processes(self):
        """Return the processes of the cluster, and the model runs that they have started."""
        return marked_processes(self._mark)

    def model_runs(self):
        """Return the model runs that its workers have started."""
        found = []
        for process in self.processes():
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    is_run = b"bench.execution.worker_main" in file.read().split(b"\0")
            except OSError:
                continue
            found += [process] if is_run else []
        return found
