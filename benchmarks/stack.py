"""The real processes that are measured: PostgreSQL, web, dispatcher, and a receiver."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).parent.parent


@dataclass
class Stack:
    """Waybill on this machine, alone, in a folder of its own."""

    database_url: str
    environment: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def manage(self, *words: str) -> str:
        """What a management command prints."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A process of ours that runs until `stop` or the end."""
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=self.environment)
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that was started here."""
        process.terminate()
        process.wait(30)
        self.processes.remove(process)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The `data` of an answer of the API; `~` is the organization."""
        path = path.replace("~", f"/v1/orgs/{self.facts['org_id']}")
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"x-arklow-auth": self.facts["api_key"], "content-type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def start_web(self) -> None:
        """The web process, ready to answer."""
        self.port = free_port()
        self.start("manage.py", "web", "--port", str(self.port))
        wait_for(self.port)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30) -> None:
    """Return when somebody listens on the port."""
    ends = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def running() -> Iterator[Stack]:
    """A migrated stack with an organization; everything is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    # PostgreSQL may not run as root: its own user must be able to come by.
    home.chmod(0o711)
    server = EmbeddedPostgres(home)
    url = server.start()
    stack = Stack(
        url,
        os.environ
        | {
            "DATABASE_URL": url,
            "SECRET_KEY": "bench",
            "WAYBILL_HTTPS": "false",
            "WAYBILL_ALLOW_PRIVATE_NETWORKS": "true",
            "LOG_LEVEL": "WARNING",
        },
    )
    try:
        stack.manage("migrate", "--verbosity=0")
        stack.facts = json.loads(stack.manage("bootstrap", "--org", "Bench", "--json"))
        yield stack
    finally:
        for process in list(stack.processes):
            stack.stop(process)
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
