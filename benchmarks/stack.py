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
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from runtime.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).parent.parent
# Whatever becomes of us, the kernel ends these with us.
TETHER = ("-I", "-S", str(ROOT / "runtime" / "tether.py"), str(os.getpid()))
# Statements are counted where a benchmark asks for it, and cost nothing elsewhere.
OBSERVED = (
    "ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements",
    "ALTER SYSTEM SET pg_stat_statements.track = 'none'",
)


@dataclass
class Stack:
    """Waybill on this machine, alone, in a folder of its own."""

    database_url: str
    environment: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    web: subprocess.Popen[bytes] | None = None

    def manage(self, *words: str) -> str:
        """What a management command prints."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def start(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """A process of ours that runs until `stop` or the end."""
        return self.start_program(sys.executable, *words, **environment)

    def start_program(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """The same for any program."""
        process = subprocess.Popen(
            [sys.executable, *TETHER, *command], cwd=ROOT, env=self.environment | environment
        )
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that was started here, by SIGTERM, and by SIGKILL when it stays."""
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.processes.remove(process)

    def connect(self) -> psycopg.Connection:
        """A connection to the database, each statement by itself."""
        return psycopg.connect(self.database_url, autocommit=True)

    def copy_database(self, name: str) -> Stack:
        """The same stack beside a copy of its database. Nobody may be connected to it."""
        with psycopg.connect(self._url_of("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE waybill")
        url = self._url_of(name)
        return replace(self, database_url=url, environment=self.environment | {"DATABASE_URL": url})

    def _url_of(self, database: str) -> str:
        address = urllib.parse.urlsplit(self.database_url)
        return address._replace(path=f"/{database}").geturl()

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

    def start_web(self, *options: str) -> None:
        """The web process, ready to answer."""
        self.port = free_port()
        self.web = self.start("manage.py", "web", "--port", str(self.port), *options)
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


def _start_observed(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.start(), autocommit=True) as connection:
        for statement in OBSERVED:
            connection.execute(statement)
    server.stop()
    return server.start()


@contextmanager
def running() -> Iterator[Stack]:
    """A migrated stack with an organization; everything is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    # PostgreSQL may not run as root: its own user must be able to come by.
    home.chmod(0o711)
    server = EmbeddedPostgres(home)
    url = _start_observed(server)
    stack = Stack(
        url,
        os.environ
        | {
            "DATABASE_URL": url,
            "SECRET_KEY": "bench",
            "WAYBILL_ENCRYPTION_KEYS": "YmVuY2htYXJrcyBvbmx5LCBhbmQgbm90IGEgc2VjcmU=",
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
