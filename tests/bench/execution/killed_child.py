"""A child process that is killed as soon as it has its order. Loads no torch."""

import os
import signal
import sys


def main(events):
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
