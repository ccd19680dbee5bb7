"""Ties a process to the life of the one that started it.

Run as a script it becomes another command: `tether.py <pid of the parent> <command> ...`. When the
parent dies, even by SIGKILL, the kernel sends the command SIGTERM. (Linux only; elsewhere the
command just runs.) It imports nothing of ours, to start in no time.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent dies."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before it was watched
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    end_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 (the point of it)
