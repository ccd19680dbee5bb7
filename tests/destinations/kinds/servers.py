"""Servers that tests start: on loopback, on a free port, ended by their own process id."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_SECONDS = 60
ROOT = Path(__file__).parents[3]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(log: Path, command: list[str], port: int, **environment: str) -> Iterator[None]:
    """The server of this command runs, and listens on the port."""
    with (
        log.open("wb") as written,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            # So that nothing it starts outlives it, and Ctrl-C is ours.
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, log.read_text()[-2_000:]
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert time.monotonic() < ends, log.read_text()[-2_000:]
        time.sleep(0.05)
