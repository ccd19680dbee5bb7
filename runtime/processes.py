"""What the operating system knows about running processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from signal import Signals


def read_command(pid: int) -> list[str]:
    """Return the command line of a process; empty when it is gone or a zombie."""
    if sys.platform != "linux":
        command = ["ps", "-o", "command=", "-p", str(pid)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (a fixed program)
        return listed.stdout.split()
    try:
        command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [part.decode(errors="replace") for part in command_line.split(b"\0") if part]


def find_titled(prefix: str) -> Iterator[int]:
    """Find the processes whose title begins with the prefix (on Linux only)."""
    for entry in Path("/proc").glob("[0-9]*"):
        command = read_command(int(entry.name))
        if command and command[0].startswith(prefix):
            yield int(entry.name)


def end(pid: int, signals: Iterable[tuple[Signals, float]]) -> None:
    """Send one signal after the other, each with its time to work, until the process is gone."""
    for signal, patience in signals:
        with suppress(ProcessLookupError):
            os.kill(pid, signal)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not read_command(pid):
                return
            time.sleep(0.01)
